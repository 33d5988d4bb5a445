/** Clean bits, ASIDs and the TLB (APM vol 2 §15.15, §15.16). */
import { VMCB } from '../guest.fixture.ts'
import { START } from '../start.ts'
import {
  at,
  INVALID,
  NESTED_PAGING,
  PAGE,
  poke,
  remapped,
  row,
  testRows,
  VMMCALL,
  RUN,
  type Case,
  type Row,
} from './rows.fixture.ts'

/** Clean bits by their names. */
const CLEAN = { i: 0, iopm: 1, asid: 2, tpr: 3, np: 4, crx: 5, drx: 6, dt: 7, seg: 8, cr2: 9 } as const
type Group = keyof typeof CLEAN

/** Runs the guest, edits its VMCB, and runs it again with all clean bits but those of `dirty`. */
function twice(edit: string, dirty: readonly Group[], gives: Case['gives'], more: Partial<Case> = {}): Case {
  const clean = dirty.reduce((bits, group) => bits & ~(1n << BigInt(CLEAN[group])), 0xffff_ffffn)
  return {
    machine: { stateCache: 'aggressive' },
    ...more,
    host: `${RUN}${edit}${poke('control.clean_bits', clean)}mov rax, ${VMCB}\nvmrun\nhlt`,
    gives,
  }
}

const LAZY = { machine: { stateCache: 'lazy' } } as const
const done = { code: VMMCALL }
const failed = { code: INVALID }
const badPat = poke('save.g_pat', 2n)
const COPY = 0x8_0000
/** A second VMCB on another page, with all clean bits set and ASID 0. */
const MOVED = `mov esi, ${VMCB}\nmov edi, ${COPY}\nmov ecx, 512\nrep movsq\nmov dword [${COPY + 0x58}], 0\nmov dword [${COPY + 0xc0}], -1\nmov eax, ${COPY}\nvmrun\nhlt`
const READS_CR8 = 'mov rdi, cr8\nmov ebx, 5\nmov cr8, rbx\nvmmcall'
const MASKING = 1n << 24n

const CLEAN_BITS: readonly Row[] = [
  row(
    '15.15.2',
    'with the bit of nested paging set a changed G_PAT may be overlooked',
    twice(badPat, [], done, { fields: NESTED_PAGING }),
    twice(badPat, ['np'], failed, { fields: NESTED_PAGING }),
  ),
  row(
    '15.15.1',
    'a clean bit is a hint: memory may be read all the same',
    twice(badPat, [], failed, { ...LAZY, fields: NESTED_PAGING }),
    twice(badPat, [], done, { fields: NESTED_PAGING }),
  ),
  row(
    '15.15.2',
    'a VMCB on another page has no copy, whatever its clean bits say',
    { machine: { stateCache: 'aggressive' }, host: `${RUN}${MOVED}`, gives: failed },
    twice(poke('control.asid', 0n), [], done),
  ),
  row(
    '15.15.1',
    'the same VMCB keeps its copy with another ASID',
    twice(poke('control.asid', 9n) + poke('save.efer', 0n), ['asid'], done),
    twice(poke('control.asid', 9n) + poke('save.efer', 0n), ['asid', 'crx'], failed),
  ),
  row(
    '15.15.3',
    'rIP, rSP, rAX and rFLAGS are always read',
    twice(
      poke('save.rip', at(0)) + poke('save.rax', 3n) + poke('save.rflags', 3n),
      [],
      { registers: { rdi: 3n, rsi: 1n } },
      { guest: 'mov edi, eax\nsetc sil\nvmmcall' },
    ),
    twice(
      poke('save.rip', at(0)) + poke('save.cr2', 3n),
      [],
      { registers: { rdi: 0n } },
      { guest: 'mov rdi, cr2\nvmmcall' },
    ),
  ),
  row(
    '15.15.3',
    'EVENTINJ is always read',
    twice(poke('control.event_inj', 0x8000_0020n), [], { delivered: [0x20] }, { handler: 'vmmcall' }),
    twice(poke('control.event_inj', 0x20n), [], { delivered: [] }, { handler: 'vmmcall' }),
  ),
  row(
    '15.15.3',
    'the CPL belongs to the segments',
    twice(poke('save.cpl', 3n), [], { vmcb: { 'save.cpl': 0n } }),
    twice(poke('save.cpl', 3n), ['seg'], { vmcb: { 'save.cpl': 3n } }),
  ),
  row(
    '15.15.3',
    'the TSC offset belongs to the intercepts',
    twice(
      poke('save.rip', at(0)) + poke('control.tsc_offset', 5n << 32n),
      [],
      { registers: { rdx: 0n } },
      { guest: 'rdtsc\nvmmcall' },
    ),
    twice(
      poke('save.rip', at(0)) + poke('control.tsc_offset', 5n << 32n),
      ['i'],
      { registers: { rdx: 5n } },
      { guest: 'rdtsc\nvmmcall' },
    ),
  ),
  row(
    '15.15.2',
    'what the guest itself changes, V_TPR for one, needs no clean bit cleared',
    twice(
      poke('save.rip', at(0)),
      [],
      { registers: { rdi: 5n } },
      { guest: READS_CR8, fields: { 'control.virtual_interrupt': MASKING } },
    ),
    twice(
      poke('save.rip', at(0)) + poke('control.virtual_interrupt', MASKING | 3n),
      ['tpr'],
      { registers: { rdi: 3n } },
      { guest: READS_CR8, fields: { 'control.virtual_interrupt': MASKING } },
    ),
  ),
  row(
    '15.15.3',
    'NP_ENABLE belongs to no group: it is always read, N_CR3 is not',
    twice(
      poke('control.nested_control', 0n) + poke('control.n_cr3', 0n),
      [],
      { codes: [VMMCALL, VMMCALL], vmcb: { 'save.g_pat': 0n } },
      { fields: { ...NESTED_PAGING, 'save.g_pat': 0n } },
    ),
    twice(poke('control.n_cr3', 1n << 50n), ['np'], failed, { fields: NESTED_PAGING }),
  ),
  row(
    '15.15.1',
    'the processor leaves the clean field alone',
    { machine: { stateCache: 'aggressive' }, gives: { code: VMMCALL, vmcb: { 'control.clean_bits': 0n } } },
    twice('', ['crx'], { vmcb: { 'control.clean_bits': 0xffff_ffdfn } }),
  ),
  row(
    '15.15.3',
    'the base of a table belongs to DT, an edit without clearing the bit is lost',
    twice(poke('save.gdtr.limit', 7n), [], { vmcb: { 'save.gdtr.limit': 0n } }),
    twice(poke('save.gdtr.limit', 7n), ['dt'], { vmcb: { 'save.gdtr.limit': 7n } }),
  ),
  row(
    '15.15.1',
    'a processor without the feature does not look at the clean bits',
    twice(badPat, [], failed, {
      machine: { stateCache: 'aggressive', cpu: 'default,-vmcbclean' },
      fields: NESTED_PAGING,
    }),
    twice(badPat, [], done, { fields: NESTED_PAGING }),
  ),
]

/** The host's own mapping of the second GiB: reads, remaps, invalidates and reads again. */
const ALIAS = 0x4000_0000 + PAGE
const ALIAS_ENTRY = START.pageDirectories + 0x1000
const hostReads = (asid: number): Omit<Case, 'gives'> => ({
  host: `mov bl, [${ALIAS}]\nmov dword [${ALIAS_ENTRY}], 200087h\nmov eax, ${ALIAS}\nmov ecx, ${asid}\ninvlpga\nmovzx edi, byte [${ALIAS}]\nhlt`,
  memory: { [PAGE]: [0x11n] },
})
const mapAlias = `mov dword [${ALIAS_ENTRY}], 87h\nmov eax, ${ALIAS}\nxor ecx, ecx\ninvlpga\n`

/** A guest that reads, writes CR3 in a second run, and reads again in a third; these writes of control registers exit. */
const flushing = (intercepts: bigint): Omit<Case, 'gives'> => {
  const read = `movzx edi, byte [${ALIAS}]\nvmmcall\n`
  const readBytes = 11
  return {
    ...remapped(
      `${poke('control.intercept_vector_0', intercepts)}${poke('save.rip', at(readBytes))}vmrun\n${poke('save.rip', at(0))}`,
    ),
    guest: `${read}mov rbx, cr3\nmov cr3, rbx\nvmmcall`,
  }
}

const TLB: readonly Row[] = [
  row(
    '15.16.1',
    'TLB_CONTROL = 1 flushes, and stays 1 until software changes it',
    {
      ...remapped('', { 'control.tlb_control': 1n }),
      gives: { registers: { rdi: 0xffn }, vmcb: { 'control.tlb_control': 1n } },
    },
    { ...remapped('', { 'control.tlb_control': 0n }), gives: { registers: { rdi: 0x11n } } },
  ),
  row(
    '15.16.1',
    'without FlushByAsid encodings 3 and 7 do nothing',
    {
      ...remapped('', { 'control.tlb_control': 3n }),
      machine: { cpu: 'default,-flushbyasid' },
      gives: { registers: { rdi: 0x11n } },
    },
    {
      ...remapped('', { 'control.tlb_control': 1n }),
      machine: { cpu: 'default,-flushbyasid' },
      gives: { registers: { rdi: 0xffn } },
    },
  ),
  row(
    '15.16.1',
    "a new ASID sees nothing of the old one's translations",
    { ...remapped(poke('control.asid', 2n)), gives: { registers: { rdi: 0xffn } } },
    { ...remapped(poke('control.asid', 1n)), gives: { registers: { rdi: 0x11n } } },
  ),
  row(
    '15.16.2',
    'ASID 0 in INVLPGA names the host',
    { ...hostReads(0), host: mapAlias + hostReads(0).host!, gives: { registers: { rdi: 0xffn } } },
    { ...hostReads(1), host: mapAlias + hostReads(1).host!, gives: { registers: { rdi: 0x11n } } },
  ),
  row(
    '15.16',
    'global pages are global within their ASID only',
    {
      ...remapped(poke('control.asid', 2n), { 'save.cr4': 0xa0n }),
      memory: { [ALIAS_ENTRY]: [0x187n], [PAGE]: [0x11n] },
      gives: { registers: { rdi: 0xffn } },
    },
    {
      ...remapped('', { 'save.cr4': 0xa0n, 'control.tlb_control': 7n }),
      memory: { [ALIAS_ENTRY]: [0x187n], [PAGE]: [0x11n] },
      gives: { registers: { rdi: 0x11n } },
    },
  ),
  row(
    '15.16.1',
    'MOV CR3 of a guest flushes its own ASID',
    {
      ...remapped(''),
      guest: `mov rbx, cr3\nmov cr3, rbx\nmovzx edi, byte [${ALIAS}]\nvmmcall`,
      gives: { registers: { rdi: 0xffn } },
    },
    { ...remapped(`mov rbx, cr3\nmov cr3, rbx\n`), gives: { registers: { rdi: 0x11n } } },
  ),
  row(
    '15.16.1',
    'an intercepted MOV CR3 flushes nothing',
    { ...flushing(1n << 19n), gives: { codes: [VMMCALL, 0x13n, VMMCALL], registers: { rdi: 0x11n } } },
    { ...flushing(0n), gives: { codes: [VMMCALL, VMMCALL, VMMCALL], registers: { rdi: 0xffn } } },
  ),
]

testRows('clean bits', CLEAN_BITS)
testRows('the TLB', TLB)
