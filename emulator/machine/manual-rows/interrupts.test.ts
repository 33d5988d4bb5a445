/** Physical and virtual interrupts of guests (APM vol 2 §15.13, §15.17, §15.20, §15.21, §15.33). */
import { VMCB } from '../guest.fixture.ts'
import {
  at,
  IDT_REGISTER,
  LOAD_IDT,
  NESTED_PAGING,
  on,
  PAGE,
  row,
  RUN,
  testRows,
  VMMCALL,
  type Row,
} from './rows.fixture.ts'

const APIC = 'mov ebp, 0fee00000h\nmov dword [rbp + 0f0h], 1ffh\n'
const SELF_INTERRUPT = 'mov dword [rbp + 300h], 40040h\n'
const SELF_NMI = 'mov dword [rbp + 300h], 40400h\n'
const MASKING = 1n << 24n
const V_IRQ = 0x21_0000_0100n
const IF = { 'save.rflags': 0x202n }
/** CLGI; STI; VMRUN, the way to enter with IF = 1. */
const ENABLED_HOST = `${LOAD_IDT}${APIC}clgi\n${SELF_INTERRUPT}sti\n${RUN}mov esi, edi\ncli\nstgi\nhlt${IDT_REGISTER}`
const DISABLED_HOST = ENABLED_HOST.replace('sti\n', 'nop\n')
const ENDS = 'inc edi\nmov dword [rbp + 0b0h], 0\niretq'

const INTERRUPTS: readonly Row[] = [
  row(
    '15.21.1',
    "with V_INTR_MASKING the host's IF lets physical interrupts through, whatever the guest's is",
    {
      host: ENABLED_HOST,
      handler: ENDS,
      fields: { ...on(0x60), 'control.virtual_interrupt': MASKING },
      gives: { code: 0x60n },
    },
    {
      host: DISABLED_HOST,
      handler: ENDS,
      fields: { ...on(0x60), ...IF, 'control.virtual_interrupt': MASKING },
      gives: { code: VMMCALL },
    },
  ),
  row(
    '15.21.1',
    "without V_INTR_MASKING the guest's IF blocks physical interrupts",
    { host: ENABLED_HOST, handler: ENDS, fields: on(0x60), gives: { code: VMMCALL } },
    { host: ENABLED_HOST, handler: ENDS, fields: { ...on(0x60), ...IF }, gives: { code: 0x60n } },
  ),
  row(
    '15.21.1',
    "an interrupt that is not intercepted goes through the guest's IDT",
    {
      guest: 'nop\nvmmcall',
      host: DISABLED_HOST,
      handler: ENDS,
      fields: IF,
      gives: { code: VMMCALL, registers: { rsi: 1n } },
    },
    {
      guest: 'nop\nvmmcall',
      host: DISABLED_HOST,
      handler: ENDS,
      fields: { ...on(0x60), ...IF },
      gives: { code: 0x60n, registers: { rsi: 0n } },
    },
  ),
  row(
    '15.21.4',
    'a virtual interrupt needs a priority above V_TPR',
    {
      handler: 'vmmcall',
      fields: { ...IF, 'control.virtual_interrupt': V_IRQ | (9n << 16n) | 8n },
      gives: { delivered: [0x21] },
    },
    {
      handler: 'vmmcall',
      fields: { ...IF, 'control.virtual_interrupt': V_IRQ | (8n << 16n) | 8n },
      gives: { delivered: [] },
    },
  ),
  row(
    '15.21.4',
    'V_IGN_TPR leaves the priority out',
    {
      handler: 'vmmcall',
      fields: { ...IF, 'control.virtual_interrupt': V_IRQ | (1n << 20n) | 15n },
      gives: { delivered: [0x21] },
    },
    {
      handler: 'vmmcall',
      fields: { ...IF, 'control.virtual_interrupt': V_IRQ | 15n },
      gives: { delivered: [] },
    },
  ),
  row(
    '15.13.5',
    'the VINTR intercept waits until the interrupt could be taken, and leaves V_IRQ',
    {
      fields: { ...on(0x64), ...IF, 'control.virtual_interrupt': V_IRQ | (1n << 20n) },
      gives: { code: 0x64n, vmcb: { 'control.virtual_interrupt.v_irq': 1n } },
    },
    { fields: { ...on(0x64), 'control.virtual_interrupt': V_IRQ | (1n << 20n) }, gives: { code: VMMCALL } },
  ),
  row(
    '15.21.4',
    'V_IRQ is cleared when the interrupt is taken',
    {
      handler: 'vmmcall',
      fields: { ...IF, 'control.virtual_interrupt': V_IRQ | (1n << 20n) },
      gives: { vmcb: { 'control.virtual_interrupt.v_irq': 0n } },
    },
    {
      handler: 'vmmcall',
      fields: { 'control.virtual_interrupt': V_IRQ | (1n << 20n) },
      gives: { vmcb: { 'control.virtual_interrupt.v_irq': 1n } },
    },
  ),
  row(
    '15.21.5',
    'STI before VMRUN does not shadow the guest here; the VMCB field does',
    {
      host: `${LOAD_IDT}${APIC}clgi\n${SELF_INTERRUPT}mov rax, ${VMCB}\nsti\nvmrun\nmov esi, edi\ncli\nstgi\nhlt${IDT_REGISTER}`,
      guest: 'mov esi, 7\nvmmcall',
      handler: ENDS,
      fields: { ...on(0x60), 'control.virtual_interrupt': MASKING },
      gives: { code: 0x60n, vmcb: { 'save.rip': at(0) } },
    },
    {
      host: ENABLED_HOST,
      guest: 'mov esi, 7\nvmmcall',
      handler: ENDS,
      fields: { ...on(0x60), 'control.interrupt_shadow': 1n, 'control.virtual_interrupt': MASKING },
      gives: { code: 0x60n, vmcb: { 'save.rip': at(5) } },
    },
  ),
  row(
    '15.20',
    'an injected NMI blocks no further one, unless NMIs are virtual',
    {
      handler: 'vmmcall',
      fields: { 'control.event_inj': 0x8000_0202n },
      gives: { delivered: [2], vmcb: { 'control.virtual_interrupt.v_nmi_mask': 0n } },
    },
    {
      handler: 'vmmcall',
      fields: { ...on(0x61), 'control.event_inj': 0x8000_0202n, 'control.virtual_interrupt': 1n << 26n },
      gives: { delivered: [2], vmcb: { 'control.virtual_interrupt.v_nmi_mask': 1n } },
    },
  ),
  row(
    '15.13.1',
    'an intercepted interrupt stays pending: the host takes it after STGI',
    {
      host: `${LOAD_IDT}${APIC}clgi\n${SELF_INTERRUPT}sti\n${RUN}mov esi, edi\nstgi\nnop\nmov ecx, edi\nhlt${IDT_REGISTER}`,
      handler: ENDS,
      fields: { ...on(0x60), 'control.virtual_interrupt': MASKING },
      gives: { code: 0x60n, registers: { rsi: 0n, rcx: 1n } },
    },
    {
      host: `${LOAD_IDT}${APIC}clgi\n${SELF_INTERRUPT}sti\n${RUN}mov esi, edi\nstgi\nnop\nmov ecx, edi\nhlt${IDT_REGISTER}`,
      guest: 'nop\nvmmcall',
      handler: ENDS,
      fields: { 'control.virtual_interrupt': MASKING },
      gives: { code: VMMCALL, registers: { rsi: 1n, rcx: 1n } },
    },
  ),
  row(
    '15.13.2',
    'an intercepted NMI stays pending too',
    {
      host: `${LOAD_IDT}${APIC}clgi\n${SELF_NMI}${RUN}mov esi, edi\nstgi\nnop\nmov ecx, edi\nhlt${IDT_REGISTER}`,
      handler: 'inc edi\niretq',
      fields: on(0x61),
      gives: { code: 0x61n, registers: { rsi: 0n, rcx: 1n } },
    },
    {
      host: `${LOAD_IDT}${APIC}clgi\n${SELF_NMI}${RUN}mov esi, edi\nstgi\nnop\nmov ecx, edi\nhlt${IDT_REGISTER}`,
      handler: 'inc edi\niretq',
      gives: { code: VMMCALL, registers: { rsi: 1n, rcx: 1n } },
    },
  ),
  row(
    '15.33.1',
    'without their virtualization VMLOAD and VMSAVE of a guest use system-physical addresses',
    {
      guest: `mov eax, ${PAGE}\nvmsave\nvmmcall`,
      fields: NESTED_PAGING,
      pages: { 0x60: 0n },
      gives: { code: VMMCALL },
    },
    {
      guest: `mov eax, ${PAGE}\nvmsave\nvmmcall`,
      fields: { ...NESTED_PAGING, 'control.virtualization_extensions': 2n },
      pages: { 0x60: 0n },
      gives: { code: 0x400n },
    },
  ),
  row(
    '15.21.2',
    'with V_INTR_MASKING CR8 is V_TPR, without it writes reach the APIC too',
    {
      guest: 'mov ebx, 5\nmov cr8, rbx\nvmmcall',
      fields: { 'control.virtual_interrupt': MASKING },
      gives: { system: { cr8: 0n }, vmcb: { 'control.virtual_interrupt.v_tpr': 5n } },
    },
    {
      guest: 'mov ebx, 5\nmov cr8, rbx\nvmmcall',
      gives: { system: { cr8: 5n }, vmcb: { 'control.virtual_interrupt.v_tpr': 5n } },
    },
  ),
  row(
    '15.33.2',
    'with a virtual GIF CLGI of a guest does not touch the physical one',
    {
      guest: 'clgi\nvmmcall',
      fields: { 'control.virtual_interrupt': (1n << 9n) | (1n << 25n) },
      gives: { code: VMMCALL, vmcb: { 'control.virtual_interrupt.vgif': 0n } },
    },
    {
      guest: 'clgi\nvmmcall',
      fields: { 'control.virtual_interrupt': 1n << 9n },
      gives: { code: VMMCALL, vmcb: { 'control.virtual_interrupt.vgif': 1n } },
    },
  ),
]

testRows('interrupts', INTERRUPTS)
