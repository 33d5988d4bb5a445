/**
 * Between two iterations of a repeated instruction: what interrupts it there pushes RF = 1, and an instruction breakpoint on it
 * does not hit again (APM vol 2 §3.1.6, §13.1.2).
 */
import type { Vcpu } from '../state/vcpu.ts'

/** The current instruction has done an iteration and will execute again. */
export function noteIteration(state: Vcpu): void {
  state.repeatedAt = state.instructions
}

export function isBetweenIterations({ repeatedAt, instructions }: Vcpu): boolean {
  return repeatedAt !== 0 && repeatedAt === instructions
}

/** To be called at the end of each run: what is past must not tell states apart that are equal (machine/digest.ts). */
export function forgetIteration(state: Vcpu): void {
  if (!isBetweenIterations(state)) state.repeatedAt = 0
}
