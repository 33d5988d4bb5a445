import { describe, expect, it } from 'vitest'
import { MEMORY_TYPES, TYPE_CODE, type MtrrType } from './memory-types.ts'
import { mtrrTypeCode } from './mtrr.ts'

const E = 1 << 11
const FE = 1 << 10
const VALID = 1n << 11n
/** All address bits of a processor with 48 of them. */
const ADDRESS_BITS = 0xffff_ffff_f000n

interface Range {
  readonly type: MtrrType
  readonly base: bigint
  readonly bytes: bigint
  readonly valid?: boolean
}

function variable(...ranges: readonly Range[]): Uint32Array {
  const registers = new BigUint64Array(16)
  ranges.forEach(({ type, base, bytes, valid = true }, i) => {
    registers[i * 2] = base | BigInt(TYPE_CODE[type])
    registers[i * 2 + 1] = (ADDRESS_BITS & ~(bytes - 1n)) | (valid ? VALID : 0n)
  })
  return new Uint32Array(registers.buffer)
}

const NO_FIXED = new Uint8Array(88)

function typeAt(address: number, defType: number, fixed = NO_FIXED, ranges = variable()): string {
  return MEMORY_TYPES[mtrrTypeCode(defType, fixed, ranges, address)]
}

describe('MTRRdefType', () => {
  const everything = variable({ type: 'WT', base: 0n, bytes: 1n << 48n })

  it('with E = 0 makes everything UC, whatever the ranges say', () => {
    expect(typeAt(0, FE | TYPE_CODE.WB, new Uint8Array(88).fill(TYPE_CODE.WB), everything)).toBe('UC')
    expect(typeAt(0x10_0000, FE | TYPE_CODE.WB, NO_FIXED, everything)).toBe('UC')
  })

  it('gives its type to what no range covers', () => {
    expect(typeAt(0x1234_5678, E | TYPE_CODE.WP)).toBe('WP')
    expect(typeAt(0xffff_ffff_f000, E | TYPE_CODE.WC)).toBe('WC')
  })

  it('with FE = 0 leaves the first megabyte to variable ranges and the default', () => {
    const fixed = new Uint8Array(88).fill(TYPE_CODE.WP)
    expect(typeAt(0xa_0000, E | TYPE_CODE.WB, fixed)).toBe('WB')
    expect(typeAt(0xa_0000, E | TYPE_CODE.WB, fixed, everything)).toBe('WT')
  })

  it('with FE = 1 puts fixed ranges above variable ones, and only below 1 MB', () => {
    const fixed = new Uint8Array(88).fill(TYPE_CODE.WP)
    expect(typeAt(0xf_ffff, E | FE | TYPE_CODE.WB, fixed, everything)).toBe('WP')
    expect(typeAt(0x10_0000, E | FE | TYPE_CODE.WB, fixed, everything)).toBe('WT')
  })
})

describe('fixed ranges', () => {
  it.each([
    ['64 KB', 0, 0x0_0000, 0x0_ffff],
    ['64 KB', 1, 0x1_0000, 0x1_ffff],
    ['64 KB', 7, 0x7_0000, 0x7_ffff],
    ['16 KB', 8, 0x8_0000, 0x8_3fff],
    ['16 KB', 15, 0x9_c000, 0x9_ffff],
    ['16 KB', 16, 0xa_0000, 0xa_3fff],
    ['16 KB', 23, 0xb_c000, 0xb_ffff],
    ['4 KB', 24, 0xc_0000, 0xc_0fff],
    ['4 KB', 31, 0xc_7000, 0xc_7fff],
    ['4 KB', 32, 0xc_8000, 0xc_8fff],
    ['4 KB', 87, 0xf_f000, 0xf_ffff],
  ])('of %s: number %d covers %#x to %#x, and nothing beside', (_, range, first, last) => {
    const fixed = new Uint8Array(88).fill(TYPE_CODE.WB)
    fixed[range] = TYPE_CODE.WC
    const at = (address: number): string => typeAt(address, E | FE | TYPE_CODE.WB, fixed)
    expect(at(first)).toBe('WC')
    expect(at(last)).toBe('WC')
    if (first > 0) expect(at(first - 1)).toBe('WB')
    expect(at(last + 1)).toBe('WB')
  })
})

describe('a variable range', () => {
  it('covers its base to its end', () => {
    const ranges = variable({ type: 'UC', base: 0xc000_0000n, bytes: 0x4000_0000n })
    const at = (address: number): string => typeAt(address, E | TYPE_CODE.WB, NO_FIXED, ranges)
    expect([0xbfff_ffff, 0xc000_0000, 0xffff_ffff, 0x1_0000_0000].map(at)).toEqual(['WB', 'UC', 'UC', 'WB'])
  })

  it('compares address bits above 32 too', () => {
    const ranges = variable({ type: 'WC', base: 0x12_3450_0000n, bytes: 0x10_0000n })
    const at = (address: number): string => typeAt(address, E | TYPE_CODE.WB, NO_FIXED, ranges)
    expect([0x12_3450_0000, 0x3450_0000, 0x13_3450_0000].map(at)).toEqual(['WC', 'WB', 'WB'])
  })

  it('counts for nothing while V is 0', () => {
    const ranges = variable({ type: 'UC', base: 0n, bytes: 1n << 48n, valid: false })
    expect(typeAt(0x5000, E | TYPE_CODE.WB, NO_FIXED, ranges)).toBe('WB')
  })

  it('is found in the last of the eight registers', () => {
    const nothing = { type: 'UC', base: 0n, bytes: 0x1000n, valid: false } as const
    const ranges = variable(...Array.from({ length: 7 }, () => nothing), {
      type: 'WT',
      base: 0x20_0000n,
      bytes: 0x20_0000n,
    })
    expect(typeAt(0x3f_ffff, E | TYPE_CODE.WB, NO_FIXED, ranges)).toBe('WT')
  })
})

describe('overlapping variable ranges', () => {
  const TYPES: readonly MtrrType[] = ['UC', 'WC', 'WP', 'WT', 'WB']

  /** APM vol 2 §7.7.4; `undefined` in the manual is UC here. */
  function expected(a: MtrrType, b: MtrrType): MtrrType {
    if (a === b) return a
    if ([a, b].sort().join() === 'WB,WT') return 'WT'
    return 'UC'
  }

  it.each(TYPES.flatMap((a) => TYPES.map((b) => [a, b, expected(a, b)])))(
    'of %s and %s are %s',
    (a, b, type) => {
      const ranges = variable(
        { type: a, base: 0n, bytes: 0x100_0000n },
        { type: b, base: 0x80_0000n, bytes: 0x80_0000n },
      )
      expect(typeAt(0x90_0000, E | TYPE_CODE.WP, NO_FIXED, ranges)).toBe(type)
      expect(typeAt(0x10_0000, E | TYPE_CODE.WP, NO_FIXED, ranges)).toBe(a)
    },
  )

  it('may be three: WB, WT and UC are UC', () => {
    const everywhere = { base: 0n, bytes: 1n << 48n }
    const ranges = variable(
      { type: 'WB', ...everywhere },
      { type: 'WT', ...everywhere },
      { type: 'UC', ...everywhere },
    )
    expect(typeAt(0, E | TYPE_CODE.WB, NO_FIXED, ranges)).toBe('UC')
  })
})
