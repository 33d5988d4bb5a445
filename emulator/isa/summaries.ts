/** What an editor shows of a mnemonic: completion and hover texts, from the instruction table. */
import { aliases, table, type Row } from './table.ts'

export interface MnemonicSummary {
  readonly mnemonic: string
  /** A short name such as "Add with carry". */
  readonly title: string
  /** Where the manual describes it. */
  readonly section: string
  /** Its forms in the manual's notation, without those that only the decoder knows. */
  readonly forms: readonly string[]
}

function summarize(mnemonic: string, rows: readonly Row[]): MnemonicSummary {
  const forms = new Set(rows.map((row) => `${mnemonic} ${row.operandText}`.trim()))
  return { mnemonic, title: rows[0].title, section: rows[0].section, forms: [...forms] }
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
