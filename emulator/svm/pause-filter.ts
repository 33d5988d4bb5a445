/** The PAUSE filter: PAUSE exits only when a guest executes it often, or often in a short time (APM vol 2 §15.14.4). */
import type { Vcpu } from '../state/vcpu.ts'

/** VMRUN: 31:16 count, 15:0 threshold, as in VMCB offset 03Ch. */
export function startPauseFilter(state: Vcpu, word: number): void {
  state.pauseFilterCount = word >>> 16
  state.pauseFilterThreshold = word & 0xffff
  state.pauseFilterLeft = state.pauseFilterCount
  state.lastPause = state.instructions
}

/**
 * Counts an intercepted PAUSE; true when it exits. With a count of 0 there is no filter. A PAUSE that comes more than the
 * threshold after the one before, in instructions, starts the count anew.
 */
export function pauseExits(state: Vcpu): boolean {
  if (state.pauseFilterCount === 0) return true
  const { pauseFilterThreshold: threshold, instructions } = state
  const startsAnew = threshold !== 0 && instructions - state.lastPause > threshold
  state.lastPause = instructions
  state.pauseFilterLeft = startsAnew ? state.pauseFilterCount : state.pauseFilterLeft - 1
  return state.pauseFilterLeft === 0
}
