import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EXIT } from '../state/exit-codes.ts'
import { Exit, Fault, VECTOR } from '../state/faults.ts'
import { msrPermissionBit } from './intercepts.ts'
import { svmTest, type SvmTest } from './svm.fixture.ts'

const IOPM = 0x20_0000
const MSRPM = 0x21_0000

/** A guest with IOIO and MSR intercepts on and empty permission maps. */
function guest(changes: Record<string, bigint> = {}): SvmTest {
  const test = svmTest()
  test.set({
    'control.intercept_vector_3': 3n << 27n,
    'control.iopm_base_pa': BigInt(IOPM),
    'control.msrpm_base_pa': BigInt(MSRPM),
    ...changes,
  })
  test.vmrun()
  return test
}

function exitOf(run: () => void): Exit | undefined {
  try {
    run()
  } catch (thrown) {
    if (thrown instanceof Exit) return thrown
    throw thrown
  }
  return undefined
}

function setBit({ cpu }: SvmTest, base: number, bit: number): void {
  const at = base + (bit >> 3)
  cpu.memory.write(at, 1, cpu.memory.read(at, 1) | BigInt(1 << (bit & 7)))
}

function ioExit(test: SvmTest, port: number, size: 1 | 2 | 4): Exit | undefined {
  return test.cpu.virtualization.exitForIo(test.cpu, port, size, (port << 16) | (size << 4) | 1)
}

function msrExit(test: SvmTest, msr: number, write: boolean): Exit | undefined {
  return exitOf(() => test.cpu.virtualization.interceptMsr(test.cpu, msr, write))
}

describe('intercept bits', () => {
  it('select exactly their exit code', () => {
    for (const code of [0, 0x10, 0x2f, 0x3f, 0x40, 0x5f, 0x60, 0x72, 0x78, 0x7f, 0x81, 0x9f, 0xa6]) {
      const test = guest({
        [`control.intercept_vector_${code >> 5}`]: (1n << BigInt(code & 31)) | (code >> 5 === 4 ? 1n : 0n),
      })
      const hit = Array.from({ length: 0xa7 }, (_, n) => n).filter(
        (n) =>
          n !== EXIT.VMRUN &&
          n !== EXIT.IOIO &&
          n !== EXIT.MSR &&
          exitOf(() => test.cpu.virtualization.intercept(test.cpu, n)),
      )
      expect(hit).toEqual([code])
    }
  })

  it('pass EXITINFO on', () => {
    const test = guest({ 'control.intercept_vector_0': 1n << 19n })
    const info = (1n << 63n) | 3n
    const exit = exitOf(() => test.cpu.virtualization.intercept(test.cpu, EXIT.CR0_WRITE + 3, info))
    expect(exit).toMatchObject({ code: 0x13, info1: info, info2: undefined })
  })
})

describe('the I/O permission map', () => {
  it('lets a port without its bit through', () => {
    expect(ioExit(guest(), 0x3f8, 4)).toBeUndefined()
  })

  it('exits with EXITINFO1 as given and EXITINFO2 = the next rIP', () => {
    const test = guest()
    setBit(test, IOPM, 0x3f8)
    test.cpu.state.rip = 0x4002n
    expect(ioExit(test, 0x3f8, 1)).toMatchObject({ code: 0x7b, info1: 0x3f8_0011n, info2: 0x4002n })
  })

  it('stores a port above 7FFFh as an unsigned number', () => {
    const test = guest()
    setBit(test, IOPM, 0xcf8f)
    expect(ioExit(test, 0xcf8f, 1)?.info1).toBe(0xcf8f_0011n)
  })

  it('exits when any byte of the access has its bit, across bytes of the map', () => {
    for (const size of [1, 2, 4] as const) {
      for (let bit = 0x3f0; bit < 0x400; bit++) {
        const test = guest()
        setBit(test, IOPM, bit)
        const ports = Array.from({ length: 24 }, (_, n) => 0x3ec + n)
        const hit = ports.filter((port) => ioExit(test, port, size) !== undefined)
        expect(hit).toEqual(ports.filter((port) => port <= bit && bit < port + size))
      }
    }
  })

  it('has bits beyond port FFFFh, and does not wrap to port 0', () => {
    const test = guest()
    setBit(test, IOPM, 0)
    setBit(test, IOPM, 1)
    expect(ioExit(test, 0xffff, 4)).toBeUndefined()
    setBit(test, IOPM, 0x1_0002)
    expect(ioExit(test, 0xffff, 2)).toBeUndefined()
    expect(ioExit(test, 0xffff, 4)).toBeDefined()
  })

  it('is ignored without the IOIO intercept', () => {
    const test = guest({ 'control.intercept_vector_3': 0n })
    setBit(test, IOPM, 0x3f8)
    expect(ioExit(test, 0x3f8, 1)).toBeUndefined()
  })
})

describe('the MSR permission map', () => {
  it('has bits 4EEh and 4EFh for the PAT', () => {
    expect(msrPermissionBit(0x277)).toBe(0x4ee)
    const test = guest()
    setBit(test, MSRPM, 0x4ee)
    expect(msrExit(test, 0x277, false)).toMatchObject({ code: 0x7c, info1: 0n })
    expect(msrExit(test, 0x277, true)).toBeUndefined()
    setBit(test, MSRPM, 0x4ef)
    expect(msrExit(test, 0x277, true)).toMatchObject({ code: 0x7c, info1: 1n })
  })

  it.each([
    [0x0000_0000, 0],
    [0x0000_1fff, 0x7ff * 8 + 6],
    [0xc000_0000, 0x800 * 8],
    [0xc000_0080, 0x820 * 8],
    [0xc000_1fff, 0xfff * 8 + 6],
    [0xc001_0000, 0x1000 * 8],
    [0xc001_1fff, 0x17ff * 8 + 6],
    [0x0000_2000, -1],
    [0x4000_0000, -1],
    [0xbfff_ffff, -1],
    [0xc000_2000, -1],
    [0xc000_ffff, -1],
    [0xc001_2000, -1],
    [0xffff_ffff, -1],
  ])('covers MSR %i at bit %i', (msr, bit) => {
    expect(msrPermissionBit(msr)).toBe(bit)
  })

  it('always exits for MSRs outside it, but only with the MSR intercept', () => {
    expect(msrExit(guest(), 0x2000, false)).toBeDefined()
    expect(msrExit(guest({ 'control.intercept_vector_3': 0n }), 0x2000, false)).toBeUndefined()
  })

  it('gives every covered MSR two bits of its own', () => {
    const msr = fc
      .constantFrom(0, 0xc000_0000, 0xc001_0000)
      .chain((first) => fc.nat(0x1fff).map((n) => first + n))
    fc.assert(
      fc.property(msr, msr, (a, b) => {
        const apart = Math.abs(msrPermissionBit(a) - msrPermissionBit(b))
        return a === b ? apart === 0 : apart >= 2
      }),
    )
  })
})

describe('exception intercepts', () => {
  const exceptionExit = (test: SvmTest, fault: Fault) =>
    exitOf(() => test.cpu.virtualization.interceptException(test.cpu, fault))

  it('give error code and address of a #PF, and leave CR2 alone', () => {
    const test = guest({ 'control.intercept_vector_2': 1n << 14n })
    const exit = exceptionExit(test, new Fault(VECTOR.PF, 6, 0x1234_5678n))
    expect(exit).toMatchObject({ code: 0x4e, info1: 6n, info2: 0x1234_5678n })
    expect(test.cpu.state.cr2).toBe(0n)
  })

  it('leave EXITINFO1 undefined for exceptions without an error code', () => {
    const test = guest({ 'control.intercept_vector_2': 0xffff_ffffn })
    for (const vector of [VECTOR.DE, VECTOR.DB, VECTOR.BP, VECTOR.UD, VECTOR.DF])
      expect(exceptionExit(test, new Fault(vector, vector === VECTOR.DF ? 0 : -1))?.info1).toBeUndefined()
    for (const vector of [VECTOR.TS, VECTOR.NP, VECTOR.SS, VECTOR.GP, VECTOR.AC])
      expect(exceptionExit(test, new Fault(vector, 0x18))?.info1).toBe(0x18n)
  })

  it('let exceptions without their bit pass', () => {
    expect(
      exceptionExit(guest({ 'control.intercept_vector_2': 1n << 13n }), new Fault(VECTOR.UD)),
    ).toBeUndefined()
  })
})
