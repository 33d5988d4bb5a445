/** What an editor shows of a mnemonic: completion and hover texts, from the instruction table. */
import { aliases, INSTRUCTION_GROUPS, table, type Row } from './table.ts'

export interface MnemonicSummary {
  readonly mnemonic: string
  /** A short name such as "Add with carry". */
  readonly title: string
  /** Where the manual describes it. */
  readonly section: string
  /** The name in the table, which is another one for aliases, and the id of its group there. */
  readonly entry: string
  readonly group: string
  /** Its forms in the manual's notation, without those that only the decoder knows. */
  readonly forms: readonly string[]
}

const GROUP_OF = new Map(INSTRUCTION_GROUPS.flatMap(({ id, rows }) => rows.map((row) => [row.mnemonic, id])))

function summarize(mnemonic: string, rows: readonly Row[]): MnemonicSummary {
  const entry = rows[0].mnemonic
  const forms = new Set(rows.map((row) => `${mnemonic} ${row.operandText}`.trim()))
  return {
    mnemonic,
    title: rows[0].title,
    section: rows[0].section,
    entry,
    group: GROUP_OF.get(entry)!,
    forms: [...forms],
  }
}

/** One summary for each name that the assembler accepts, aliases included, in alphabetical order. */
export function summarizeMnemonics(): MnemonicSummary[] {
  const rows = Map.groupBy(
    table.filter((row) => !row.decoderOnly),
    (row) => row.mnemonic,
  )
  const summaries = [...rows].map(([mnemonic, own]) => summarize(mnemonic, own))
  for (const [alias, mnemonic] of aliases) summaries.push(summarize(alias, rows.get(mnemonic)!))
  return summaries.sort((a, b) => (a.mnemonic < b.mnemonic ? -1 : 1))
}
