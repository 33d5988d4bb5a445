/**
 * L1's nested tables in every format that its own paging can give them: what L1 sees under L0 is what the bare machine shows, which
 * walks such tables itself. L2 runs without paging and touches one page; the entries that lead there are what varies.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CR4, EFER } from '../svm/index.ts'
import { exitsSeen, L1_BYTES, loadWords, NESTED, prepare, VMCB } from './l0.fixture.ts'

/** L2's address of the page, where L1 has it, and L1's own tables. */
const PAGE = 0x46_0000
const DATA = 0x6_0000
const OWN = 0x7_0000
const FIRST_TABLE = 0x4_1000
const TABLE = 0x4_2000
const POINTERS = 0x4_3000
const PML4 = 0x4_4000
const TABLES_END = 0x4_6000

/** Entries: present, of L1 itself (no user may use them), with all permissions; a large page. */
const [P, KERNEL, ALL, LARGE] = [1n, 3n, 7n, 0x80n]

interface Format {
  readonly cr4: bigint
  readonly entryBytes: 4 | 8
  /** Where the entries on the way to PAGE lie, from the top to the page table's, and what is there at first. */
  readonly path: readonly (readonly [at: number, entry: bigint])[]
  /** Entries with which L2's first 2 MB are L1's, and L1's first 4 MB its own. */
  readonly others: readonly (readonly [at: number, entries: readonly bigint[]])[]
  readonly ownRoot: number
}

/** 4 KB pages: the first `count` of memory. */
const identity = (count: number): bigint[] => Array.from({ length: count }, (_, n) => BigInt(n << 12) | ALL)

const LAST_8: readonly [number, bigint] = [TABLE + 0x60 * 8, BigInt(DATA) | ALL]
/** PDE and PTE of a 64-bit format, whose PDE 0 is a large page. */
const LOW_8 = [[FIRST_TABLE + 2 * 8, BigInt(TABLE) | ALL] as const, LAST_8]
const LOW_4 = [
  [NESTED + 4, BigInt(TABLE) | ALL],
  [TABLE + 0x60 * 4, BigInt(DATA) | ALL],
] as const
const FIRST_PDE = [FIRST_TABLE, [LARGE | ALL]] as const

const FORMATS: Readonly<Record<string, Format>> = {
  '32-bit': {
    cr4: 0n,
    entryBytes: 4,
    path: LOW_4,
    others: [
      [NESTED, [BigInt(FIRST_TABLE) | ALL]],
      [FIRST_TABLE, identity(0x100)],
      [OWN, [BigInt(FIRST_TABLE) | KERNEL]],
    ],
    ownRoot: OWN,
  },
  '32-bit with PSE': {
    cr4: CR4.PSE,
    entryBytes: 4,
    path: LOW_4,
    others: [
      [NESTED, [LARGE | ALL]],
      [OWN, [LARGE | KERNEL]],
    ],
    ownRoot: OWN,
  },
  PAE: {
    cr4: CR4.PAE,
    entryBytes: 8,
    path: [[NESTED, BigInt(FIRST_TABLE) | P], ...LOW_8],
    others: [FIRST_PDE, [OWN, [BigInt(OWN + 0x1000) | P]], [OWN + 0x1000, [LARGE | KERNEL]]],
    ownRoot: OWN,
  },
  '4-level': {
    cr4: CR4.PAE,
    entryBytes: 8,
    path: [[NESTED, BigInt(POINTERS) | ALL], [POINTERS, BigInt(FIRST_TABLE) | ALL], ...LOW_8],
    others: [FIRST_PDE, [OWN + 0x1000, [BigInt(OWN + 0x2000) | KERNEL]], [OWN + 0x2000, [LARGE | KERNEL]]],
    ownRoot: OWN + 0x1000,
  },
  '5-level': {
    cr4: CR4.PAE | CR4.LA57,
    entryBytes: 8,
    path: [
      [NESTED, BigInt(PML4) | ALL],
      [PML4, BigInt(POINTERS) | ALL],
      [POINTERS, BigInt(FIRST_TABLE) | ALL],
      ...LOW_8,
    ],
    others: [
      FIRST_PDE,
      [OWN, [BigInt(OWN + 0x1000) | KERNEL]],
      [OWN + 0x1000, [BigInt(OWN + 0x2000) | KERNEL]],
      [OWN + 0x2000, [LARGE | KERNEL]],
    ],
    ownRoot: OWN,
  },
}
const NAMES = Object.keys(FORMATS)

/** What L2 does with the page: its code, and what is left of L2's run. */
const ACCESSES = {
  read: `mov eax, [${PAGE}]`,
  write: `mov [${PAGE}], eax`,
  fetch: `mov eax, ${PAGE}\n jmp eax`,
  'read and write': `mov eax, [${PAGE}]\n mov [${PAGE}], eax`,
  'write and read': `mov [${PAGE}], eax\n mov eax, [${PAGE}]\n mov eax, [${PAGE} + 8]`,
} as const
type Access = keyof typeof ACCESSES

/** 32-bit code on memory without segments and paging. */
const L2_STATE = {
  'save.efer': EFER.SVME,
  'save.cr0': 0x11n,
  'save.cr4': 0n,
  'save.cs.attrib': 0xc9bn,
  'save.cs.limit': 0xffff_ffffn,
  'save.ds.attrib': 0xc93n,
  'save.ds.limit': 0xffff_ffffn,
  'control.nested_control': 1n,
  'control.n_cr3': BigInt(NESTED),
  'save.g_pat': 0x0007_0406_0007_0406n,
}

interface Case {
  readonly format: string
  readonly access: Access
  /** L1's EFER.NXE and CR4.SMEP. */
  readonly nx?: boolean
  readonly smep?: boolean
  /** Bits of the entries on the way that are the other way round, from the page table's up. */
  readonly flips: readonly bigint[]
}

const VMMCALL_BYTES = Uint8Array.of(0x0f, 0x01, 0xd9)

/** L1 turns its paging on, from flat 32-bit code, and executes VMRUN. */
function l1Code({ format, nx = false, smep = false }: Case): string {
  const { cr4, ownRoot } = FORMATS[format]
  const isLong = format.endsWith('level')
  const efer = EFER.SVME | (nx ? EFER.NXE : 0n) | (isLong ? EFER.LME : 0n)
  return `
    bits 32
    mov eax, ${ownRoot}
    mov cr3, eax
    mov eax, ${cr4 | (smep ? CR4.SMEP : 0n)}
    mov cr4, eax
    mov ecx, 0xc0000080
    xor edx, edx
    mov eax, ${efer}
    wrmsr
    mov ecx, 0xc0010117
    mov eax, 0x8000
    wrmsr
    mov eax, 0x80010011
    mov cr0, eax
    ${isLong ? 'jmp dword 8:long_mode\n bits 64\n long_mode:' : ''}
    mov eax, ${VMCB}
    vmrun
    hlt`
}

/** What is left of a run: L1's exits, the tables with their A and D bits, and the page. */
function outcome(underL0: boolean, tested: Case) {
  const { path, others, entryBytes } = FORMATS[tested.format]
  const { machine, l0 } = prepare(underL0, {
    start: 'protected',
    l1: l1Code(tested),
    l2: `bits 32\n${ACCESSES[tested.access]}\n vmmcall`,
    vmcb: L2_STATE,
    options: { history: false },
  })
  loadWords(machine, NESTED, [0n, 0n])
  const put = (at: number, entry: bigint): void =>
    machine.load(at, new Uint8Array(BigUint64Array.of(entry).buffer, 0, entryBytes))
  for (const [at, entries] of others) entries.forEach((entry, n) => put(at + n * entryBytes, entry))
  path.forEach(([at, entry], n) => put(at, entry ^ (tested.flips[path.length - 1 - n] ?? 0n)))
  machine.load(DATA, VMMCALL_BYTES)
  let isTrespassing = false
  machine.listen(['access'], (heard) => {
    if (heard.kind !== 'access' || l0 === undefined) return
    isTrespassing ||= heard.event.address >= L1_BYTES && heard.event.address < l0.map.end
  })
  const { reason } = machine.run(2000)
  expect(isTrespassing).toBe(false)
  return {
    reason,
    exits: exitsSeen({ machine, l0 }),
    tables: machine.readMemory(NESTED, TABLES_END - NESTED),
    data: machine.readMemory(DATA, 16),
  }
}

const [WRITABLE, USER, PS, NX] = [2n, 4n, 0x80n, 1n << 63n]
/** Low entry bits of a large page, in place of a table's address. */
const asLargePage = BigInt(TABLE) | LARGE

/** EXITINFO1 of the exit, undefined where L2 comes to its VMMCALL. */
type Expected = bigint | undefined
const FINAL = 1n << 32n
const NAMED: readonly (readonly [string, Omit<Case, 'format'>, Expected, readonly string[]])[] = [
  ['what the tables allow', { access: 'read and write', flips: [] }, undefined, NAMES],
  ['a fetch that they allow', { access: 'fetch', flips: [] }, undefined, NAMES],
  ['reading a page that is not there', { access: 'read', flips: [P] }, FINAL | 4n, NAMES],
  ['writing one', { access: 'write', flips: [P] }, FINAL | 6n, NAMES],
  ['a table that is not there', { access: 'read', flips: [0n, P] }, FINAL | 4n, NAMES],
  ['writing a read-only page', { access: 'read and write', flips: [WRITABLE] }, FINAL | 7n, NAMES],
  ['reading it', { access: 'read', flips: [WRITABLE] }, undefined, NAMES],
  ['a read-only table', { access: 'write', flips: [0n, WRITABLE] }, FINAL | 7n, NAMES],
  ["a supervisor's page", { access: 'read', flips: [USER] }, FINAL | 5n, NAMES],
  ["a supervisor's table", { access: 'fetch', nx: true, flips: [0n, USER] }, FINAL | 0x15n, NAMES.slice(2)],
  [
    'fetching from a page that is not executable',
    { access: 'fetch', nx: true, flips: [NX] },
    FINAL | 0x15n,
    NAMES.slice(2),
  ],
  ['reading it', { access: 'read', nx: true, flips: [NX] }, undefined, NAMES.slice(2)],
  ['NX while EFER.NXE is 0', { access: 'read', flips: [NX] }, FINAL | 0xdn, NAMES.slice(2)],
  ['the same with SMEP', { access: 'fetch', smep: true, flips: [NX] }, FINAL | 0x1dn, NAMES.slice(2)],
  ['a large page', { access: 'read and write', flips: [0n, asLargePage] }, undefined, NAMES.slice(1)],
  ['PS without CR4.PSE', { access: 'read', flips: [0n, PS] }, undefined, ['32-bit']],
  [
    'a large page at an odd address',
    { access: 'write', flips: [0n, asLargePage | 0x20_0000n] },
    FINAL | 0xfn,
    ['32-bit with PSE'],
  ],
  [
    'a large page at an odd address',
    { access: 'write', flips: [0n, asLargePage | 0x2_0000n] },
    FINAL | 0xfn,
    NAMES.slice(2),
  ],
  [
    'a PDPE with permissions',
    { access: 'read', flips: [0n, 0n, WRITABLE] },
    undefined,
    ['4-level', '5-level'],
  ],
]

/** A of every entry. KVM sets it, and so does L0, only where the walk succeeds; this processor in every table that it passes. */
function withoutAccessed(tables: Uint8Array, entryBytes: number): Uint8Array {
  return tables.map((byte, at) => (at % entryBytes === 0 ? byte & ~0x20 : byte))
}

function expectAsOnBareMachine(tested: Case) {
  const [underL0, bare] = [true, false].map((where) => outcome(where, tested))
  const hasFault = bare.exits.some(({ code }) => code === 0x400n)
  const { entryBytes } = FORMATS[tested.format]
  for (const each of hasFault ? [underL0, bare] : []) each.tables = withoutAccessed(each.tables, entryBytes)
  expect(underL0).toEqual(bare)
  return underL0
}

describe.each(NAMES)("L1's nested tables, %s", (format) => {
  const named = NAMED.filter(([, , , formats]) => formats.includes(format))
  it.each(named)('%s: as on the bare machine', (_, tested, info1) => {
    const { exits } = expectAsOnBareMachine({ ...tested, format })
    const fault = { code: 0x400n, info1, info2: BigInt(PAGE) }
    expect(exits).toMatchObject([info1 === undefined ? { code: 0x81n } : fault])
  })
})

describe("any entries of L1's nested tables", () => {
  const bit = fc.nat(63).map((n) => 1n << BigInt(n))
  const flip = fc.oneof(
    { weight: 3, arbitrary: fc.constant(0n) },
    bit,
    fc.constant(asLargePage),
    fc.tuple(bit, bit).map(([first, second]) => first ^ second ^ asLargePage),
  )
  it('lead to what the bare machine shows, and never into L0', () => {
    fc.assert(
      fc.property(
        fc.record({
          format: fc.constantFrom(...NAMES),
          access: fc.constantFrom(...(Object.keys(ACCESSES) as Access[])),
          nx: fc.boolean(),
          smep: fc.boolean(),
          flips: fc.array(flip, { minLength: 1, maxLength: 4 }),
        }),
        (tested) => void expectAsOnBareMachine(tested),
      ),
      { numRuns: 40 },
    )
  })
})
