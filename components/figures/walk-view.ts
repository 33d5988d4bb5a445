/** A page walk as it is drawn: the fields of the address, and a grid of the entries that the walk reads. */
import type { Walk, WalkEntry, WalkLevel, WalkRow } from '../../emulator/machine/index.ts'
import { EXIT, explainExit, VECTOR, type BitList } from '../../emulator/svm/index.ts'
import * as text from '../strings.ts'
import { dissectFields } from '../workbench/dissection.ts'
import { hex, hexWide } from '../workbench/format.ts'
import { entryName, pageEntryBits, tableName } from './page-entry-bits.ts'

/** A field of the linear address. */
export interface AddressField {
  readonly name: string
  /** "47:39" */
  readonly bits: string
  readonly value: string
}

/** An entry that the walk reads. */
export interface WalkCell {
  /** From 1, in the order of the reads. */
  readonly number: number
  /** "PML4E", "nested PDE" */
  readonly name: string
  /** Of the nested tables. */
  readonly isNested: boolean
  readonly address: string
  readonly value: bigint
  readonly bytes: 4 | 8
  readonly bits: BitList
  readonly isLeaf: boolean
  readonly offending: bigint
  /** The fields that end the walk: "R/W, U/S", or empty. */
  readonly blamed: string
  /** "A", "A, D" or empty: what the walk sets. */
  readonly sets: string
}

/** A cell of the grid: an entry, or why there is none. */
export type WalkPlace = WalkCell | string

export interface WalkRowView {
  /** "PML4E", "set A in PDE", "the address itself" */
  readonly name: string
  readonly guestAddress: string
  /** One for each nested level. */
  readonly nested: readonly WalkPlace[]
  /** The sPA; undefined when the nested tables end the walk. */
  readonly address: string | undefined
  /** Undefined where the row reads none. */
  readonly entry: WalkPlace | undefined
}

export interface WalkView {
  readonly title: string
  readonly isNested: boolean
  readonly fields: readonly AddressField[]
  /** "CR3", "nCR3" with values. */
  readonly roots: readonly (readonly [string, string])[]
  /** Names of the nested tables, the top first. */
  readonly columns: readonly string[]
  readonly rows: readonly WalkRowView[]
  readonly cells: readonly WalkCell[]
  readonly outcome: { readonly isGood: boolean; readonly title: string; readonly details: readonly string[] }
}

export function walkView(walk: Walk): WalkView {
  let number = 0
  const cellOf = (entry: WalkEntry, isNested: boolean): WalkCell => {
    const bits = pageEntryBits(entry, isNested ? walk.nestedLevels : walk.levels)
    const fields = dissectFields(entry.value, entry.bytes, bits, entry.offending)
    return {
      number: ++number,
      name: isNested ? text.ofNestedTables(entryName(entry)) : entryName(entry),
      isNested,
      address: hex(entry.address),
      value: entry.value,
      bytes: entry.bytes,
      bits,
      isLeaf: entry.isLeaf,
      offending: entry.offending,
      blamed: fields
        .filter(({ isOffending }) => isOffending)
        .map(({ name }) => name)
        .join(', '),
      sets: setBits(entry.sets),
    }
  }
  const depth = (n: number): number =>
    walk.rows.slice(0, n).filter(({ purpose }) => purpose === 'table').length
  const rows = walk.rows.map((row, n): WalkRowView => {
    const nested = nestedPlaces(row, walk.nestedLevels, (entry) => cellOf(entry, true))
    return {
      name: rowName(row, walk, depth(n)),
      guestAddress: hex(row.guestAddress),
      nested,
      address: row.address === undefined ? undefined : hex(row.address),
      entry: row.entry ? cellOf(row.entry, false) : row.purpose === 'table' ? text.notRead : undefined,
    }
  })
  const cells = rows
    .flatMap(({ nested, entry }) => [...nested, entry])
    .filter((one) => typeof one === 'object')
  return {
    title: text.accessAt(text.accessNames[walk.access], walk.user, hex(walk.linear)),
    isNested: walk.nestedRoot !== undefined,
    fields: addressFields(walk),
    roots: [
      ...(walk.root === undefined
        ? []
        : [[walk.nestedRoot === undefined ? 'CR3' : 'gCR3', hex(walk.root)] as const]),
      ...(walk.nestedRoot === undefined ? [] : [['nCR3', hex(walk.nestedRoot)] as const]),
    ],
    columns: walk.nestedLevels.map(tableName),
    rows,
    cells,
    outcome: describeOutcome(walk, cells.length),
  }
}

function setBits(sets: bigint): string {
  return [(sets & 0x20n) !== 0n ? 'A' : '', (sets & 0x40n) !== 0n ? 'D' : ''].filter(Boolean).join(', ')
}

function rowName({ purpose }: WalkRow, { levels }: Walk, depth: number): string {
  if (purpose === 'final') return text.finalAddress
  return purpose === 'table' ? entryName(levels[depth]) : text.storeInto(entryName(levels[depth - 1]))
}

function nestedPlaces(
  row: WalkRow,
  levels: readonly WalkLevel[],
  cell: (entry: WalkEntry) => WalkCell,
): WalkPlace[] {
  const isLarge = row.nested.at(-1)?.isLeaf === true
  return levels.map((_, n) =>
    n < row.nested.length ? cell(row.nested[n]) : isLarge ? text.largePage : text.notRead,
  )
}

/** The indexes into the tables and the offset. What a large page leaves of the indexes belongs to its offset. */
function addressFields({ linear, levels, rows }: Walk): AddressField[] {
  const field = (name: string, low: number, bits: number): AddressField => ({
    name,
    bits: bits === 1 ? `${low}` : `${low + bits - 1}:${low}`,
    value: hex(BigInt.asUintN(bits, linear >> BigInt(low))),
  })
  const entries = rows.flatMap(({ entry }) => entry ?? [])
  const used = entries.at(-1)?.isLeaf ? levels.slice(0, entries.length) : levels
  const last = used.at(-1)
  if (last === undefined) return [field(text.notTranslated, 0, 64)]
  const end = used[0].shift + used[0].bits
  return [
    ...(end > 32 ? [field(text.signBits, end, 64 - end)] : []),
    ...used.map((level) => field(tableName(level), level.shift, level.bits)),
    field(text.offset, 0, last.shift),
  ]
}

const PAGE_SIZES: Readonly<Record<number, string>> = {
  0x1000: '4 KB',
  0x20_0000: '2 MB',
  0x40_0000: '4 MB',
  0x4000_0000: '1 GB',
}

/** "4 KB" */
export function pageSize(bytes: number): string {
  return PAGE_SIZES[bytes]
}

function describeOutcome({ outcome, linear, nestedRoot }: Walk, reads: number): WalkView['outcome'] {
  const count = text.entriesRead(reads)
  if (outcome.kind === 'translation') {
    const gpa = nestedRoot === undefined ? [] : [text.gpaIs(hex(outcome.guestAddress))]
    const { effective } = outcome.memoryType
    return {
      isGood: true,
      title: text.spaIs(hex(outcome.address)),
      details: [count, ...gpa, text.inTheTlb(pageSize(outcome.pageBytes)), text.ofMemoryType(effective)],
    }
  }
  const isNested = outcome.kind === 'nested-page-fault'
  const { details } = explainExit({
    code: BigInt(isNested ? EXIT.NPF : EXIT.EXCEPTION_0 + VECTOR.PF),
    info1: isNested ? outcome.info1 : BigInt(outcome.errorCode),
    info2: isNested ? outcome.info2 : linear,
    ...{ instructions: 0, vmcb: 0, asid: 0, rip: 0n, nextRip: 0n, failedChecks: [] },
  })
  return {
    isGood: false,
    title: isNested ? '#VMEXIT(NPF)' : '#PF',
    details: isNested
      ? [count, ...details, `EXITINFO2 = ${hexWide(outcome.info2, 8)}`]
      : [count, details[0], `CR2 = ${hexWide(linear, 8)}`],
  }
}
