/** #VMEXIT: what becomes of the host and of the VMCB (APM vol 2 §15.6, §15.7, §15.17). */
import { NESTED, VMCB } from '../guest.fixture.ts'
import { START } from '../start.ts'
import {
  at,
  HANDLER,
  IDT_REGISTER,
  INVALID,
  LOAD_IDT,
  NESTED_PAGING,
  on,
  PAGE,
  pdpes,
  PROTECTED,
  rdmsr,
  row,
  RUN,
  testRows,
  VMMCALL,
  wrmsr,
  type Row,
} from './rows.fixture.ts'

const APIC = 'mov ebp, 0fee00000h\nmov dword [rbp + 0f0h], 1ffh\n'
const SELF_INTERRUPT = 'mov dword [rbp + 300h], 40040h\n'
const COUNT = 'inc edi\nmov dword [rbp + 0b0h], 0\niretq'
const FS_BASE = 0xc000_0100

/** A host with PAE paging; its PDPEs are at PAGE. */
const PAE_HOST = `mov eax, ${PAGE}\nmov cr3, eax\nmov eax, 20h\nmov cr4, eax\nmov ecx, 0c0000080h\nmov eax, 1000h\nxor edx, edx\nwrmsr\nmov eax, cr0\nor eax, 80000000h\nmov cr0, eax\n${RUN.replace('rax', 'eax')}hlt`

/** Delivers a virtual interrupt through an IDT that is absent from the nested tables, maps it and runs the guest again. */
const LOST = {
  guest: 'nop\nvmmcall',
  handler: 'mov edi, 7\nvmmcall',
  pages: { 0x70: 0n },
  fields: { ...NESTED_PAGING, 'save.rflags': 0x202n, 'control.virtual_interrupt': 0x21_0010_0100n },
}
const MAP_IDT = `mov qword [${NESTED + 0x3000 + 0x70 * 8}], 70007h\n`

const VMEXIT: readonly Row[] = [
  row(
    '15.17',
    'GIF is 0 after it, so STI alone lets no interrupt through',
    {
      host: `${LOAD_IDT}${APIC}${RUN}${SELF_INTERRUPT}sti\nnop\nnop\nmov esi, edi\nstgi\nnop\nhlt${IDT_REGISTER}`,
      handler: COUNT,
      gives: { registers: { rsi: 0n, rdi: 1n } },
    },
    {
      host: `${LOAD_IDT}${APIC}${RUN}${SELF_INTERRUPT}stgi\nsti\nnop\nnop\nmov esi, edi\nhlt${IDT_REGISTER}`,
      handler: COUNT,
      gives: { registers: { rsi: 1n, rdi: 1n } },
    },
  ),
  row(
    '15.6',
    "FS, GS, TR and LDTR keep the guest's values until VMLOAD",
    {
      guest: `${wrmsr(FS_BASE, 0x1234n)}vmmcall`,
      host: `${RUN}${rdmsr(FS_BASE, 'rdi')}hlt`,
      gives: { registers: { rdi: 0x1234n } },
    },
    {
      guest: `${wrmsr(FS_BASE, 0x1234n)}vmmcall`,
      host: `mov eax, ${PAGE}\nvmsave\n${RUN}mov eax, ${PAGE}\nvmload\n${rdmsr(FS_BASE, 'rdi')}hlt`,
      gives: { registers: { rdi: 0n } },
    },
  ),
  row(
    '15.6',
    'breakpoints of the host are off, their addresses stay',
    { host: `mov ebx, 703h\nmov dr7, rbx\n${RUN}mov rdi, dr7\nhlt`, gives: { registers: { rdi: 0x400n } } },
    { host: `mov ebx, 703h\nmov dr0, rbx\n${RUN}mov rdi, dr0\nhlt`, gives: { registers: { rdi: 0x703n } } },
  ),
  row(
    '15.6',
    'segments of the host come back, also when the guest has overwritten its descriptors',
    {
      guest: `mov qword [${START.gdt + 16}], 0\nvmmcall`,
      host: `${RUN}mov edi, 6\nhlt`,
      gives: { registers: { rdi: 6n } },
    },
    {
      guest: `mov qword [${START.gdt + 16}], 0\nvmmcall`,
      host: `${RUN}mov ebx, 10h\nmov ds, ebx\nhlt`,
      gives: { end: 'shutdown' },
    },
  ),
  row(
    '15.30.4',
    'what software writes to the host save area does not matter; where it lies is checked',
    {
      guest: `mov qword [${START.hostSave + 0x578}], 0\nmov qword [${START.hostSave + 0x550}], 0\nvmmcall`,
      host: `${RUN}mov edi, 6\nhlt`,
      gives: { registers: { rdi: 6n } },
    },
    { host: `${wrmsr(0xc001_0117, 0x8001n)}${RUN}hlt`, gives: { end: 'shutdown', codes: [] } },
  ),
  row(
    '15.6',
    'the TSC offset ends with the guest and stays in the VMCB, as do ASID and intercepts',
    {
      host: `${RUN}rdtsc\nmov edi, edx\nhlt`,
      fields: { 'control.tsc_offset': 5n << 32n },
      gives: {
        registers: { rdi: 0n },
        vmcb: { 'control.tsc_offset': 5n << 32n, 'control.asid': 1n, 'control.intercept_vector_4': 3n },
      },
    },
    {
      guest: 'rdtsc\nmov edi, edx\nvmmcall',
      fields: { 'control.tsc_offset': 5n << 32n },
      gives: { registers: { rdi: 5n } },
    },
  ),
  row(
    '15.25.4',
    'N_CR3 is not written back, CR3 of the guest is',
    {
      guest: 'mov rbx, cr3\nor ebx, 10h\nmov cr3, rbx\nvmmcall',
      fields: { ...NESTED_PAGING, 'control.n_cr3': BigInt(NESTED) | 0xfe7n },
      gives: { code: VMMCALL, vmcb: { 'control.n_cr3': BigInt(NESTED) | 0xfe7n } },
    },
    {
      guest: 'mov rbx, cr3\nor ebx, 10h\nmov cr3, rbx\nvmmcall',
      fields: NESTED_PAGING,
      gives: { vmcb: { 'save.cr3': BigInt(START.pml4) | 0x10n } },
    },
  ),
  row(
    'B',
    'rIP of an intercept is the instruction, that of a write trap the next one',
    {
      guest: 'mov rbx, cr0\nmov cr0, rbx\nvmmcall',
      fields: on(0x10),
      gives: { code: 0x10n, vmcb: { 'save.rip': at(3) } },
    },
    {
      guest: 'mov rbx, cr0\nmov cr0, rbx\nvmmcall',
      fields: on(0x90),
      gives: { code: 0x90n, vmcb: { 'save.rip': at(6) } },
    },
  ),
  row(
    '15.7.2',
    'an event in EXITINTINFO is lost unless it is injected again',
    {
      ...LOST,
      host: `${RUN}${MAP_IDT}vmrun\nhlt`,
      gives: { codes: [0x400n, VMMCALL], registers: { rdi: 0n } },
    },
    {
      ...LOST,
      host: `${RUN}${MAP_IDT}mov rbx, [${VMCB + 0x88}]\nmov [${VMCB + 0xa8}], rbx\nvmrun\nhlt`,
      gives: { codes: [0x400n, VMMCALL], registers: { rdi: 7n } },
    },
  ),
  row(
    '15.7.2',
    'EXITCODE names the newer event, EXITINTINFO the one that was on its way',
    {
      guest: 'ud2',
      fields: on(0x4d),
      gives: { code: 0x4dn, vmcb: { 'control.exit_int_info': 0x8000_0306n } },
    },
    { guest: 'ud2', fields: on(0x46, 0x4d), gives: { code: 0x46n, vmcb: { 'control.exit_int_info.v': 0n } } },
  ),
  row(
    '15.20',
    'an injected event that was delivered is not in EXITINTINFO',
    {
      handler: 'vmmcall',
      fields: { 'control.event_inj': 0x8000_0020n },
      gives: { code: VMMCALL, vmcb: { 'control.exit_int_info': 0n, 'control.event_inj.v': 0n } },
    },
    {
      fields: { ...on(0x4d), 'control.event_inj': 0x8000_0020n },
      gives: { code: 0x4dn, vmcb: { 'control.exit_int_info': 0x8000_0020n } },
    },
  ),
  row(
    '15.6',
    'VMEXIT_INVALID leaves the state-save area alone',
    {
      fields: { 'control.asid': 0n, 'save.efer': 0x1100n },
      gives: { code: INVALID, vmcb: { 'save.efer': 0x1100n } },
    },
    { fields: { 'save.efer': 0x1100n }, gives: { vmcb: { 'save.efer': 0x1500n } } },
  ),
  row(
    '15.6',
    'illegal PDPEs of a PAE host shut the machine down',
    {
      start: 'protected',
      guest: `bits 32\nmov dword [${PAGE + 8}], 3\nvmmcall`,
      fields: PROTECTED,
      memory: pdpes(),
      host: PAE_HOST,
      gives: { end: 'shutdown', codes: [VMMCALL] },
    },
    {
      start: 'protected',
      guest: `bits 32\nmov dword [${PAGE + 8}], 2\nvmmcall`,
      fields: PROTECTED,
      memory: pdpes(),
      host: PAE_HOST,
      gives: { codes: [VMMCALL] },
    },
  ),
  row(
    '15.5.1',
    'TF of the host traps behind VMRUN, after the whole guest',
    {
      host: `${LOAD_IDT}mov eax, ${VMCB}\npushfq\nor qword [rsp], 100h\npopfq\nvmrun\nbehind: lea rcx, [rel behind]\nsub rcx, rsi\nhlt${IDT_REGISTER}`,
      handler: 'mov rsi, [rsp]\nand qword [rsp + 16], 0fffffffffffffeffh\ninc edi\niretq',
      gives: { registers: { rdi: 1n, rcx: 0n } },
    },
    {
      host: `${LOAD_IDT}${RUN}hlt${IDT_REGISTER}`,
      handler: 'inc edi\niretq',
      gives: { registers: { rdi: 0n } },
    },
  ),
  row(
    '15.20',
    'EVENTINJ.V is cleared, the rest of the field stays',
    {
      handler: 'vmmcall',
      fields: { 'control.event_inj': 0x9_8000_0b0dn },
      gives: { vmcb: { 'control.event_inj': 0x9_0000_0b0dn, 'save.rip': BigInt(HANDLER) } },
    },
    {
      host: 'hlt',
      fields: { 'control.event_inj': 0x9_8000_0b0dn },
      gives: { vmcb: { 'control.event_inj': 0x9_8000_0b0dn } },
    },
  ),
]

testRows('#VMEXIT', VMEXIT)
