/** What a value of vmcb12 is worth that reaches vmcb02 without having been checked, as after a lost race. */
import { describe, expect, it } from 'vitest'
import { parseDecisions } from './decisions.ts'
import { L1, L2, NESTED_PAGING, runL1, VMCB, vmcbImage, prepare } from './l0.fixture.ts'

function unchecked(field: string) {
  const text = `format: 1\ntitle: Unchecked\nfields: { ${field}: { check: none } }`
  return { decisions: parseDecisions('l0.yaml', text).decisions! }
}

describe('an illegal g_pat in vmcb02', () => {
  const vmcb = {
    ...NESTED_PAGING,
    'save.g_pat': 0x0808_0808_0808_0808n,
    'control.event_inj': 0x8000_0303n,
    'save.dr6': 0xffff_0ff0n,
  }

  it("fails the processor's VMRUN, and L1 gets VMEXIT_INVALID all the same", () => {
    const { exits, field, result } = runL1(true, { vmcb, policy: unchecked('save.g_pat') })
    expect(exits.map(({ code }) => BigInt.asIntN(64, code))).toEqual([-1n])
    expect([result.reason, field('save.rip'), field('control.event_inj')]).toEqual([
      'halted-forever',
      BigInt(L2),
      0n,
    ])
  })

  it('is found late: L0 itself has refused nothing', () => {
    const refusals = [undefined, unchecked('save.g_pat')].map((policy) => {
      const { l0 } = runL1(true, policy === undefined ? { vmcb } : { vmcb, policy })
      return l0!.events.filter((event) => event.kind === 'decision' && event.rule === 'refused-early').length
    })
    expect(refusals).toEqual([1, 0])
  })
})

describe('a vmcb12 without the VMRUN intercept', () => {
  const SECOND = VMCB + 0x1000
  /** L2 executes VMRUN of a VMCB of its own, whose guest exits at once. */
  const l2 = `mov eax, ${SECOND}\n vmrun\n hlt`

  function run(policy: ReturnType<typeof unchecked> | undefined) {
    const program = { l1: L1, l2, vmcb: { 'control.intercept_vector_4': 2n } }
    const { machine, l0 } = prepare(true, policy === undefined ? program : { ...program, policy })
    machine.load(SECOND, vmcbImage({ 'save.rip': BigInt(L2 + 0x100) }))
    // VMMCALL
    machine.load(L2 + 0x100, Uint8Array.of(0x0f, 0x01, 0xd9))
    const { reason } = machine.run(1000)
    return { reason, rip: machine.inspect().rip, guestMode: l0!.state(0).nested.guestMode }
  }

  it('is refused where it is checked, and L1 goes on behind its VMRUN', () => {
    const { reason, rip } = run(undefined)
    expect(reason).toBe('halted-forever')
    expect(Number(rip)).toBeLessThan(L2)
  })

  it('lets L2 be taken for L1: it goes on at its own rIP with the privileges of L1', () => {
    const { reason, rip, guestMode } = run(unchecked('control.intercept_vector_4'))
    expect([reason, guestMode]).toEqual(['halted-forever', false])
    expect(Number(rip)).toBeGreaterThan(L2)
  })
})
