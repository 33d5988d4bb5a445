import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AF, CF, OF, PF, SF, ZF } from '../isa/registers.ts'
import { arithmeticFlags, FLAGS, readRflags, setArithmeticFlags, writeRflags } from './flags.ts'
import { vcpuView } from './vcpu.ts'
import { VCPU_STRIDE } from './memory-map.ts'

const state = vcpuView(new ArrayBuffer(VCPU_STRIDE), 0)

/** The flags by definition: unlimited integers, signed and unsigned. */
function flagsByDefinition(
  addition: boolean,
  size: number,
  left: bigint,
  right: bigint,
  carry: bigint,
): number {
  const bits = size * 8
  const signed = (value: bigint): bigint => BigInt.asIntN(bits, value)
  const sign = addition ? 1n : -1n
  const unsignedResult = left + sign * (right + carry)
  const result = BigInt.asUintN(bits, unsignedResult)
  const nibble = (left & 15n) + sign * ((right & 15n) + carry)
  const ones = (result & 0xffn).toString(2).replaceAll('0', '').length
  let flags = 0
  if (unsignedResult !== result) flags |= CF
  if (signed(left) + sign * (signed(right) + carry) !== signed(result)) flags |= OF
  if (nibble < 0n || nibble > 15n) flags |= AF
  if (result === 0n) flags |= ZF
  if (signed(result) < 0n) flags |= SF
  if (ones % 2 === 0) flags |= PF
  return flags
}

function flagsOf(kind: number, size: number, left: bigint, right: bigint, result: bigint): number {
  state.flagsKind = kind
  state.flagsSize = size
  state.flagsLeft = left
  state.flagsRight = right
  state.flagsResult = result
  return arithmeticFlags(state)
}

/** Values of `size` bytes, those at the borders often among them. */
function operand(size: number): fc.Arbitrary<bigint> {
  const top = 1n << BigInt(size * 8 - 1)
  return fc.oneof(
    fc.constantFrom(0n, 1n, 15n, 16n, top - 1n, top, top * 2n - 1n),
    fc.bigInt({ min: 0n, max: top * 2n - 1n }),
  )
}

const SIZES = [1, 2, 4, 8] as const

test.each(SIZES)(
  'additions and subtractions of %i bytes, with and without carry, have the flags of their definition',
  (size) => {
    const bits = size * 8
    fc.assert(
      fc.property(operand(size), operand(size), fc.constantFrom(0n, 1n), (left, right, carry) => {
        const sum = BigInt.asUintN(bits, left + right + carry)
        const difference = BigInt.asUintN(bits, left - right - carry)
        const [add, sub] = carry === 0n ? [FLAGS.add, FLAGS.sub] : [FLAGS.adc, FLAGS.sbb]
        expect(flagsOf(add, size, left, right, sum)).toBe(flagsByDefinition(true, size, left, right, carry))
        expect(flagsOf(sub, size, left, right, difference)).toBe(
          flagsByDefinition(false, size, left, right, carry),
        )
      }),
    )
  },
)

test.each(SIZES)('INC and DEC of %i bytes keep CF and set the rest', (size) => {
  const bits = size * 8
  fc.assert(
    fc.property(operand(size), fc.constantFrom(0n, 1n), (left, carry) => {
      for (const [kind, addition] of [
        [FLAGS.inc, true],
        [FLAGS.dec, false],
      ] as const) {
        const result = BigInt.asUintN(bits, addition ? left + 1n : left - 1n)
        const expected = (flagsByDefinition(addition, size, left, 1n, 0n) & ~CF) | (carry === 1n ? CF : 0)
        expect(flagsOf(kind, size, left, carry, result)).toBe(expected)
      }
    }),
  )
})

test.each(SIZES)('logic of %i bytes clears CF, OF and AF', (size) => {
  fc.assert(
    fc.property(operand(size), (result) => {
      const expected = flagsByDefinition(true, size, result, 0n, 0n)
      expect(flagsOf(FLAGS.logic, size, 0n, 0n, result)).toBe(expected)
    }),
  )
})

test('rFLAGS reads as written, but for the bits that do not exist and bit 1', () => {
  writeRflags(state, 0xffff_ffff)
  expect(readRflags(state)).toBe(0x3f_7fd7)
  writeRflags(state, 0)
  expect(readRflags(state)).toBe(2)
})

test('setting the arithmetic flags leaves the others alone', () => {
  writeRflags(state, 0x202)
  setArithmeticFlags(state, CF | SF)
  expect(readRflags(state)).toBe(0x283)
})
