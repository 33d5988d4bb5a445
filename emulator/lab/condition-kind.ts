/** What a kind of condition is, and what the kinds share: values of lab.yaml, comparisons, words for reasons. */
import * as z from 'zod'
import type { ExitFact, Outcome } from './outcome.ts'
import { evaluateValue } from './value.ts'

export interface Verdict {
  readonly met: boolean
  /** What was found, in words that do not give the solution away. */
  readonly reason: string
}

export interface ConditionKind<Arguments> {
  readonly arguments: z.ZodType<Arguments>
  judge(outcome: Outcome, wanted: Arguments): Verdict
}

export function kind<Arguments>(
  schema: z.ZodType<Arguments>,
  judge: (outcome: Outcome, wanted: Arguments) => Verdict,
): ConditionKind<Arguments> {
  return { arguments: schema, judge }
}

/** A number, or a sum with labels of the program. */
export const value = z.union([z.bigint(), z.string()])
export type Value = z.output<typeof value>

export const comparison = {
  equals: value.optional(),
  not: value.optional(),
  mask: value.optional().describe('Bits to compare; the others are ignored.'),
}
export type Comparison = { [K in keyof typeof comparison]?: Value | undefined }

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

export const exitNames = z.array(z.string()).min(1)

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
