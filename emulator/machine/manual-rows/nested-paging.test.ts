/** Nested paging (APM vol 2 §15.25). */
import { NESTED, VMCB } from '../guest.fixture.ts'
import { START } from '../start.ts'
import {
  at,
  invalid,
  NESTED_PAGING,
  on,
  PAE,
  PAGE,
  pdpes,
  poke,
  PROTECTED,
  REAL,
  row,
  RUN,
  testRows,
  VMMCALL,
  wrmsr,
  type Case,
  type Row,
} from './rows.fixture.ts'

const NPF = 0x400n
const INFO_1 = 'control.exit_info_1'
const INFO_2 = 'control.exit_info_2'
const READ = `mov al, [${PAGE}]\nvmmcall`
const WRITE = `mov [${PAGE}], al\nvmmcall`
const FETCH = `mov eax, ${PAGE}\njmp rax`
const NX = 1n << 63n
const WITH_NXE = `${wrmsr(0xc000_0080, 0x1d00n)}${RUN}hlt`
/** Where the guest's second GiB is mapped: its first page directory entry. */
const ALIAS_ENTRY = START.pageDirectories + 0x1000
const ALIAS = 0x4000_0000 + PAGE
const NESTED_ENTRIES = NESTED + 0x3000

/** A guest under nested pages of 4 KB, of which `pages` changes some. */
function nested(
  guest: string,
  pages: Readonly<Record<number, bigint>>,
  gives: Case['gives'],
  more: Partial<Case> = {},
): Case {
  return { guest, pages, ...more, fields: { ...NESTED_PAGING, ...more.fields }, gives }
}
/** A nested page fault. */
const fault = (info1: bigint, info2 = BigInt(PAGE)): Case['gives'] => ({
  code: NPF,
  vmcb: { [INFO_1]: info1, [INFO_2]: info2 },
})
const done = { code: VMMCALL }

/** What PAGE is: absent, for supervisors only, read-only, not executable. */
const ABSENT = { 0x60: 0n }
const SUPERVISOR = { 0x60: 0x6_0003n }
const READ_ONLY = { 0x60: 0x6_0005n }
const NO_EXECUTE = { 0x60: 0x6_0007n | NX }

const PERMISSIONS: readonly Row[] = [
  row(
    '15.25.5',
    'nested entries need U/S = 1 also for supervisor accesses of the guest',
    nested(READ, SUPERVISOR, fault(0x1_0000_0005n)),
    nested(READ, {}, done),
  ),
  row(
    '15.25.5',
    'guest page tables must be writable in the nested tables, also to be read',
    nested('vmmcall', { 1: 0x1005n }, fault(0x2_0000_0007n, 0x1000n)),
    nested(READ, READ_ONLY, done),
  ),
  row(
    '15.25.6',
    "what the guest's tables do not map is a #PF of the guest, what the nested ones do not map an exit",
    nested('mov rbx, 123400005678h\nmov [rbx], al', {}, { code: 0x4en }, { fields: on(0x4e) }),
    nested(READ, ABSENT, fault(0x1_0000_0004n), { fields: on(0x4e) }),
  ),
  row(
    '15.25.6',
    'CR3 of the guest is a guest-physical address: its page faults with bit 33',
    nested('vmmcall', { 1: 0n }, fault(0x2_0000_0006n, 0x1000n)),
    nested(READ, ABSENT, fault(0x1_0000_0004n)),
  ),
  row(
    '15.25.6',
    'bit 32 is for the final page, bit 33 for any guest table',
    nested(WRITE, READ_ONLY, fault(0x1_0000_0007n)),
    nested('vmmcall', { 3: 0n }, fault(0x2_0000_0006n, 0x3000n)),
  ),
  row(
    '15.25.7',
    'CR0.WP = 0 of the host does not make read-only nested pages writable',
    nested(WRITE, READ_ONLY, fault(0x1_0000_0007n), {
      host: `mov rbx, cr0\nbtr rbx, 16\nmov cr0, rbx\n${RUN}hlt`,
    }),
    nested(WRITE, {}, done, { memory: { [START.pageDirectories]: [0x85n] } }),
  ),
  row(
    '15.25.7',
    'nested NX counts also while EFER.NXE of the guest is 0',
    nested(FETCH, NO_EXECUTE, fault(0x1_0000_0015n), { host: WITH_NXE }),
    nested(
      `mov al, [${ALIAS}]`,
      {},
      { code: 0x4en, vmcb: { [INFO_1]: 9n } },
      { host: WITH_NXE, fields: on(0x4e), memory: { [ALIAS_ENTRY]: [0x87n | NX] } },
    ),
  ),
  row(
    '15.25.7',
    'while EFER.NXE of the host is 0, nested NX is a reserved bit',
    nested(READ, NO_EXECUTE, fault(0x1_0000_000dn)),
    nested(READ, NO_EXECUTE, done, { host: WITH_NXE }),
  ),
  row(
    '15.25.7',
    'the global bit of nested entries means nothing',
    nested(
      `movzx edi, byte [${ALIAS}]\nmov dword [${ALIAS_ENTRY}], 200087h\nmov rbx, cr3\nmov cr3, rbx\nmov al, [${ALIAS}]\nvmmcall`,
      { 0x60: 0x6_0107n },
      fault(0x1_0000_0004n, 0x26_0000n),
      { fields: { 'save.cr4': 0xa0n }, memory: { [ALIAS_ENTRY]: [0x87n] } },
    ),
    nested(
      `movzx edi, byte [${ALIAS}]\nmov dword [${ALIAS_ENTRY}], 200087h\nmov rbx, cr3\nmov cr3, rbx\nmov al, [${ALIAS}]\nvmmcall`,
      {},
      done,
      { fields: { 'save.cr4': 0xa0n }, memory: { [ALIAS_ENTRY]: [0x187n] } },
    ),
  ),
  row(
    '15.25.5',
    'walking sets D in the nested entries of guest tables, reading only A in that of the data',
    nested(READ, {}, { code: VMMCALL, memory: { [NESTED_ENTRIES + 8]: 0x1067n } }),
    nested(READ, {}, { code: VMMCALL, memory: { [NESTED_ENTRIES + 0x60 * 8]: 0x6_0027n } }),
  ),
]

/** GMET, and read-only guest page tables, in VMCB offset 090h. */
const EXECUTE_TRAP = { 'control.nested_control': 9n }
const READ_ONLY_TABLES = { 'control.nested_control': 0x41n }

const EXTENSIONS: readonly Row[] = [
  row(
    '15.25.13',
    'with GMET a supervisor may not execute pages that are for users',
    nested('vmmcall', {}, { code: NPF, vmcb: { [INFO_2]: at(0) } }, { fields: EXECUTE_TRAP }),
    nested('vmmcall', { 0x11: 0x1_1003n }, done, { fields: EXECUTE_TRAP }),
  ),
  row(
    '15.25.13',
    'a processor without GMET ignores its bit',
    nested('vmmcall', {}, done, { fields: EXECUTE_TRAP, machine: { cpu: 'default,-gmet' } }),
    nested('vmmcall', {}, { code: NPF }, { fields: EXECUTE_TRAP }),
  ),
  row(
    '15.25.5',
    'with read-only guest page tables walking is no write',
    nested(
      'vmmcall',
      { 1: 0x1005n },
      { code: VMMCALL },
      { fields: READ_ONLY_TABLES, memory: { [START.pml4]: [0x2027n] } },
    ),
    nested('vmmcall', { 1: 0x1005n }, fault(0x2_0000_0007n, 0x1000n), {
      memory: { [START.pml4]: [0x2027n] },
    }),
  ),
]

const PAE_NESTED = 0x6_2000
const PAE_HOST = `mov eax, ${PAGE}\nmov cr3, eax\nmov eax, 20h\nmov cr4, eax\nmov ecx, 0c0000080h\nmov eax, 1000h\nxor edx, edx\nwrmsr\nmov eax, cr0\nor eax, 80000000h\nmov cr0, eax\n${RUN.replace('rax', 'eax')}hlt`
/** The host's own tables, and nested tables with four PDPEs 20h bytes into their page. */
const PAE_TABLES = {
  ...pdpes(),
  [PAE_NESTED + 0x20]: [BigInt(PAE_NESTED + 0x1000) | 1n],
  [PAE_NESTED + 0x1000]: [0x87n],
}

/** Runs a guest that reads, changes the nested entry of PAGE and runs it again. */
const narrowed = (between: string): Omit<Case, 'gives'> => ({
  guest: `mov al, [${ALIAS}]\nvmmcall`,
  fields: NESTED_PAGING,
  pages: {},
  memory: { [ALIAS_ENTRY]: [0x87n] },
  host: `${RUN}mov qword [${NESTED_ENTRIES + 0x60 * 8}], 0\n${poke('save.rip', at(0))}${between}mov rax, ${VMCB}\nvmrun\nhlt`,
})

const TRANSLATION: readonly Row[] = [
  row(
    '15.25.9',
    'a large guest page over small nested ones is held in small pieces',
    nested(READ, {}, { pageBytes: 4096 }),
    { guest: READ, fields: NESTED_PAGING, gives: { pageBytes: 0x20_0000 } },
  ),
  row(
    '15.25.3',
    "nested tables have the format of the host's paging mode: under a PAE host N_CR3 points to four PDPEs",
    {
      start: 'protected',
      host: PAE_HOST,
      guest: 'bits 32\nvmmcall',
      memory: PAE_TABLES,
      fields: { ...PROTECTED, ...NESTED_PAGING, 'control.n_cr3': BigInt(PAE_NESTED + 0x20) },
      gives: done,
    },
    {
      memory: PAE_TABLES,
      fields: { ...NESTED_PAGING, 'control.n_cr3': BigInt(PAE_NESTED + 0x20) },
      gives: { code: NPF },
    },
  ),
  row(
    '15.25.10',
    'a bad PDPE of a PAE guest is a #PF when it is used, and nothing before',
    {
      fields: { ...PAE, ...NESTED_PAGING, ...on(0x4e) },
      memory: pdpes(0, BigInt(PAGE + 0x1000) | 3n),
      gives: { code: 0x4en },
    },
    { fields: { ...PAE, ...NESTED_PAGING, ...on(0x4e) }, memory: pdpes(1, 3n), gives: done },
  ),
  row(
    '15.16.2',
    'taking a nested page away needs a flush of the ASID; INVLPGA of its guest-physical address does not help',
    { ...narrowed(`mov eax, ${PAGE}\nmov ecx, 1\ninvlpga\n`), gives: { codes: [VMMCALL, VMMCALL] } },
    { ...narrowed(poke('control.tlb_control', 3n)), gives: { codes: [VMMCALL, NPF] } },
  ),
  row(
    '15.16.2',
    'INVLPGA takes a guest-virtual address',
    { ...narrowed(`mov eax, ${ALIAS}\nmov ecx, 1\ninvlpga\n`), gives: { codes: [VMMCALL, NPF] } },
    { ...narrowed(`mov eax, ${ALIAS}\nmov ecx, 2\ninvlpga\n`), gives: { codes: [VMMCALL, VMMCALL] } },
  ),
  row(
    '15.25.1',
    'a guest without paging goes through the nested tables',
    nested(`bits 32\n${READ}`, ABSENT, fault(0x1_0000_0004n), { fields: PROTECTED }),
    { guest: `bits 32\n${READ}`, fields: PROTECTED, gives: done },
  ),
  row(
    '15.25.3',
    'the guest may be in real mode',
    { fields: { ...REAL, ...NESTED_PAGING }, gives: done },
    invalid({ ...REAL, ...NESTED_PAGING, 'save.g_pat': 2n }, 'g-pat-type'),
  ),
  row(
    '15.25.3',
    'a nested page may lie elsewhere',
    nested(
      `movzx edi, byte [${PAGE}]\nvmmcall`,
      { 0x60: 0x8_0007n },
      { registers: { rdi: 0x22n } },
      { memory: { [PAGE]: [0x11n], [0x8_0000]: [0x22n] } },
    ),
    nested(
      `movzx edi, byte [${PAGE}]\nvmmcall`,
      {},
      { registers: { rdi: 0x11n } },
      { memory: { [PAGE]: [0x11n], [0x8_0000]: [0x22n] } },
    ),
  ),
  row(
    '15.25.5',
    'a store exits at the page that it would change, with nothing stored before it',
    nested(`mov dword [${PAGE - 2}], -1\nvmmcall`, READ_ONLY, {
      ...fault(0x1_0000_0007n),
      memory: { [PAGE - 8]: 0n },
    }),
    nested(`mov word [${PAGE - 2}], -1\nvmmcall`, READ_ONLY, {
      code: VMMCALL,
      memory: { [PAGE - 8]: 0xffff_0000_0000_0000n },
    }),
  ),
]

testRows('permissions', PERMISSIONS)
testRows('extensions', EXTENSIONS)
testRows('translation', TRANSLATION)
