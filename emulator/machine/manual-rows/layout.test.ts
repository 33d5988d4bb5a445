/** Where fields of the VMCB lie and what moves them (APM vol 2 appendix B, §15.5.1). */
import { VMCB } from '../guest.fixture.ts'
import {
  enters,
  INVALID,
  invalid,
  NESTED_PAGING,
  on,
  poke,
  PROTECTED,
  remapped,
  row,
  RUN,
  testRows,
  VMMCALL,
  type Row,
} from './rows.fixture.ts'

/** Host code that stores a quadword at an offset of the VMCB and runs the guest. */
const store = (offset: number, value: bigint): string =>
  `mov rbx, ${value}\nmov [${VMCB + offset}], rbx\n${RUN}hlt`

const PUSHES_FLAGS = 'pushfq\npop rdi\nvmmcall'
const READS_PAT = 'mov ecx, 277h\nrdmsr\nmov edi, eax\nvmmcall'

const LAYOUT: readonly Row[] = [
  row(
    'B',
    'RFLAGS of the state-save area is at 570h, not at 170h',
    { guest: PUSHES_FLAGS, host: store(0x570, 0x47n), gives: { registers: { rdi: 0x47n } } },
    { guest: PUSHES_FLAGS, host: store(0x170, 0x47n), gives: { registers: { rdi: 2n } } },
  ),
  row(
    'B',
    'CR4 comes first, then CR3 and CR0',
    enters({}, { host: `${store(0x548, 0x20n).replace('hlt', '')}hlt` }),
    { host: store(0x548, 0x8000_0031n), gives: { code: INVALID, checks: ['cr4-reserved'] } },
  ),
  row(
    'B',
    'G_PAT is at 668h, apart from the registers before it',
    { guest: READS_PAT, fields: NESTED_PAGING, host: store(0x668, 6n), gives: { registers: { rdi: 6n } } },
    {
      guest: READS_PAT,
      fields: NESTED_PAGING,
      host: store(0x660, 6n),
      gives: { registers: { rdi: 0x7_0406n } },
    },
  ),
  row(
    'C',
    'EXITCODE has 64 bits',
    {
      ...invalid({ 'control.asid': 0n }, 'asid-zero'),
      host: `${RUN}mov rdi, [${VMCB + 0x70}]\nhlt`,
      gives: { registers: { rdi: INVALID } },
    },
    {
      host: `${RUN}mov edi, [${VMCB + 0x70}]\nhlt`,
      fields: { 'control.asid': 0n },
      gives: { registers: { rdi: 0xffff_ffffn } },
    },
  ),
  row(
    '15.5.1',
    'segment attributes are 12 bits without the limit between them',
    enters({ 'save.cs.attrib': 0xa9bn }),
    // As in a descriptor: L and D lie beyond the 12 bits, so 16-bit code is fetched.
    {
      fields: { 'save.cs.attrib': 0xa09bn, 'save.cs.limit': 0xffff_ffffn },
      gives: { code: VMMCALL, vmcb: { 'save.cs.attrib': 0x9bn } },
    },
  ),
  row(
    '15.5.1',
    'limits count bytes whatever G says',
    {
      guest: 'bits 32\nmov al, [100000h]\nvmmcall',
      fields: { ...PROTECTED, ...on(0x4d), 'save.ds.limit': 0xf_ffffn },
      gives: { code: 0x4dn },
    },
    {
      guest: 'bits 32\nmov al, [0fffffh]\nvmmcall',
      fields: { ...PROTECTED, ...on(0x4d), 'save.ds.limit': 0xf_ffffn },
      gives: { code: VMMCALL },
    },
  ),
  row(
    '15.5.2',
    'VMRUN leaves FS, GS, TR, LDTR and the SYSCALL registers to VMLOAD',
    {
      fields: { 'save.star': 5n, 'save.kernel_gs_base': 6n },
      gives: { code: VMMCALL, system: { star: 0n, kernelGsBase: 0n } },
    },
    {
      host: `mov rax, ${VMCB}\nvmload\nvmrun\nhlt`,
      fields: { 'save.star': 5n, 'save.kernel_gs_base': 6n },
      gives: { system: { star: 5n, kernelGsBase: 6n } },
    },
  ),
  row(
    '15.5.1',
    "of the general registers only rAX and rSP are in the VMCB; the others are the host's",
    { guest: 'mov edi, ebx\nvmmcall', host: `mov ebx, 77h\n${RUN}hlt`, gives: { registers: { rdi: 0x77n } } },
    { guest: 'mov edi, eax\nvmmcall', fields: { 'save.rax': 0x88n }, gives: { registers: { rdi: 0x88n } } },
  ),
  row(
    '15.5.1',
    "DR0 to DR3 are the host's, DR6 and DR7 are in the VMCB",
    {
      guest: 'mov rdi, dr0\nvmmcall',
      host: `mov ebx, 1234h\nmov dr0, rbx\n${RUN}hlt`,
      gives: { registers: { rdi: 0x1234n } },
    },
    {
      guest: 'mov rdi, dr6\nvmmcall',
      host: `mov ebx, 1\nmov dr6, rbx\n${RUN}hlt`,
      fields: { 'save.dr6': 2n },
      gives: { registers: { rdi: 0xffff_0ff2n } },
    },
  ),
  row(
    '15.5.1',
    'the CPL is a byte of its own at 4CBh',
    { guest: 'hlt', fields: { ...on(0x4d, 0x78), 'save.cpl': 3n }, gives: { code: 0x4dn } },
    { guest: 'hlt', fields: { ...on(0x4d, 0x78), 'save.ss.attrib': 0xcf3n }, gives: { code: 0x78n } },
  ),
  row(
    '15.16.1',
    'TLB_CONTROL shares its quadword with the ASID',
    {
      ...remapped(`mov qword [${VMCB + 0x58}], 1\n`, { 'control.tlb_control': 0n }),
      gives: { registers: { rdi: 0x11n }, vmcb: { 'control.tlb_control': 0n } },
    },
    {
      ...remapped(`mov rbx, 300000001h\nmov [${VMCB + 0x58}], rbx\n`),
      gives: { registers: { rdi: 0xffn }, vmcb: { 'control.tlb_control': 3n, 'control.asid': 1n } },
    },
  ),
  row(
    'B',
    'bit 1 of 0B8h virtualizes VMLOAD; bit 1 of 090h is another one',
    {
      guest: 'mov eax, 20000h\nvmsave',
      fields: { 'control.virtualization_extensions': 2n },
      gives: { code: 0x83n },
    },
    {
      guest: 'mov eax, 20000h\nvmsave\nvmmcall',
      fields: { 'control.nested_control': 2n },
      gives: { code: VMMCALL },
    },
  ),
  row(
    '15.15.3',
    'the clean bits are 32 bits at 0C0h; what follows is ignored',
    enters({}, { host: store(0xc0, INVALID), machine: { stateCache: 'aggressive' } }),
    {
      host: `${poke('control.asid', 0n)}${store(0xc0, INVALID)}`,
      machine: { stateCache: 'aggressive' },
      gives: { code: INVALID, checks: ['asid-zero'] },
    },
  ),
  row(
    'B',
    "reserved bits of the control area are the software's to leave zero; nothing checks them",
    enters({ 'control.nested_control': 0xffff_ff00n, 'control.virtualization_extensions': 0xffff_fff0n }),
    { ...invalid({ 'control.n_cr3': 1n << 60n, 'control.nested_control': 1n }, 'n-cr3-reserved') },
  ),
]

testRows('layout', LAYOUT)
