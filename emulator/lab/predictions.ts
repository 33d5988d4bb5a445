/** Questions that a reader answers before the first run; the machine says which answer came true. */
import { judge } from './conditions.ts'
import type { Outcome } from './outcome.ts'
import type { Lab } from './schema.ts'

export interface PredictionResult {
  readonly id: string
  /** Number of the answer that came true, from 0; undefined if none did, or several. */
  readonly held: number | undefined
}

/** What became of each question, for a run that is over. */
export function judgePredictions({ predict }: Lab, outcome: Outcome): PredictionResult[] {
  return predict.map(({ id, answers }) => {
    const held = answers.flatMap(({ when }, index) =>
      when.every((condition) => judge(outcome, condition).met) ? [index] : [],
    )
    return { id, held: held.length === 1 ? held[0] : undefined }
  })
}
