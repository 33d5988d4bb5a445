/**
 * What a goal can ask of a run. Conditions look at what the machine did; none compares text that the reader wrote, none counts
 * cycles.
 */
import type { Verdict } from './condition-kind.ts'
import type { Condition, ConditionName } from './condition-schemas.ts'
import { EXIT_JUDGES } from './conditions-exits.ts'
import { L0_JUDGES } from './conditions-l0.ts'
import { STATE_JUDGES } from './conditions-state.ts'
import type { Outcome } from './outcome.ts'

const JUDGES = { ...EXIT_JUDGES, ...STATE_JUDGES, ...L0_JUDGES }

/** Judges one condition. */
export function judge(outcome: Outcome, condition: Condition): Verdict {
  const [name, wanted] = Object.entries(condition)[0] as [ConditionName, never]
  return JUDGES[name](outcome, wanted)
}
