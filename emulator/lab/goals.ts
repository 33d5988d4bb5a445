/** Judging a lab's goals after a run. */
import type { Verdict } from './condition-kind.ts'
import { judge } from './conditions.ts'
import type { Outcome } from './outcome.ts'
import type { Goal } from './schema.ts'

export interface GoalResult {
  readonly id: string
  readonly text: string
  readonly met: boolean
  /** One verdict per condition, in the goal's order. */
  readonly conditions: readonly Verdict[]
}

/** All goals, each with what was found. */
export function judgeGoals(goals: readonly Goal[], outcome: Outcome): GoalResult[] {
  return goals.map((goal) => {
    const conditions = goal.when.map((condition) => judge(outcome, condition))
    return { id: goal.id, text: goal.text, met: conditions.every((verdict) => verdict.met), conditions }
  })
}
