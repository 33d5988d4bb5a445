import { describe, expect, it } from 'vitest'
import { START } from '../machine/index.ts'
import { L1, runL1, VMCB, type Program } from './l0.fixture.ts'
import { get } from './vmcb-image.ts'

/** An IDT at 60000h whose gates 02h and 40h lead to handlers that count in r14 and r13, with the local APIC at r8. */
const HANDLERS = `
    jmp begin
  nmi_handler:
    inc r14
    iretq
  interrupt_handler:
    inc r13
    mov dword [r8 + 0xb0], 0
    iretq
  idtr: dw 0xfff
        dq 0x60000
  begin:
    mov r8d, 0xfee00000
    xor r13, r13
    xor r14, r14
    mov dword [r8 + 0xf0], 0x1ff
    mov rax, nmi_handler
    mov rdi, 0x60020
    call gate
    mov rax, interrupt_handler
    mov rdi, 0x60400
    call gate
    lidt [idtr]
    jmp main
  gate:
    mov [rdi], ax
    mov word [rdi + 2], 8
    mov word [rdi + 4], 0x8e00
    shr rax, 16
    mov [rdi + 6], ax
    ret
  main:
`
const SEND_NMI = 'mov dword [r8 + 0x300], 0x44400\n'
const SEND_40H = 'mov dword [r8 + 0x300], 0x44040\n'

/** Intercepts of INTR, NMI and VINTR. */
const INTR = 1n
const NMI = 2n
const VINTR = 16n

function registers(underL0: boolean, program: Program) {
  const { machine, exits, result, field } = runL1(underL0, { ...program, l1: HANDLERS + (program.l1 ?? L1) })
  const { r12, r13, r14, rbx } = machine.inspect().general
  const word = field('control.virtual_interrupt')
  return { reason: result.reason, codes: exits.map(({ code }) => code), r12, r13, r14, rbx, word }
}

const GUEST_WITH_IDT = {
  'save.idtr.base': 0x6_0000n,
  'save.idtr.limit': 0xfffn,
  'save.gdtr.base': BigInt(START.gdt),
  'save.gdtr.limit': 0x1fn,
  'save.cs.selector': 8n,
}

/** Of VMCB offset 060h, with V_INTR_VECTOR 40h and V_INTR_PRIO 4. */
const VIRTUAL_40H = 0x40_0004_0100n
const V_INTR_MASKING = 1n << 24n
const V_NMI = (1n << 26n) | (1n << 11n)
const V_NMI_MASK = 1n << 12n

/** L2 sets IF while GIF is 0, and looks at r13 before STGI and behind it. */
const UNTIL_STGI = 'clgi\n sti\n nop\n nop\n mov r12, r13\n stgi\n nop\n mov rbx, r13\n vmmcall'

const SAME: readonly [string, Program, Partial<ReturnType<typeof registers>>][] = [
  [
    'an interrupt waits for STGI and STI',
    { l1: `clgi\n sti\n ${SEND_40H} nop\n mov r12, r13\n stgi\n nop\n hlt` },
    { r12: 0n, r13: 1n },
  ],
  [
    'an NMI waits for STGI',
    { l1: `clgi\n ${SEND_NMI} nop\n mov r12, r14\n stgi\n nop\n hlt` },
    { r12: 0n, r14: 1n },
  ],
  [
    'CR8 is the task priority also while GIF is 0',
    {
      l1: `clgi\n sti\n mov rax, 5\n mov cr8, rax\n ${SEND_40H} stgi\n nop\n mov r12, cr8\n xor eax, eax\n mov cr8, rax\n nop\n hlt`,
    },
    { r12: 5n, r13: 1n },
  ],
  [
    'an interrupt that L1 intercepts ends L2 and waits for STGI',
    {
      vmcb: { 'control.intercept_vector_3': INTR, 'control.virtual_interrupt': 1n << 24n },
      l1: `sti\n mov rax, ${VMCB}\n vmrun\n mov r12, r13\n stgi\n nop\n hlt`,
      l2: `${SEND_40H} nop\n mov rbx, 1\n vmmcall`,
    },
    { codes: [0x60n], r12: 0n, r13: 1n },
  ],
  [
    'an interrupt that is pending at VMRUN ends L2 before its first instruction',
    {
      vmcb: { 'control.intercept_vector_3': INTR, 'control.virtual_interrupt': 1n << 24n },
      l1: `mov rbx, 7\n clgi\n ${SEND_40H} sti\n mov rax, ${VMCB}\n vmrun\n stgi\n nop\n hlt`,
      l2: `mov rbx, 1\n vmmcall`,
    },
    { codes: [0x60n], rbx: 7n, r13: 1n },
  ],
  [
    'an interrupt that nobody intercepts is delivered to L2',
    {
      vmcb: { ...GUEST_WITH_IDT, 'save.rflags': 0x202n },
      l2: `${SEND_40H} nop\n mov r12, r13\n vmmcall`,
    },
    { codes: [0x81n], r12: 1n, r13: 1n },
  ],
  [
    'an NMI that L1 intercepts ends L2 and waits for STGI',
    {
      vmcb: { 'control.intercept_vector_3': NMI },
      l1: `mov rax, ${VMCB}\n vmrun\n mov r12, r14\n stgi\n nop\n hlt`,
      l2: `${SEND_NMI} nop\n vmmcall`,
    },
    { codes: [0x61n], r12: 0n, r14: 1n },
  ],
  [
    'CLGI of L2, which nobody intercepts, holds back what L1 intercepts until its STGI',
    {
      vmcb: { 'control.intercept_vector_3': NMI },
      l1: `xor ebx, ebx\n mov rax, ${VMCB}\n vmrun\n stgi\n nop\n hlt`,
      l2: `clgi\n ${SEND_NMI} nop\n mov rbx, 1\n stgi\n mov rbx, 2\n vmmcall`,
    },
    { codes: [0x61n], rbx: 1n, r14: 1n },
  ],
  [
    'a virtual interrupt of L2 is delivered',
    {
      vmcb: {
        ...GUEST_WITH_IDT,
        'save.rflags': 0x202n,
        // V_INTR_VECTOR 40h, V_INTR_MASKING, V_INTR_PRIO 4, V_IRQ.
        'control.virtual_interrupt': 0x40_0104_0100n,
      },
      l2: 'nop\n mov r12, r13\n vmmcall',
    },
    { codes: [0x81n], r12: 1n },
  ],
  [
    'a virtual interrupt waits while L2 has cleared GIF',
    { vmcb: { ...GUEST_WITH_IDT, 'control.virtual_interrupt': VIRTUAL_40H }, l2: UNTIL_STGI },
    { codes: [0x81n], r12: 0n, rbx: 1n, word: 0x40_0004_0000n },
  ],
  [
    'a virtual interrupt of an L2 with V_INTR_MASKING waits, too',
    {
      vmcb: { ...GUEST_WITH_IDT, 'control.virtual_interrupt': VIRTUAL_40H | V_INTR_MASKING },
      l2: UNTIL_STGI,
    },
    { codes: [0x81n], r12: 0n, rbx: 1n, word: 0x40_0104_0000n },
  ],
  [
    'a virtual interrupt that still waits for GIF is in the VMCB after the exit',
    {
      vmcb: { ...GUEST_WITH_IDT, 'control.virtual_interrupt': VIRTUAL_40H },
      l2: 'clgi\n sti\n nop\n nop\n vmmcall',
    },
    { codes: [0x81n], r13: 0n, word: VIRTUAL_40H },
  ],
  [
    'the exit for a virtual interrupt that L1 intercepts waits for GIF',
    {
      vmcb: {
        ...GUEST_WITH_IDT,
        'control.intercept_vector_3': VINTR,
        'control.virtual_interrupt': VIRTUAL_40H,
      },
      l2: 'clgi\n sti\n nop\n nop\n mov r12, 7\n stgi\n nop\n vmmcall',
    },
    { codes: [0x64n], r12: 7n, r13: 0n, word: VIRTUAL_40H },
  ],
  [
    'a virtual NMI waits while L2 has cleared GIF, though its IRET has ended the mask',
    {
      vmcb: {
        ...GUEST_WITH_IDT,
        'control.intercept_vector_3': NMI,
        'control.virtual_interrupt': V_NMI | V_NMI_MASK,
      },
      l2: `clgi\n mov rcx, rsp\n push 10h\n push rcx\n push 2\n push 8\n lea rax, [rel back]\n push rax\n iretq
        back: nop\n mov r12, r14\n stgi\n nop\n mov rbx, r14\n vmmcall`,
    },
    { codes: [0x81n], r12: 0n, rbx: 1n, word: 1n << 26n },
  ],
  [
    'V_TPR is what L2 wrote to CR8 before it cleared GIF',
    {
      vmcb: { ...GUEST_WITH_IDT, 'control.virtual_interrupt': VIRTUAL_40H },
      l2: 'mov rax, 5\n mov cr8, rax\n clgi\n stgi\n sti\n nop\n mov r12, cr8\n vmmcall',
    },
    { codes: [0x81n], r12: 5n, r13: 0n, word: VIRTUAL_40H | 5n },
  ],
  [
    'V_TPR is what L2 wrote to CR8 while GIF was 0',
    {
      vmcb: { ...GUEST_WITH_IDT, 'control.virtual_interrupt': VIRTUAL_40H },
      l2: 'clgi\n mov rax, 5\n mov cr8, rax\n stgi\n sti\n nop\n mov r12, cr8\n vmmcall',
    },
    { codes: [0x81n], r12: 5n, r13: 0n, word: VIRTUAL_40H | 5n },
  ],
  [
    'V_TPR that L1 gave L2 outlasts a GIF of 0, and CR8 is another thing',
    {
      vmcb: { ...GUEST_WITH_IDT, 'control.virtual_interrupt': VIRTUAL_40H | 5n },
      l2: 'clgi\n mov r12, cr8\n stgi\n sti\n nop\n vmmcall',
    },
    { codes: [0x81n], r12: 0n, r13: 0n, word: VIRTUAL_40H | 5n },
  ],
  [
    'an NMI that L1 injects arrives, though the shadow tables lack its IDT at first',
    {
      vmcb: {
        ...GUEST_WITH_IDT,
        'control.event_inj': 0x8000_0202n,
        'control.nested_control': 1n,
        'control.n_cr3': 0x4_0000n,
        'save.g_pat': 0n,
      },
      l2: 'mov r12, r14\n vmmcall',
    },
    { codes: [0x81n], r12: 1n },
  ],
]

describe("L1's GIF and events", () => {
  it.each(SAME)('%s', (_, program, expected) => {
    const underL0 = registers(true, program)
    expect(underL0).toMatchObject(expected)
    expect(underL0).toEqual(registers(false, program))
  })

  it('has no SMM: an SMI comes to nothing', () => {
    const l1 = `mov r12, 1\n out 0xb2, al\n nop\n mov r12, 2\n hlt`
    expect(registers(true, { l1 })).toMatchObject({ reason: 'halted-forever', r12: 2n })
  })

  it('gives L1 an exit for the SMI of L2 that it intercepts', () => {
    const vmcb = { 'control.intercept_vector_3': 4n }
    expect(registers(true, { vmcb, l2: 'out 0xb2, al\n nop\n vmmcall' }).codes).toEqual([0x62n])
  })
})

describe('INIT', () => {
  it('resets L1, also while L2 runs', () => {
    const l2 = 'mov dword [r8 + 0x300], 0x44500\n nop\n jmp $'
    const { l0, exits } = runL1(true, { l1: `mov r8d, 0xfee00000\n ${L1}`, l2 }, 60)
    expect(exits).toEqual([])
    expect(l0!.state(0).nested.guestMode).toBe(false)
    expect(l0!.state(0).svme).toBe(false)
    // The boot-strap processor begins at the reset vector.
    expect(get(l0!.state(0).vmcb01, 'save.cs.selector')).toBe(0xf000n)
  })
})
