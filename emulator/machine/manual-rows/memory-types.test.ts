/** PAT, MTRRs and the effective memory type (APM vol 2 §7.7, §7.8, §15.25.8). */
import { NESTED, VMCB } from '../guest.fixture.ts'
import { START } from '../start.ts'
import {
  at,
  enters,
  IDT_REGISTER,
  INVALID,
  invalid,
  LOAD_IDT,
  NESTED_PAGING,
  on,
  PAGE,
  poke,
  rdmsr,
  row,
  RUN,
  testRows,
  VMMCALL,
  wrmsr,
  type Case,
  type Row,
} from './rows.fixture.ts'

const PAT = 0x277
const MTRR_DEF_TYPE = 0x2ff
const RESET_PAT = 0x0007_0406_0007_0406n
const PWT = 1n << 3n
const PCD = 1n << 4n
/** The PAT bit of a large leaf. */
const PAT_LARGE = 1n << 12n
/** MTRRdefType: enabled, with this default type. */
const defaultType = (type: bigint): string => wrmsr(MTRR_DEF_TYPE, 0x800n | type)
const WRITE_BACK = defaultType(6n)

const READ = `mov al, [${PAGE}]\nvmmcall`
const READ_ABOVE = 'mov al, [40000000h]\nvmmcall'
/** The guest's leaf of 2 MB, in which PAGE lies, and the nested leaf of 1 GB. */
const GUEST_LEAF = START.pageDirectories
const NESTED_LEAF = NESTED + 0x1000

interface Types {
  /** Bits of the leaves. */
  readonly leaf?: bigint
  readonly nestedLeaf?: bigint
  readonly gPat?: bigint
  /** Host code before VMRUN. */
  readonly before?: string
}

/** A guest under nested paging that reads PAGE, and the type that its TLB entry then has. */
function nestedType(
  type: string,
  { leaf = 0n, nestedLeaf = 0n, gPat = RESET_PAT, before = WRITE_BACK }: Types,
  more: Partial<Case> = {},
): Case {
  return {
    guest: READ,
    memory: { [GUEST_LEAF]: [0x87n | leaf], [NESTED_LEAF]: [0x87n | nestedLeaf] },
    ...more,
    host: `${before}${RUN}hlt`,
    fields: { ...NESTED_PAGING, 'save.g_pat': gPat, ...more.fields },
    gives: { type },
  }
}

/** The same without nested paging: the guest uses the host's PAT. */
function plainType(type: string, { leaf = 0n, before = WRITE_BACK }: Types): Case {
  return {
    guest: READ,
    memory: { [GUEST_LEAF]: [0x87n | leaf] },
    host: `${before}${RUN}hlt`,
    gives: { type },
  }
}

const gPat = (value: bigint) => ({ ...NESTED_PAGING, 'save.g_pat': value })
const refused = (value: bigint): Case => ({
  host: `${LOAD_IDT}${wrmsr(PAT, value)}hlt${IDT_REGISTER}`,
  handler: 'hlt',
  gives: { delivered: [13] },
})
const accepted = (value: bigint): Case => ({
  ...refused(value),
  gives: { delivered: [], system: { pat: value } },
})

const VALUES: readonly Row[] = [
  row(
    '7.8.1',
    'WRMSR of a PAT with type 2 raises #GP',
    refused((RESET_PAT & ~0xffn) | 2n),
    accepted((RESET_PAT & ~0xffn) | 7n),
  ),
  row(
    '7.8.1',
    'types 3 and 8 do not exist either',
    refused(0x0300_0000_0000_0000n),
    accepted(0x0100_0000_0000_0000n),
  ),
  row('7.8.1', 'bits 7:3 of a slot are reserved', refused(0x80n), accepted(0x06n)),
  row(
    '15.25.4',
    'G_PAT with types 2 or 8 makes VMRUN fail',
    invalid(gPat(0x0802n), 'g-pat-type'),
    enters(gPat(0x0706_0504_0100_0107n)),
  ),
  row(
    '15.25.4',
    'all zeros are a legal G_PAT: everything is uncached',
    nestedType('CD', { gPat: 0n }),
    nestedType('WB', {}),
  ),
  row(
    '15.25.4',
    'without nested paging G_PAT may be anything',
    enters({ 'save.g_pat': INVALID }),
    invalid(gPat(INVALID), 'g-pat-type'),
  ),
  row(
    '7.8.1',
    'exactly the types 0, 1, 4, 5, 6 and 7 exist',
    accepted(0x0007_0605_0401_0001n),
    refused(0x0007_0605_0401_0003n),
  ),
]

const HOST_LEAF_UC = PCD | PWT

const TYPES: readonly Row[] = [
  row(
    '7.8.5',
    'UC- yields to a write-combining MTRR, UC does not',
    plainType('WC', { leaf: PCD, before: defaultType(1n) }),
    plainType('CD', { leaf: PCD | PWT, before: defaultType(1n) }),
  ),
  row(
    '7.8.3',
    'the PAT bit of a large leaf is bit 12',
    nestedType('WT', { leaf: PAT_LARGE, gPat: 0x0007_0404_0007_0406n }),
    nestedType('WB', { gPat: 0x0007_0404_0007_0406n }),
  ),
  row(
    '7.8.3',
    'bit 7 of an entry above the leaves makes a huge page of it',
    {
      guest: READ_ABOVE,
      fields: on(0x4e),
      memory: { [START.pageDirectoryPointers + 8]: [0x4087n] },
      gives: { code: 0x4en, vmcb: { 'control.exit_info_1': 9n } },
    },
    {
      guest: READ_ABOVE,
      fields: on(0x4e),
      memory: { [START.pageDirectoryPointers + 8]: [0x4007n] },
      gives: { code: VMMCALL },
    },
  ),
  row(
    '7.8.2',
    'the reset value has the same types in the upper four slots',
    plainType('WB', { leaf: PAT_LARGE }),
    plainType('WT', { leaf: PAT_LARGE, before: WRITE_BACK + wrmsr(PAT, 0x0007_0404_0007_0406n) }),
  ),
  row(
    '7.8.5',
    'UC over write-back memory is CD',
    plainType('CD', { leaf: PCD | PWT }),
    plainType('UC', { leaf: PCD | PWT, before: defaultType(0n) }),
  ),
  row(
    '7.7.2',
    'with MTRRdefType.E = 0 all memory is uncached, whatever the rest says',
    plainType('UC', { before: wrmsr(MTRR_DEF_TYPE, 0x406n) }),
    plainType('WB', { before: WRITE_BACK }),
  ),
  row(
    '15.25.8',
    'write-combining of the guest stays under an uncached nested page, and becomes WC+ under a cached one',
    nestedType('WC', { gPat: 1n, nestedLeaf: HOST_LEAF_UC }),
    nestedType('WC+', { gPat: 1n }),
  ),
  row(
    '15.25.8',
    'write-back of the guest does not survive an uncached nested page',
    nestedType('CD', { nestedLeaf: HOST_LEAF_UC }),
    nestedType('WB', {}),
  ),
  row(
    '15.25.8',
    'WP over WT becomes uncached rather than the weaker of the two',
    nestedType('CD', { gPat: 5n, nestedLeaf: PWT }),
    nestedType('WP', { gPat: 5n, nestedLeaf: PWT, before: WRITE_BACK + wrmsr(PAT, 0x0007_0406_0007_0506n) }),
  ),
  row(
    '15.25.8',
    'bits of nested entries select from the PAT of the host',
    nestedType('CD', { nestedLeaf: PWT, before: WRITE_BACK + wrmsr(PAT, 0x0007_0406_0007_0006n) }),
    nestedType('WT', { nestedLeaf: PWT, gPat: 0x0007_0406_0007_0006n }),
  ),
  row(
    '15.25.8',
    'CR0.CD of the guest disables caching',
    nestedType('CD', {}, { fields: { 'save.cr0': 0xc000_0031n } }),
    nestedType('WB', {}, { fields: { 'save.cr0': 0x8000_0031n } }),
  ),
  row(
    '15.25.8',
    'and so does CR0.CD of the host',
    nestedType('CD', { before: `${WRITE_BACK}mov rbx, cr0\nbts rbx, 30\nmov cr0, rbx\n` }),
    nestedType('WB', {}),
  ),
  row(
    '7.8.1',
    'with the same type in all slots the bits of the leaf mean nothing',
    nestedType('WB', { leaf: PCD | PWT, gPat: 0x0606_0606_0606_0606n }),
    nestedType('CD', { leaf: PCD | PWT }),
  ),
  row(
    '15.25.8',
    'MTRRs see the system-physical address only',
    { ...nestedType('UC', { before: FIXED() }), pages: { 0x60: 0x8_0007n }, memory: {} },
    { ...nestedType('WB', { before: FIXED() }), pages: {}, memory: {} },
  ),
]

/** Fixed-range MTRRs: write-back below 512 KB, uncached from 80000h to 9FFFFh. */
function FIXED(): string {
  return wrmsr(0x250, 0x0606_0606_0606_0606n) + wrmsr(0x258, 0n) + wrmsr(MTRR_DEF_TYPE, 0xc06n)
}

const WRITE_PAT = `${wrmsr(PAT, 0x0101_0101n)}vmmcall`
const AGAIN = `${poke('save.g_pat', 0n)}${poke('save.rip', at(0))}`

const REGISTERS: readonly Row[] = [
  row(
    '15.25.4',
    'with nested paging the PAT that the guest writes is its own',
    {
      guest: WRITE_PAT,
      host: `${RUN}${rdmsr(PAT, 'rdi')}hlt`,
      fields: NESTED_PAGING,
      gives: { registers: { rdi: RESET_PAT }, vmcb: { 'save.g_pat': 0x0101_0101n } },
    },
    {
      guest: WRITE_PAT,
      host: `${RUN}${rdmsr(PAT, 'rdi')}hlt`,
      gives: { registers: { rdi: 0x0101_0101n }, vmcb: { 'save.g_pat': 0n } },
    },
  ),
  row(
    '15.25.4',
    'another G_PAT leaves the types in the TLB until they are flushed',
    { ...nestedType('WB', {}), host: `${WRITE_BACK}${RUN}${AGAIN}mov rax, ${VMCB}\nvmrun\nhlt` },
    {
      ...nestedType('CD', {}),
      host: `${WRITE_BACK}${RUN}${AGAIN}${poke('control.tlb_control', 3n)}mov rax, ${VMCB}\nvmrun\nhlt`,
    },
  ),
  row(
    '15.16.1',
    'a write of an MTRR flushes the TLB of all ASIDs',
    { ...plainType('none', {}), host: `${WRITE_BACK}${RUN}${WRITE_BACK}hlt` },
    plainType('WB', {}),
  ),
]

testRows('values', VALUES)
testRows('types', TYPES)
testRows('registers', REGISTERS)
