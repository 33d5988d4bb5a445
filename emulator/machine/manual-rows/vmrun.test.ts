/** VMRUN itself: its faults, what it loads, injection and single steps (APM vol 2 §15.5, §15.16, §15.20). */
import { START } from '../start.ts'
import {
  at,
  enters,
  IDT_REGISTER,
  invalid,
  LOAD_IDT,
  on,
  poke,
  remapped,
  row,
  RUN,
  testRows,
  VMMCALL,
  wrmsr,
  type Row,
} from './rows.fixture.ts'

const INJECT = 'control.event_inj'

const VMRUN: readonly Row[] = [
  row(
    '15.5.1',
    'EFER[7:1] read as zero, EFER[16] must be zero',
    enters({ 'save.efer': 0x15fen }),
    invalid({ 'save.efer': 0x1_1500n }, 'efer-reserved'),
  ),
  row(
    '15.5',
    'rAX that is not page-aligned raises #GP in the host, and EXITCODE stays as it was',
    {
      host: `${LOAD_IDT}mov eax, 20008h\nvmrun\nhlt${IDT_REGISTER}`,
      handler: 'hlt',
      fields: { 'control.exit_code': 0x72n },
      gives: { codes: [], delivered: [13], vmcb: { 'control.exit_code': 0x72n } },
    },
    {
      host: `${LOAD_IDT}${RUN}hlt${IDT_REGISTER}`,
      handler: 'vmmcall',
      fields: { 'control.exit_code': 0x72n },
      gives: { delivered: [], vmcb: { 'control.exit_code': VMMCALL } },
    },
  ),
  row(
    '15.5',
    'rAX beyond 2^MAXPHYADDR raises #GP in the host',
    {
      host: `${LOAD_IDT}mov rax, 1000000000000h\nvmrun\nhlt${IDT_REGISTER}`,
      handler: 'hlt',
      gives: { codes: [], delivered: [13] },
    },
    {
      host: `${LOAD_IDT}mov rax, 0fffffffff000h\nvmrun\nhlt${IDT_REGISTER}`,
      handler: 'hlt',
      gives: { delivered: [] },
    },
  ),
  row(
    '15.4',
    'without EFER.SVME it is undefined',
    {
      host: `${LOAD_IDT}${wrmsr(0xc000_0080, 0x500n)}${RUN}hlt${IDT_REGISTER}`,
      handler: 'hlt',
      gives: { codes: [], delivered: [6] },
    },
    {
      host: `${LOAD_IDT}${wrmsr(0xc000_0080, 0x1500n)}${RUN}hlt${IDT_REGISTER}`,
      handler: 'vmmcall',
      gives: { delivered: [] },
    },
  ),
  row(
    '15.20',
    'EV alone says whether an error code is pushed, also for #PF',
    {
      guest: 'ud2',
      handler: 'pop rdi\nvmmcall',
      fields: { [INJECT]: 0x5_8000_030en },
      gives: { delivered: [14], registers: { rdi: at(0) } },
    },
    {
      guest: 'ud2',
      handler: 'pop rdi\nvmmcall',
      fields: { [INJECT]: 0x5_8000_0b0en },
      gives: { delivered: [14], registers: { rdi: 5n } },
    },
  ),
  row(
    '15.20',
    'an injected exception passes its own intercept by',
    {
      handler: 'vmmcall',
      fields: { ...on(0x46), [INJECT]: 0x8000_0306n },
      gives: { code: VMMCALL, delivered: [6] },
    },
    { guest: 'ud2', handler: 'vmmcall', fields: on(0x46), gives: { code: 0x46n, delivered: [] } },
  ),
  row(
    '15.20',
    'the vector of an injected NMI is ignored',
    { handler: 'vmmcall', fields: { [INJECT]: 0x8000_0277n }, gives: { delivered: [2] } },
    { handler: 'vmmcall', fields: { [INJECT]: 0x8000_0077n }, gives: { delivered: [0x77] } },
  ),
  row(
    '15.20',
    'type, vector and error code do not matter while V is 0',
    { handler: 'vmmcall', fields: { [INJECT]: 0x302n }, gives: { code: VMMCALL, delivered: [] } },
    invalid({ [INJECT]: 0x8000_0302n }, 'event-inj-not-an-exception'),
  ),
  row(
    '15.20',
    'an injected software interrupt pushes nRIP',
    {
      guest: 'int 30h\nnop',
      handler: 'pop rdi\nvmmcall',
      fields: { [INJECT]: 0x8000_0430n, 'control.n_rip': at(2) },
      gives: { delivered: [0x30], registers: { rdi: at(2) } },
    },
    {
      guest: 'int 30h\nnop',
      handler: 'pop rdi\nvmmcall',
      fields: { [INJECT]: 0x8000_0030n, 'control.n_rip': at(2) },
      gives: { delivered: [0x30], registers: { rdi: at(0) } },
    },
  ),
  row(
    '15.21.10',
    'V_INTR_MASKING needs no INTR intercept, V_NMI_ENABLE needs that of NMIs',
    enters({ 'control.virtual_interrupt': 1n << 24n }),
    invalid({ 'control.virtual_interrupt': 1n << 26n }, 'v-nmi-without-nmi-intercept'),
  ),
  row(
    '15.5.1',
    'a guest with TF traps after its first instruction, unless that exits',
    {
      guest: 'nop\nnop\nvmmcall',
      fields: { ...on(0x41), 'save.rflags': 0x102n },
      gives: { code: 0x41n, vmcb: { 'save.rip': at(1) } },
    },
    {
      guest: 'vmmcall',
      fields: { ...on(0x41), 'save.rflags': 0x102n },
      gives: { code: VMMCALL, vmcb: { 'save.rip': at(0) } },
    },
  ),
  row(
    '15.5.1',
    'RF of the guest hides a breakpoint on its first instruction',
    {
      guest: 'nop\nvmmcall',
      fields: { ...on(0x41), 'save.rflags': 0x1_0002n, 'save.dr7': 0x401n },
      host: `mov rbx, ${at(0)}\nmov dr0, rbx\n${RUN}hlt`,
      gives: { code: VMMCALL },
    },
    {
      guest: 'nop\nvmmcall',
      fields: { ...on(0x41), 'save.dr7': 0x401n },
      host: `mov rbx, ${at(0)}\nmov dr0, rbx\n${RUN}hlt`,
      gives: { code: 0x41n },
    },
  ),
  row(
    '15.16',
    'another CR3 in the VMCB leaves the translations of its ASID',
    { ...remapped(poke('save.cr3', BigInt(START.pml4) | 8n)), gives: { registers: { rdi: 0x11n } } },
    {
      ...remapped(poke('save.cr3', BigInt(START.pml4) | 8n)),
      guest: `mov rbx, cr3\nmov cr3, rbx\nmovzx edi, byte [40060000h]\nvmmcall`,
      gives: { registers: { rdi: 0xffn } },
    },
  ),
  row(
    '15.5.1',
    'VMRUN does not save DR6; it saves CR3',
    { guest: 'mov ebx, 5\nmov dr6, rbx\nvmmcall', gives: { code: VMMCALL, system: { dr6: 0xffff_0ff5n } } },
    {
      guest: 'mov rbx, cr3\nor ebx, 8\nmov cr3, rbx\nvmmcall',
      gives: { system: { cr3: BigInt(START.pml4) }, vmcb: { 'save.cr3': BigInt(START.pml4) | 8n } },
    },
  ),
  row(
    '7.8.1',
    'the PAT of the host cannot be illegal: WRMSR refuses it, and no check of VMRUN needs to',
    {
      host: `${LOAD_IDT}${wrmsr(0x277, 2n)}${RUN}hlt${IDT_REGISTER}`,
      handler: 'hlt',
      gives: { codes: [], delivered: [13] },
    },
    {
      host: `${LOAD_IDT}${wrmsr(0x277, 5n)}${RUN}hlt${IDT_REGISTER}`,
      gives: { codes: [VMMCALL], delivered: [] },
    },
  ),
  row(
    '15.5.1',
    'one field away from the smallest 64-bit guest nothing enters',
    enters(),
    invalid({ 'save.efer': 0n, 'save.cr4': 0n, 'control.asid': 0n }, 'efer-svme-clear', 'asid-zero'),
  ),
  row(
    '15.21.5',
    'INTERRUPT_SHADOW is loaded: it holds a virtual interrupt for one instruction',
    {
      guest: 'nop\nvmmcall',
      handler: 'pop rdi\nvmmcall',
      fields: {
        'control.interrupt_shadow': 1n,
        'save.rflags': 0x202n,
        'control.virtual_interrupt': 0x21_0010_0100n,
      },
      gives: { delivered: [0x21], registers: { rdi: at(1) } },
    },
    {
      guest: 'nop\nvmmcall',
      handler: 'pop rdi\nvmmcall',
      fields: { 'save.rflags': 0x202n, 'control.virtual_interrupt': 0x21_0010_0100n },
      gives: { delivered: [0x21], registers: { rdi: at(0) } },
    },
  ),
]

testRows('VMRUN', VMRUN)
