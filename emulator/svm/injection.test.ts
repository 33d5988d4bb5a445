import { describe, expect, it } from 'vitest'
import { CS, RSP } from '../isa/registers.ts'
import { mapPage } from '../paging/paging.fixture.ts'
import { EXIT } from '../state/exit-codes.ts'
import { Exit } from '../state/faults.ts'
import { svmTest, type SvmTest } from './svm.fixture.ts'

const NESTED_ROOT = 0x30_0000

/** A real-mode guest at 0000:4000 with SP = 2000h and an interrupt table whose vector n leads to 0100:n0. */
function realModeGuest(changes: Record<string, bigint> = {}): SvmTest {
  const test = svmTest()
  test.set({
    'save.efer': 0x1000n,
    'save.cr0': 0x10n,
    'save.cr4': 0n,
    'save.cs.attrib': 0x9bn,
    'save.cs.limit': 0xffffn,
    'save.ss.attrib': 0x93n,
    'save.ss.limit': 0xffffn,
    'save.idtr.limit': 0x3ffn,
    'save.rflags': 0x202n,
    'save.rip': 0x4000n,
    'save.rsp': 0x2000n,
    'control.n_rip': 0x4002n,
    ...changes,
  })
  for (let vector = 0; vector < 256; vector++)
    test.cpu.memory.write32(vector * 4, 0x0100_0000 | (vector << 4))
  return test
}

/** The vector whose handler runs, and the IP that it returns to. */
function delivered({ cpu: { state, memory } }: SvmTest): { vector: number; returnIp: number; stack: bigint } {
  expect(state.segments[CS].selector).toBe(0x100)
  return {
    vector: Number(state.rip) >> 4,
    returnIp: Number(memory.read(0x2000 - 6, 2)),
    stack: state.gpr[RSP],
  }
}

function inject(type: number, vector: number): bigint {
  return BigInt((0x8000_0000 | (type << 8) | vector) >>> 0)
}

describe('EVENTINJ', () => {
  it.each([
    ['an interrupt', inject(0, 0x20), 0x20, 0x4000],
    ['an NMI, whatever its vector', inject(2, 77), 2, 0x4000],
    ['an exception', inject(3, 6), 6, 0x4000],
    ['a software interrupt, which returns to nRIP', inject(4, 0x80), 0x80, 0x4002],
    ['#BP, which returns to nRIP', inject(3, 3), 3, 0x4002],
    ['#OF, which returns to nRIP', inject(3, 4), 4, 0x4002],
  ])('delivers %s before the first instruction', (_, event, vector, returnIp) => {
    const test = realModeGuest({ 'control.event_inj': event })
    expect(test.vmrun()).toEqual([])
    expect(delivered(test)).toEqual({ vector, returnIp, stack: 0x1ffan })
    expect(test.cpu.state.deliveringEvent).toBe(0n)
  })

  it('delivers even with IF = 0 and leaves NMIs unmasked', () => {
    const test = realModeGuest({ 'control.event_inj': inject(2, 0), 'save.rflags': 2n })
    test.vmrun()
    expect(delivered(test).vector).toBe(2)
    expect(test.cpu.state.nmiMasked).toBe(0)
  })

  it('is not subject to intercepts itself', () => {
    const test = realModeGuest({
      'control.event_inj': inject(3, 6),
      'control.intercept_vector_2': 0xffff_ffffn,
    })
    test.vmrun()
    expect(test.exits).toEqual([])
    expect(delivered(test).vector).toBe(6)
  })

  it('without V delivers nothing, whatever the rest says', () => {
    const test = realModeGuest({ 'control.event_inj': inject(3, 2) & 0x7fff_ffffn })
    expect(test.vmrun()).toEqual([])
    expect(test.cpu.state.rip).toBe(0x4000n)
  })

  it('loses V at the next #VMEXIT, and keeps the rest', () => {
    const test = realModeGuest({ 'control.event_inj': (5n << 32n) | inject(0, 0x20) })
    test.vmrun()
    test.cpu.virtualization.exit(test.cpu, new Exit(EXIT.HLT), 0n)
    expect(test.get('control.event_inj')).toBe((5n << 32n) | 0x20n)
    expect(test.get('control.exit_int_info')).toBe(0n)
  })

  it('exits with EXITINTINFO when its delivery meets an intercepted exception', () => {
    const test = realModeGuest({
      'control.event_inj': inject(0, 0x20),
      'save.idtr.limit': 0n,
      'control.intercept_vector_2': 1n << 13n,
    })
    test.vmrun()
    expect(test.exits.map(({ code }) => code)).toEqual([0x4dn])
    expect(test.get('control.exit_int_info')).toBe(0x8000_0020n)
    expect(test.get('control.n_rip')).toBe(0n)
    expect(test.get('save.rip')).toBe(0x4000n)
    expect(test.cpu.state.guestMode).toBe(0)
  })

  it('exits with EXITINTINFO, error code included, when its delivery meets a nested page fault', () => {
    const test = realModeGuest({
      'control.event_inj': (0x18n << 32n) | inject(3, 13) | (1n << 11n),
      'control.nested_control': 1n,
      'control.n_cr3': BigInt(NESTED_ROOT),
    })
    test.vmrun()
    expect(test.get('control.exit_code')).toBe(0x400n)
    expect(test.get('control.exit_int_info')).toBe((0x18n << 32n) | 0x8000_0b0dn)
  })
})

describe('the guest instruction bytes', () => {
  const bytes = ({ cpu }: SvmTest): number[] => [...cpu.memory.dump(0x10_00d0, 16)]
  const counted = Array.from({ length: 15 }, (_, n) => n + 1)

  /** A running guest with bytes 1, 2, 3... at 0000:ip, of which nested page tables map page 4000h only. */
  function guestAt(ip: number): SvmTest {
    const test = realModeGuest({
      'save.rip': BigInt(ip),
      'control.nested_control': 1n,
      'control.n_cr3': BigInt(NESTED_ROOT),
      'control.instruction_bytes_fetched': 9n,
    })
    test.cpu.memory.load(ip, new Uint8Array(counted))
    mapPage(test.cpu, NESTED_ROOT, 0x4000n, 0x4000)
    test.vmrun()
    return test
  }

  function exitWith(test: SvmTest, code: number, info1: bigint, fetch = false): number[] {
    test.cpu.virtualization.exit(test.cpu, new Exit(code, info1, 0n, fetch), 0n)
    return bytes(test)
  }

  it('are 15 for a nested page fault on data', () => {
    expect(exitWith(guestAt(0x4000), EXIT.NPF, 0x1_0000_0004n)).toEqual([15, ...counted])
  })

  it('are 15 for an intercepted #PF on data', () => {
    expect(exitWith(guestAt(0x4000), EXIT.EXCEPTION_0 + 14, 2n)).toEqual([15, ...counted])
  })

  it('end where fetching them would fault', () => {
    expect(exitWith(guestAt(0x4ffa), EXIT.NPF, 0x1_0000_0004n)).toEqual([
      6,
      1,
      2,
      3,
      4,
      5,
      6,
      ...new Array<number>(9).fill(0),
    ])
  })

  it('are none for a fetch, and none for other exits', () => {
    for (const [code, info1, fetch] of [
      [EXIT.NPF, 0x1_0000_0004n, true],
      [EXIT.VMMCALL, 0n, false],
      [EXIT.EXCEPTION_0 + 13, 0n, false],
    ] as const)
      expect(exitWith(guestAt(0x4000), code, info1, fetch)[0]).toBe(0)
  })

  it('end with the code segment', () => {
    const test = guestAt(0x4000)
    test.cpu.state.segments[CS].limit = 0x4003
    expect(exitWith(test, EXIT.NPF, 0x1_0000_0004n).slice(0, 6)).toEqual([4, 1, 2, 3, 4, 0])
  })
})
