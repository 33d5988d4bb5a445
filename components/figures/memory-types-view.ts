/** Memory types as they are drawn: a PAT slot by slot, and the tables of a derivation with the place that decided. */
import * as text from '../strings.ts'
import {
  deriveType,
  GUEST_WITH_NESTED,
  PAT_WITH_MTRR,
  type MtrrType,
  type PatType,
  type TypeSources,
} from '../../emulator/machine/index.ts'
import { PAT_TYPES } from '../../emulator/svm/index.ts'
import { hex } from '../workbench/format.ts'

/** A byte of a PAT. */
export interface PatSlot {
  /** 0..7: PAT * 4 + PCD * 2 + PWT of the leaf. */
  readonly slot: number
  readonly byte: string
  /** Undefined: the encoding is reserved, and WRMSR raises #GP. */
  readonly type: PatType | undefined
}

/** The slots of a PAT, slot 0 first (APM vol 2 §7.8.1). */
export function patSlots(pat: bigint): PatSlot[] {
  return Array.from({ length: 8 }, (_, slot) => {
    const byte = Number((pat >> BigInt(slot * 8)) & 0xffn)
    return { slot, byte: hex(byte), type: PAT_TYPES.get(byte) as PatType | undefined }
  })
}

/** A table of the manual, with the place that is used. */
export interface TypeTable {
  readonly title: string
  readonly rowName: string
  readonly columnName: string
  readonly columns: readonly string[]
  readonly rows: readonly { readonly name: string; readonly cells: readonly string[] }[]
  readonly row: string
  readonly column: string
  readonly result: string
}

export interface DerivationView {
  /** The tables that decide, in their order: two with nested paging, else one. */
  readonly tables: readonly TypeTable[]
  readonly steps: readonly string[]
  readonly effective: string
}

const PATS = Object.keys(GUEST_WITH_NESTED) as PatType[]
export const MTRRS = Object.keys(PAT_WITH_MTRR.UC) as MtrrType[]

function typeTable(
  names: Pick<TypeTable, 'title' | 'rowName' | 'columnName'>,
  table: Readonly<Record<string, Readonly<Record<string, string>>>>,
  row: string,
  column: string,
): TypeTable {
  const columns = Object.keys(table[row])
  const rows = Object.entries(table).map(([name, cells]) => ({
    name,
    cells: columns.map((key) => cells[key]),
  }))
  return { ...names, columns, rows, row, column, result: table[row][column] }
}

/** How the sources come to the effective type (APM vol 2 §15.25.8). */
export function derivationView(sources: TypeSources): DerivationView {
  const { guestPat, nestedPat, mtrr, cacheDisable, combinedPat, withMtrr, effective } = deriveType(sources)
  const nested =
    nestedPat &&
    typeTable(
      { title: text.guestWithNested, rowName: text.guestPatName, columnName: text.nestedPatName },
      GUEST_WITH_NESTED,
      guestPat,
      nestedPat,
    )
  const physical = typeTable(
    {
      title: nestedPat ? text.combinedWithMtrr : text.patWithMtrr,
      rowName: nestedPat ? text.combinedPatName : text.pat,
      columnName: text.mtrr,
    },
    // WC+ arises from combination with a nested PAT alone.
    nestedPat ? PAT_WITH_MTRR : Object.fromEntries(PATS.map((pat) => [pat, PAT_WITH_MTRR[pat]])),
    combinedPat,
    mtrr,
  )
  return {
    tables: nested ? [nested, physical] : [physical],
    steps: [
      ...(nestedPat
        ? [text.derivedFrom(text.guestPatName, guestPat, text.nestedPatName, nestedPat, combinedPat)]
        : []),
      text.derivedFrom(nestedPat ? text.combinedPatName : text.pat, combinedPat, text.mtrr, mtrr, withMtrr),
      cacheDisable ? text.typeBecomes(withMtrr, effective) : text.typeStays(effective),
    ],
    effective,
  }
}
