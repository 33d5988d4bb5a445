/** What VMRUN ignores, forces or makes canonical without a word (APM vol 2 §15.5.1). */
import { IOPM, VMCB } from '../guest.fixture.ts'
import { START } from '../start.ts'
import {
  at,
  enters,
  INVALID,
  invalid,
  NESTED_PAGING,
  on,
  PAE,
  PAGE,
  PAGE_DIRECTORY,
  pdpes,
  poke,
  PROTECTED,
  PSE,
  REAL,
  remapped,
  row,
  RUN,
  testRows,
  type Case,
  type Row,
} from './rows.fixture.ts'

const LIMIT = 1n << 48n
const IOIO = { ...on(0x7b), 'control.iopm_base_pa': BigInt(IOPM) | 0xfffn }
const IN = 'mov dx, 60h\nin al, dx\nvmmcall'
/** The highest implemented bit of a linear address, 56, and the address with this bit extended. */
const HIGH_BASE = 1n << 56n
const CANONICAL = 0xff00_0000_0000_0000n

const IGNORED: readonly Row[] = [
  row(
    '15.10.1',
    'bits 11:0 of IOPM_BASE_PA are ignored',
    { guest: IN, fields: IOIO, memory: { [IOPM + 8]: [1n << 32n] }, gives: { code: 0x7bn } },
    { guest: IN, fields: IOIO, memory: { [IOPM + 8]: [1n << 33n] }, gives: { code: 0x81n } },
  ),
  row(
    '15.5.1',
    'low bits of CR3 that a 64-bit guest does not use are ignored',
    enters({ 'save.cr3': BigInt(START.pml4) | 0xfe7n }),
    { ...invalid({ 'save.cr3': BigInt(START.pml4) | LIMIT }, 'cr3-reserved') },
  ),
  row(
    '15.5.1',
    'bits 4:0 of CR3 are ignored with PAE',
    enters({ ...PAE, 'save.cr3': BigInt(PAGE) | 0x1fn }, { memory: pdpes() }),
    { ...invalid({ ...PAE, 'save.cr3': BigInt(PAGE) }, 'pae-pdpe-reserved'), memory: pdpes(0, 7n) },
  ),
  row(
    '15.5.1',
    'bits 11:0 of CR3 are ignored in 32-bit mode',
    enters({ ...PSE, 'save.cr3': BigInt(PAGE) | 0xfffn }, { memory: PAGE_DIRECTORY }),
    { ...PSE_ELSEWHERE() },
  ),
  row(
    '15.5.1',
    'reserved bytes of the control area are ignored',
    enters({}, { host: `mov qword [${VMCB + 0x18}], -1\nmov qword [${VMCB + 0x128}], -1\n${RUN}hlt` }),
    { host: `mov dword [${VMCB + 0x10}], 0\n${RUN}hlt`, gives: { code: INVALID } },
  ),
  row(
    '15.20',
    'reserved bits 30:12 of EVENTINJ are ignored',
    { handler: 'vmmcall', fields: { 'control.event_inj': 0xffff_f020n }, gives: { delivered: [0x20] } },
    { handler: 'vmmcall', fields: { 'control.event_inj': 0x7fff_f020n }, gives: { delivered: [] } },
  ),
  row('15.21.2', 'V_TPR has four bits', virtualInterrupt(0xf4n, 5n, true), virtualInterrupt(0x5n, 5n, false)),
  row(
    '15.25.4',
    'G_PAT is neither checked nor loaded nor stored without nested paging',
    {
      guest: 'mov ecx, 277h\nrdmsr\nmov edi, eax\nvmmcall',
      fields: { 'save.g_pat': 5n },
      gives: { registers: { rdi: 0x0007_0406n }, vmcb: { 'save.g_pat': 5n } },
    },
    {
      guest: 'mov ecx, 277h\nrdmsr\nmov edi, eax\nvmmcall',
      fields: { ...NESTED_PAGING, 'save.g_pat': 5n },
      gives: { registers: { rdi: 5n } },
    },
  ),
  row(
    '15.23',
    'DBGCTL is neither loaded nor stored without LBR virtualization',
    {
      guest: 'mov ecx, 1d9h\nrdmsr\nmov edi, eax\nvmmcall',
      fields: { 'save.dbgctl': 0x41n },
      gives: { registers: { rdi: 0n }, vmcb: { 'save.dbgctl': 0x41n } },
    },
    {
      guest: 'mov ecx, 1d9h\nrdmsr\nmov edi, eax\nvmmcall',
      fields: { 'save.dbgctl': 1n, 'control.virtualization_extensions': 1n },
      gives: { registers: { rdi: 1n } },
    },
  ),
  row(
    '15.16.1',
    'reserved encodings of TLB_CONTROL do nothing',
    { ...remapped('', { 'control.tlb_control': 2n }), gives: { registers: { rdi: 0x11n } } },
    { ...remapped('', { 'control.tlb_control': 3n }), gives: { registers: { rdi: 0xffn } } },
  ),
]

/** A page directory that the ignored bits would not lead away from is elsewhere: its first instruction faults. */
function PSE_ELSEWHERE(): Case {
  return {
    fields: { ...PSE, ...on(0x4e), 'save.cr3': BigInt(PAGE + 0x1000) },
    memory: PAGE_DIRECTORY,
    gives: { code: 0x4en },
  }
}

/** A virtual interrupt of a priority, against V_TPR. */
function virtualInterrupt(tpr: bigint, priority: bigint, taken: boolean): Case {
  const word = tpr | (1n << 8n) | (priority << 16n) | (0x21n << 32n)
  return {
    handler: 'vmmcall',
    fields: { 'save.rflags': 0x202n, 'control.virtual_interrupt': word },
    gives: { delivered: taken ? [0x21] : [] },
  }
}

const base = (key: string): Row =>
  row(
    '15.5.1',
    `the base of ${key} is made canonical`,
    {
      fields: { [`save.${key}.base`]: HIGH_BASE },
      gives: { code: 0x81n, vmcb: { [`save.${key}.base`]: CANONICAL } },
    },
    {
      fields: { [`save.${key}.base`]: HIGH_BASE - 1n },
      gives: { vmcb: { [`save.${key}.base`]: HIGH_BASE - 1n } },
    },
  )

const VMLOADED = (key: string): Row =>
  row(
    '15.5.2',
    `VMLOAD makes ${key} canonical`,
    {
      host: `mov rax, ${VMCB}\nvmload\nvmsave\nvmrun\nhlt`,
      fields: { [key]: HIGH_BASE },
      gives: { vmcb: { [key]: CANONICAL } },
    },
    {
      host: `mov rax, ${VMCB}\nvmload\nvmsave\nvmrun\nhlt`,
      fields: { [key]: HIGH_BASE - 1n },
      gives: { vmcb: { [key]: HIGH_BASE - 1n } },
    },
  )

const FORCED: readonly Row[] = [
  base('gdtr'),
  base('idtr'),
  ...['save.fs.base', 'save.gs.base', 'save.ldtr.base', 'save.tr.base', 'save.kernel_gs_base'].map(VMLOADED),
  row(
    '15.5.1',
    'EFER.LMA follows LME and CR0.PG',
    { fields: { 'save.efer': 0x1100n }, gives: { code: 0x81n, vmcb: { 'save.efer': 0x1500n } } },
    {
      fields: { ...PROTECTED, 'save.efer': 0x1400n },
      gives: { code: 0x81n, vmcb: { 'save.efer': 0x1000n } },
    },
  ),
  row(
    '15.5.1',
    'the CPL of real mode is 0',
    { fields: { ...REAL, 'save.cpl': 3n }, gives: { code: 0x81n, vmcb: { 'save.cpl': 0n } } },
    { fields: { ...PROTECTED, 'save.cpl': 3n }, gives: { code: 0x81n, vmcb: { 'save.cpl': 3n } } },
  ),
  row(
    '15.5.1',
    'the CPL of virtual-8086 mode is 3',
    {
      fields: { ...REAL, 'save.cr0': 0x11n, 'save.rflags': 0x2_0002n },
      gives: { code: 0x81n, vmcb: { 'save.cpl': 3n } },
    },
    { fields: { ...PROTECTED, 'save.rflags': 2n }, gives: { code: 0x81n, vmcb: { 'save.cpl': 0n } } },
  ),
  row(
    '15.19',
    'real mode may be paged',
    enters(
      { ...REAL, 'save.cr0': 0x8000_0010n, 'save.cr4': 0x10n, 'save.cr3': BigInt(PAGE) },
      { memory: PAGE_DIRECTORY },
    ),
    invalid({ 'save.cr0': 0x8000_0010n }, 'long-mode-without-protection'),
  ),
  row(
    '15.5.1',
    'rIP that is not canonical faults in the guest',
    {
      fields: { ...on(0x4d), 'save.rip': HIGH_BASE },
      gives: { code: 0x4dn, vmcb: { 'save.rip': HIGH_BASE } },
    },
    enters({ ...on(0x4d) }),
  ),
  row(
    '15.5.1',
    'rIP beyond the limit of CS faults in the guest',
    { fields: { ...PROTECTED, ...on(0x4d), 'save.cs.limit': at(-1) }, gives: { code: 0x4dn } },
    enters({ ...PROTECTED, ...on(0x4d), 'save.cs.limit': at(2) }),
  ),
  row(
    '15.5.1',
    'fixed bits of rFLAGS are forced',
    { fields: { 'save.rflags': 0x8028n }, gives: { code: 0x81n, vmcb: { 'save.rflags': 2n } } },
    { fields: { 'save.rflags': 0x5n }, gives: { vmcb: { 'save.rflags': 7n } } },
  ),
  row(
    '15.5.1',
    'fixed bits of DR6 are forced',
    {
      fields: { 'save.dr6': 0n },
      gives: { code: 0x81n, vmcb: { 'save.dr6.bs': 0n, 'save.dr6': 0xffff_0ff0n } },
    },
    { fields: { 'save.dr6': 1n }, gives: { vmcb: { 'save.dr6': 0xffff_0ff1n } } },
  ),
  row(
    '15.5.1',
    'fixed bits of DR7 are forced',
    { fields: { 'save.dr7': 0xcc00n }, gives: { code: 0x81n, vmcb: { 'save.dr7': 0x400n } } },
    { fields: { 'save.dr7': 0x700n }, gives: { vmcb: { 'save.dr7': 0x700n } } },
  ),
  row(
    '15.23',
    'reserved bits of DBGCTL are cleared',
    {
      fields: { 'save.dbgctl': 0xff00_0000_0001n, 'control.virtualization_extensions': 1n },
      gives: { code: 0x81n, vmcb: { 'save.dbgctl': 1n } },
    },
    { fields: { 'save.dbgctl': 0xff00_0000_0001n }, gives: { vmcb: { 'save.dbgctl': 0xff00_0000_0001n } } },
  ),
]

/** Checks that people expect and that do not exist; beside each, the one that does. */
const NOT_CHECKED: readonly Row[] = [
  row(
    '15.5.1',
    'reserved bits of rFLAGS are not checked',
    enters({ 'save.rflags': 0xffff_ffff_0000_8028n }),
    invalid({ 'save.dr7': 1n << 32n }, 'dr7-upper-half'),
  ),
  row(
    '15.5.1',
    'TR, LDTR, FS and GS are not looked at',
    enters({
      'save.tr.attrib': 0n,
      'save.ldtr.attrib': 0xfffn,
      'save.fs.base': HIGH_BASE,
      'save.gs.limit': 7n,
    }),
    { fields: { ...PROTECTED, ...on(0x4d), 'save.cs.limit': 0n }, gives: { code: 0x4dn } },
  ),
  row(
    '15.5.1',
    'CR2 may hold anything',
    { fields: { 'save.cr2': HIGH_BASE }, gives: { code: 0x81n, vmcb: { 'save.cr2': HIGH_BASE } } },
    invalid({ 'save.cr3': HIGH_BASE << 1n }, 'cr3-reserved'),
  ),
  row(
    '15.5.1',
    'limits need not agree with granularity',
    enters({ 'save.cs.limit': 0x1234n, 'save.ss.limit': 1n }),
    {
      fields: { ...PROTECTED, ...on(0x4c), 'save.ss.limit': 1n },
      guest: 'bits 32\nmov esp, 50000h\npush eax',
      gives: { code: 0x4cn },
    },
  ),
  row(
    '15.5.1',
    'the CPL need not agree with the DPL of SS',
    enters({ 'save.ss.attrib': 0xcf3n, 'save.cpl': 0n }),
    {
      guest: 'hlt',
      fields: { ...on(0x4d), 'save.ss.attrib': 0xc93n, 'save.cpl': 3n },
      gives: { code: 0x4dn },
    },
  ),
  row(
    '15.5.1',
    'real mode may have a 64-bit code segment',
    enters({ ...REAL, 'save.cs.attrib': 0x29bn }),
    invalid({ 'save.cs.attrib': 0xe9bn }, 'long-mode-cs-l-and-d'),
  ),
  row(
    '15.16',
    'the ASID may be larger than CPUID says',
    enters({ 'control.asid': 0x9000n }),
    invalid({ 'control.asid': 0n }, 'asid-zero'),
  ),
  row(
    '15.25.4',
    'low bits of N_CR3 are not checked',
    enters({ ...NESTED_PAGING, 'control.n_cr3': 0x4_0fffn }),
    invalid({ ...NESTED_PAGING, 'control.n_cr3': LIMIT }, 'n-cr3-reserved'),
  ),
  row(
    '15.5.1',
    'CR3 may point to where no memory is',
    { fields: { ...on(0x4e), 'save.cr3': 0x7000_0000_0000n }, gives: { code: 0x4en } },
    invalid({ 'save.cr3': LIMIT }, 'cr3-reserved'),
  ),
  row(
    '15.11',
    'the MSRPM is checked although nothing uses it',
    invalid({ 'control.msrpm_base_pa': LIMIT }, 'msrpm-out-of-range'),
    enters({ 'control.msrpm_base_pa': 0n }),
  ),
  row(
    '15.25.4',
    'N_CR3 is not looked at without nested paging',
    enters({ 'control.n_cr3': ~0n & 0xffff_ffff_ffff_ffffn }),
    invalid({ ...NESTED_PAGING, 'control.n_cr3': ~0n & 0xffff_ffff_ffff_ffffn }, 'n-cr3-reserved'),
  ),
  row(
    '15.5.2',
    'VMLOAD takes an LSTAR that is not canonical',
    {
      host: `mov rax, ${VMCB}\nvmload\nvmrun\nhlt`,
      fields: { 'save.lstar': HIGH_BASE },
      gives: { code: 0x81n, system: { lstar: HIGH_BASE } },
    },
    {
      guest: 'mov ecx, 0c0000082h\nxor eax, eax\nmov edx, 1000000h\nwrmsr',
      fields: on(0x4d),
      gives: { code: 0x4dn },
    },
  ),
  row(
    '15.6',
    'a stale EXITCODE does not matter',
    enters({ 'control.exit_code': INVALID, 'control.exit_int_info': 0x8000_030en }),
    invalid({ 'control.event_inj': 0x8000_0100n }, 'event-inj-reserved-type'),
  ),
  row(
    '15.25.8',
    'G_PAT and MTRRs may disagree',
    enters({ ...NESTED_PAGING, 'save.g_pat': 0x0505_0505_0505_0505n }),
    invalid({ ...NESTED_PAGING, 'save.g_pat': 0x0303_0303_0303_0303n }, 'g-pat-type'),
  ),
  row(
    '15.16.1',
    'a change of CR4.PGE in the VMCB flushes nothing',
    { ...remapped(poke('save.cr4', 0xa0n)), gives: { registers: { rdi: 0x11n } } },
    { ...remapped(poke('control.tlb_control', 3n)), gives: { registers: { rdi: 0xffn } } },
  ),
]

testRows('ignored', IGNORED)
testRows('forced', FORCED)
testRows('not checked', NOT_CHECKED)
