/**
 * What a page walk would do now, entry by entry, and how it would end (APM vol 2 §5.3, §15.25). It is the walk of walk.ts on a
 * copy: the A and D bits that it would set are told and not set, and the TLB hears nothing of it.
 */
import { ACCESS, type Access, type Cpu } from '../state/cpu.ts'
import { Exit } from '../state/faults.ts'
import { joinHalves } from '../state/halves.ts'
import { CR0 } from '../state/mode.ts'
import { readEntryType, type EntryType } from './entry-type.ts'
import { PTE, selectFormat, type Format, type Level } from './formats.ts'
import { ENTRY, PAGE_SHIFT, type Translation } from './tlb.ts'
import { PF, walk, walkFault } from './walk.ts'

/** An entry that the walk reads. */
export interface WalkEntry {
  /** sPA. */
  readonly address: number
  readonly value: bigint
  readonly bytes: 4 | 8
  /** Lowest address bit that indexes its table: 12 in a page table. */
  readonly shift: number
  readonly isLeaf: boolean
  /** A and D where the walk sets them. */
  readonly sets: bigint
  /** The bits that end the walk. */
  readonly offending: bigint
}

/** One entry of the guest's tables, or of the only ones, and before it what the nested tables make of its address. */
export interface WalkRow {
  /** `table`: an entry is read; `update`: A or D is set in the entry just read; `final`: the address asked for. */
  readonly purpose: 'table' | 'update' | 'final'
  /** gPA, without nested paging an sPA. */
  readonly guestAddress: number
  /** Empty without nested paging. */
  readonly nested: readonly WalkEntry[]
  /** The sPA that the nested tables give; undefined when they end the walk. */
  readonly address: number | undefined
  /** Undefined unless `table`, and when the walk ends before it. */
  readonly entry: WalkEntry | undefined
}

export type WalkOutcome =
  | {
      readonly kind: 'translation'
      /** sPA. */
      readonly address: number
      /** gPA; the sPA without nested paging. */
      readonly guestAddress: number
      /** Of the TLB entry: the smaller of the guest's page and the nested one. */
      readonly pageBytes: number
      readonly memoryType: EntryType
    }
  | { readonly kind: 'page-fault'; readonly errorCode: number }
  | { readonly kind: 'nested-page-fault'; readonly info1: bigint; readonly info2: bigint }

/** A level of a set of tables: the address bits from `shift` upwards index it. */
export type WalkLevel = Pick<Level, 'shift' | 'bits'>

export interface Walk {
  readonly linear: bigint
  readonly access: 'read' | 'write' | 'execute'
  readonly user: boolean
  /** CR3; undefined with paging off. */
  readonly root: bigint | undefined
  /** nCR3; undefined without nested paging. */
  readonly nestedRoot: bigint | undefined
  /** Of the guest's tables, the top first; none with paging off. */
  readonly levels: readonly WalkLevel[]
  readonly nestedLevels: readonly WalkLevel[]
  readonly rows: readonly WalkRow[]
  readonly outcome: WalkOutcome
}

type Draft<T> = { -readonly [K in keyof T]: T[K] }
type DraftEntry = Draft<WalkEntry>
interface DraftRow extends Draft<Omit<WalkRow, 'nested' | 'entry'>> {
  readonly nested: DraftEntry[]
  entry: DraftEntry | undefined
}

/** The walk for an access to a canonical linear address. Nothing that a guest could notice changes. */
export function explainWalk(cpu: Cpu, linear: bigint, access: keyof typeof ACCESS, user: boolean): Walk {
  const { state, model, memory } = cpu
  const isPaged = (state.cr0 & CR0.PG) !== 0n
  const isNested = state.guestMode !== 0 && state.nestedPaging !== 0
  const guestFormat = isPaged ? selectFormat(model, Number(state.cr4), Number(state.efer)) : undefined
  const nestedFormat = isNested
    ? selectFormat(model, Number(state.hostCr4), Number(state.hostEfer))
    : undefined
  const rows: DraftRow[] = []
  const entries: DraftEntry[] = []
  const written = new Map<number, number>()
  const low = Number(BigInt.asUintN(32, linear))
  const high = Number(BigInt.asUintN(32, linear >> 32n))

  const step = (ofNested: boolean, levels: number, address: number, value: bigint): void => {
    const format = (ofNested ? nestedFormat : guestFormat)!
    const entry = readEntry(format, format.levels[format.levels.length - levels], address, value)
    entries.push(entry)
    if (ofNested) {
      if (levels === format.levels.length) rows.push(emptyRow())
      rows.at(-1)!.nested.push(entry)
      return
    }
    if (!isNested) rows.push(emptyRow())
    const row = rows.at(-1)!
    row.guestAddress = nextTable(rows, format, state.cr3, linear)
    row.address = address
    row.entry = entry
  }

  const translation = walk(
    {
      state,
      model,
      observer: { walkStep: step },
      memory: {
        read32: (address) => written.get(address) ?? memory.read32(address),
        write32: (address, value) => {
          const entry = entries.findLast((one) => one.address === address)!
          entry.sets |= BigInt((value ^ Number(BigInt.asUintN(32, entry.value))) >>> 0)
          written.set(address, value)
        },
      },
    },
    low,
    high,
    ACCESS[access],
    user,
  )
  const outcome = translation ? succeeded(translation) : failed(low, high, ACCESS[access])
  if (isNested) nameRows(rows, outcome)
  if (outcome.kind === 'page-fault')
    blame(
      rows.flatMap(({ entry }) => entry ?? []),
      outcome.errorCode,
      guestFormat!,
    )
  if (outcome.kind === 'nested-page-fault')
    blame(rows.at(-1)!.nested, Number(BigInt.asUintN(32, outcome.info1)), nestedFormat!)
  return {
    linear,
    access,
    user,
    root: isPaged ? state.cr3 : undefined,
    nestedRoot: isNested ? state.nCr3 : undefined,
    levels: levelsOf(guestFormat),
    nestedLevels: levelsOf(nestedFormat),
    rows,
    outcome,
  }
}

function levelsOf(format: Format | undefined): WalkLevel[] {
  return format?.levels.map(({ shift, bits }) => ({ shift, bits })) ?? []
}

function emptyRow(): DraftRow {
  return { purpose: 'table', guestAddress: 0, nested: [], address: undefined, entry: undefined }
}

function readEntry(format: Format, level: Level, address: number, value: bigint): DraftEntry {
  const isLeaf = level.leaf === 'always' || (level.leaf === 'with PS' && (value & BigInt(PTE.PS)) !== 0n)
  return { address, value, bytes: format.entryBytes, shift: level.shift, isLeaf, sets: 0n, offending: 0n }
}

/** Where the entry of the last row lies: in the table that CR3 or the entry before it names. */
function nextTable(rows: readonly DraftRow[], format: Format, cr3: bigint, linear: bigint): number {
  const above = rows.findLast(({ entry }) => entry !== undefined)?.entry
  const table =
    above === undefined
      ? cr3 & joinHalves(format.rootLow, format.rootHigh)
      : above.value & joinHalves(0xffff_f000, format.entryBytes === 8 ? 0xf_ffff : 0)
  const depth = rows.filter(({ entry }) => entry !== undefined).length
  const { shift, bits } = format.levels[depth]
  return Number(table) + Number(BigInt.asUintN(bits, linear >> BigInt(shift))) * format.entryBytes
}

function succeeded({ attributes, address, guestAddress, memoryType }: Translation): WalkOutcome {
  return {
    kind: 'translation',
    address,
    guestAddress,
    pageBytes: 2 ** PAGE_SHIFT[attributes & ENTRY.size],
    memoryType: readEntryType(memoryType),
  }
}

function failed(low: number, high: number, access: Access): WalkOutcome {
  const fault = walkFault(low, high, access)
  return fault instanceof Exit
    ? { kind: 'nested-page-fault', info1: fault.info1!, info2: fault.info2! }
    : { kind: 'page-fault', errorCode: fault.errorCode }
}

/** EXITINFO1[32]: the nested tables failed for the final address, and not for an entry (APM vol 2 §15.25.6). */
const FINAL = 1n << 32n

/** What the rows are for that read no entry of the guest: setting A or D in the one before, or the final address. */
function nameRows(rows: DraftRow[], outcome: WalkOutcome): void {
  // Addresses beyond what the nested tables translate are refused before anything is read.
  if (outcome.kind === 'nested-page-fault' && (rows.length === 0 || rows.at(-1)!.entry !== undefined))
    rows.push(emptyRow())
  rows.forEach((row, n) => {
    if (row.entry !== undefined) return
    const before = rows[n - 1]
    if (n < rows.length - 1)
      Object.assign(row, { ...before, purpose: 'update', nested: row.nested, entry: undefined })
    else if (outcome.kind === 'translation') {
      row.purpose = 'final'
      row.guestAddress = outcome.guestAddress
      row.address = outcome.address
    } else if (outcome.kind === 'nested-page-fault') {
      row.guestAddress = Number(outcome.info2)
      if (outcome.info1 & FINAL) row.purpose = 'final'
      else if (before?.guestAddress === row.guestAddress) row.purpose = 'update'
    } else Object.assign(row, { ...before, purpose: 'update', nested: row.nested, entry: undefined })
  })
}

/** Marks in the entries of one set of tables what an error code complains of. */
function blame(entries: readonly DraftEntry[], error: number, format: Format): void {
  const last = entries.at(-1)
  if (last === undefined) return
  if (!(error & PF.P)) {
    last.offending = BigInt(PTE.P)
    return
  }
  const levelOf = ({ shift }: WalkEntry): Level => format.levels.find((level) => level.shift === shift)!
  if (error & PF.RSV) {
    const { reservedLeaf, reservedTable, reservedHigh } = levelOf(last)
    last.offending = last.value & joinHalves(last.isLeaf ? reservedLeaf : reservedTable, reservedHigh)
    return
  }
  for (const entry of entries) {
    if (levelOf(entry).noPermissions) continue
    if (error & PF.RW) entry.offending |= ~entry.value & BigInt(PTE.RW)
    if (error & PF.US) entry.offending |= ~entry.value & BigInt(PTE.US)
    if (error & PF.ID) entry.offending |= entry.value & joinHalves(0, PTE.NX)
  }
  // Nothing is forbidden by itself: a supervisor may not touch a user page (SMEP, SMAP, guest mode execute trap).
  if (entries.every(({ offending }) => offending === 0n)) last.offending = BigInt(PTE.US)
}
