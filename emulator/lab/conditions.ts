/**
 * What a goal can ask of a run. Each kind of condition is one row: how it is written in lab.yaml, and how it is judged.
 * Conditions look at what the machine did; none compares text that the reader wrote, none counts cycles.
 */
import * as z from 'zod'
import type { Verdict } from './condition-kind.ts'
import { EXIT_CONDITIONS } from './conditions-exits.ts'
import { L0_CONDITIONS } from './conditions-l0.ts'
import { STATE_CONDITIONS } from './conditions-state.ts'
import type { Outcome } from './outcome.ts'

/** The kinds of conditions, by the key that names them in lab.yaml. */
export const CONDITIONS = { ...EXIT_CONDITIONS, ...STATE_CONDITIONS, ...L0_CONDITIONS } as const

type Kinds = typeof CONDITIONS
export type Condition = {
  [K in keyof Kinds]: { readonly [P in K]: z.output<Kinds[K]['arguments']> }
}[keyof Kinds]

const rows = Object.entries(CONDITIONS).map(([name, row]) => z.strictObject({ [name]: row.arguments }))

/** One condition: a mapping with one key, the kind. */
export const conditionSchema = z.union(rows) as unknown as z.ZodType<Condition>

/** Judges one condition. */
export function judge(outcome: Outcome, condition: Condition): Verdict {
  const [name, wanted] = Object.entries(condition)[0] as [keyof Kinds, never]
  return CONDITIONS[name].judge(outcome, wanted)
}
