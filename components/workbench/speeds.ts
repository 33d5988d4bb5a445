/** How fast a run may go: from single instructions that one can follow to all that the machine can do. */
import * as text from '../strings.ts'

export interface Speed {
  readonly label: string
  /** Instructions per second; undefined for as fast as it goes. */
  readonly pace: number | undefined
}

export const SPEEDS: readonly Speed[] = [
  { label: text.fullSpeed, pace: undefined },
  ...[10_000, 1000, 100, 20, 5, 1].map((pace) => ({ label: text.perSecond(pace), pace })),
]

/** Whether a stored value is the pace of a speed. */
export function isSpeed(value: unknown): value is number {
  return value !== undefined && SPEEDS.some(({ pace }) => pace === value)
}
