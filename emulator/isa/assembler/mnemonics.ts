/** What the assembler must know of the instruction table while parsing: which words are mnemonics, which take a target. */
import { branchDistances as listDistances } from '../encode.ts'
import { aliases, table } from '../table.ts'

/** Every mnemonic, aliases such as `je` included, for completion and suggestions. */
export const mnemonics: readonly string[] = [
  ...new Set([
    ...table.filter((row) => !row.decoderOnly).map((row) => row.mnemonic),
    ...[...aliases].map(([alias]) => alias),
  ]),
].filter((name) => !name.includes(' '))

const words: ReadonlySet<string> = new Set(mnemonics)

export function isMnemonic(word: string): boolean {
  return words.has(word)
}

/** How far a branch can go. */
export interface BranchDistances {
  readonly short: boolean
  readonly near: boolean
}

const distances: ReadonlyMap<string, BranchDistances> = new Map(
  mnemonics
    .map((name) => [name, listDistances(name)] as const)
    .filter(([, list]) => list.length > 0)
    .map(([name, list]) => [name, { short: list.includes('short'), near: list.includes('near') }]),
)

/** The distances that a branch has encodings for; undefined if the mnemonic is no relative branch. */
export function branchDistances(mnemonic: string): BranchDistances | undefined {
  return distances.get(mnemonic)
}
