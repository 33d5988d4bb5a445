/** What the judges of conditions share: verdicts, values of lab.yaml, comparisons, words for reasons. */
import type { ConditionName, Wanted } from './condition-schemas.ts'
import type { ExitFact, Outcome } from './outcome.ts'
import { evaluateValue } from './value.ts'

export interface Verdict {
  readonly met: boolean
  /** What was found, in words that do not give the solution away. */
  readonly reason: string
}

/** Judges of kinds of conditions, by the key that names the kind in lab.yaml. */
export type Judges<K extends ConditionName> = {
  readonly [P in K]: (outcome: Outcome, wanted: Wanted<P>) => Verdict
}

/** A number, or a sum with labels of the program. */
export type Value = bigint | string

export interface Comparison {
  readonly equals?: Value | undefined
  readonly not?: Value | undefined
  /** Bits to compare. */
  readonly mask?: Value | undefined
}

/** Hexadecimal as the manual writes it. */
export function hex(n: bigint): string {
  const digits = n.toString(16).toUpperCase()
  return n < 10n ? digits : `${digits}h`
}

export function resolve(outcome: Outcome, wanted: Value): bigint {
  if (typeof wanted === 'bigint') return wanted
  const result = evaluateValue(wanted, outcome.symbols)
  // A goal that names a symbol the reader removed is not met, whatever it compares with.
  return result.ok ? result.value : -1n
}

export function compare(outcome: Outcome, what: string, found: bigint, wanted: Comparison): Verdict {
  const mask = wanted.mask === undefined ? (1n << 64n) - 1n : resolve(outcome, wanted.mask)
  const same = (other: Value): boolean =>
    ((found ^ BigInt.asUintN(64, resolve(outcome, other))) & mask) === 0n
  const met =
    (wanted.equals === undefined || same(wanted.equals)) && (wanted.not === undefined || !same(wanted.not))
  return { met, reason: `${what} is ${hex(found & mask)}` }
}

/** The exits in words; `none` says that there were none. */
export function listExits(exits: readonly ExitFact[], none = 'there was no #VMEXIT'): string {
  if (exits.length === 0) return none
  const shown = exits.slice(0, 8).map((exit) => exit.name.toUpperCase())
  return `the exits were ${shown.join(', ')}${exits.length > 8 ? ` and ${exits.length - 8} more` : ''}`
}

/** Whether exits of these names happen in this order; others may lie between. */
export function happenInOrder(exits: readonly ExitFact[], names: readonly string[]): boolean {
  let next = 0
  for (const exit of exits) if (exit.name === names[next]) next++
  return next === names.length
}
