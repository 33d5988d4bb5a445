import { describe, expect, it } from 'vitest'
import { IOPM, L1, L1_BYTES, MSRPM, NESTED, NESTED_PAGING, runL1, VMCB, type Program } from './l0.fixture.ts'

const EVENTINJ = 0xa8

/** What L1 can tell: its registers, its exits, vmcb12, and how the run ended. */
function seenByL1(underL0: boolean, program: Program) {
  const { machine, exits, result } = runL1(underL0, program)
  const { general, rip } = machine.inspect()
  const vmcb12 = machine.readMemory(VMCB, 4096)
  // The processor clears V of EVENTINJ, KVM and so L0 all of it.
  vmcb12.fill(0, EVENTINJ, EVENTINJ + 8)
  return { reason: result.reason, general, rip, exits, vmcb12 }
}

/** Intel's VMCALL, which is no instruction of this processor. */
const VMCALL = 'db 0x0f, 0x01, 0xc1'

/** An L2 in legacy PAE paging, whose PDPEs lie at 70000h; the first one leads to a directory with a large page. */
const PAE_L2 = {
  'save.efer': 0x1000n,
  'save.cr3': 0x7_0000n,
  'save.cs.attrib': 0xc9bn,
  'save.cs.limit': 0xffff_ffffn,
}
const paeTables = (pdpe: number, last = 0) => `
    mov qword [0x70000], ${pdpe}
    mov qword [0x70018], ${last}
    mov qword [0x71000], 0x87
    ${L1}`

/** Programs that must come out the same on the bare machine and under L0. */
const SAME: readonly [string, Program][] = [
  ['VMCALL of L2 as #UD', { vmcb: { 'control.intercept_vector_2': 1n << 6n }, l2: VMCALL }],
  [
    'VMMCALL of an L2 whose L1 intercepts only #UD',
    { vmcb: { 'control.intercept_vector_2': 1n << 6n, 'control.intercept_vector_4': 1n } },
  ],
  ['VMMCALL of L1, without a handler', { l1: 'vmmcall' }],
  ['VMCALL of L1, without a handler', { l1: VMCALL }],
  ['one VMRUN and VMMCALL', { l2: 'mov rbx, 42\n mov rax, 7\n vmmcall' }],
  ['a guest with nested paging', { vmcb: NESTED_PAGING, l2: 'mov qword [0x60000], 5\n vmmcall' }],
  ['an illegal VMCB', { vmcb: { 'control.asid': 0n } }],
  ['an intercepted CPUID', { vmcb: { 'control.intercept_vector_3': 1n << 18n }, l2: 'cpuid\n vmmcall' }],
  [
    'a shutdown of the guest',
    { vmcb: { 'control.intercept_vector_3': 1n << 31n, 'save.idtr.limit': 0n }, l2: 'ud2' },
  ],
  ['an intercepted #UD', { vmcb: { 'control.intercept_vector_2': 1n << 6n }, l2: 'ud2' }],
  [
    'an injected event without a handler',
    { vmcb: { 'control.event_inj': 0x8000_0306n, 'control.intercept_vector_3': 1n << 31n } },
  ],
  [
    'a port that L1 intercepts',
    {
      vmcb: { 'control.intercept_vector_3': 1n << 27n },
      l1: `mov byte [${IOPM} + 2], 1\n ${L1}`,
      l2: 'in al, 0x11\n in al, 0x10\n vmmcall',
    },
  ],
  [
    'an MSR that L1 intercepts, and one that it does not',
    {
      vmcb: { 'control.intercept_vector_3': 1n << 28n },
      // STAR, C000_0081h: its bits lie 800h bytes into the map, from bit 2 * 81h on.
      l1: `mov byte [${MSRPM} + 0x800 + 0x20], 4\n ${L1}`,
      l2: 'mov ecx, 0xc0000082\n rdmsr\n mov ecx, 0xc0000081\n rdmsr\n vmmcall',
    },
  ],
  [
    'VMSAVE and VMLOAD',
    {
      l1: `mov rax, 0x70000\n vmsave\n mov qword [0x70620], 0x1234\n vmload\n mov ecx, 0xc0000102\n rdmsr\n mov rbx, rax\n ${L1}`,
    },
  ],
  [
    'CLGI, STGI and EFER without SVME',
    { l1: 'clgi\n stgi\n mov ecx, 0xc0000080\n rdmsr\n mov ebx, eax\n hlt' },
  ],
  [
    'a nested page fault',
    { vmcb: NESTED_PAGING, l1: `mov qword [${NESTED} + 0x1000], 0\n ${L1}`, l2: 'nop' },
  ],
  [
    'a write to a read-only page of the nested tables',
    {
      vmcb: NESTED_PAGING,
      l1: `mov qword [${NESTED} + 0x1000], ${NESTED + 0x2007}
           mov qword [${NESTED} + 0x2000], 0x87
           mov qword [${NESTED} + 0x2008], 0x200085
           ${L1}`,
      l2: 'mov rax, [0x200000]\n mov [0x200000], rax\n vmmcall',
    },
  ],
  ['a PAE guest', { vmcb: PAE_L2, l1: paeTables(0x7_1001) }],
  ['a PAE guest with a reserved bit in a PDPE that it uses', { vmcb: PAE_L2, l1: paeTables(0x7_1003) }],
  [
    'a PAE guest with a reserved bit in one that it does not use',
    { vmcb: PAE_L2, l1: paeTables(0x7_1001, 5) },
  ],
  ['a PAE guest with a PDPE that is not there', { vmcb: PAE_L2, l1: paeTables(0x7_1001, 6) }],
  [
    'a PAE guest whose PDPEs lie where L1 has no RAM',
    { vmcb: { ...PAE_L2, 'save.cr3': BigInt(L1_BYTES + 0x2000) }, l1: paeTables(0x7_1001) },
  ],
  [
    'a PAE guest with nested paging, whose PDPEs nobody checks at VMRUN',
    { vmcb: { ...NESTED_PAGING, ...PAE_L2 }, l1: paeTables(0x7_1001, 5) },
  ],
  ...[0x100n, 1n << 51n, 1n << 63n].map((bit): [string, Program] => [
    `the reserved bit ${bit.toString(16)}h of the top nested table`,
    { vmcb: NESTED_PAGING, l1: `mov rax, ${BigInt(NESTED + 0x1007) | bit}\n mov [${NESTED}], rax\n ${L1}` },
  ]),
]

describe('L1 under L0', () => {
  it.each(SAME)('sees what the bare machine shows: %s', (_, program) => {
    expect(seenByL1(true, program)).toEqual(seenByL1(false, program))
  })

  it('runs ten VMRUNs of one VMCB', () => {
    const l1 = `
        mov r15, 10
        mov rax, ${VMCB}
      again:
        vmrun
        add qword [rax + 0x578], 3
        dec r15
        jnz again
        hlt`
    const l2 = 'inc rbx\n vmmcall\n'.repeat(10)
    const { exits, machine } = runL1(true, { l1, l2 })
    expect(exits.map(({ code }) => code)).toEqual(Array(10).fill(0x81n))
    expect(machine.inspect().general.rbx).toBe(10n)
  })

  it('finds L0 nowhere: above its RAM nothing answers', () => {
    const l1 = `mov rbx, [${L1_BYTES}]\n mov qword [${L1_BYTES}], 0\n mov rcx, [${L1_BYTES + 0x10_0000}]\n hlt`
    const { machine, result } = runL1(true, { l1 })
    expect(result.reason).toBe('halted-forever')
    expect(machine.inspect().general).toMatchObject({ rbx: 2n ** 64n - 1n, rcx: 2n ** 64n - 1n })
    expect(machine.readMemory(L1_BYTES, 8).some((byte) => byte !== 0)).toBe(true)
  })

  it('gets #GP for VMRUN while VM_HSAVE_PA is 0, as under KVM', () => {
    const l1 = `mov ecx, 0xc0010117\n xor eax, eax\n xor edx, edx\n wrmsr\n ${L1}`
    expect(runL1(true, { l1 }).result).toMatchObject({ reason: 'shutdown' })
  })

  it('shuts down when vmcb12 lies where it has no RAM', () => {
    const { result, exits } = runL1(true, { l1: `mov rax, ${L1_BYTES}\n vmrun\n hlt` })
    expect(result).toMatchObject({ reason: 'shutdown', rip: 0x1_0000n + 5n })
    expect(exits).toEqual([])
  })
})

describe('a run under L0', () => {
  it('ends in the same state for slices of any length, and after going back', () => {
    const program = { vmcb: NESTED_PAGING, l2: 'mov qword [0x60000], 5\n vmmcall' }
    const whole = runL1(true, program).machine
    const sliced = runL1(true, program, 1).machine
    while (sliced.run(1).reason === 'budget');
    expect(sliced.digest()).toBe(whole.digest())
    const { instructions } = whole
    whole.goTo(Math.floor(instructions / 2))
    whole.goTo(instructions)
    expect(whole.digest()).toBe(sliced.digest())
  })

  it('can be saved and restored at any step, inside a handler too', () => {
    const program = { vmcb: NESTED_PAGING, l2: 'mov qword [0x60000], 5\n vmmcall' }
    const end = runL1(true, program)
    const digest = end.machine.digest()
    for (let at = 1; at < end.machine.instructions; at++) {
      const saved = runL1(true, program, at).machine.save()
      const { machine } = runL1(true, { l1: 'hlt' })
      machine.restore(saved)
      machine.run(1000)
      expect(machine.digest()).toBe(digest)
    }
  })
})
