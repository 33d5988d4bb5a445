/** The run loop of one vCPU: compiled code where there is any, evaluation everywhere else. */
import type { Cpu } from '../state/cpu.ts'
import type { Exit, Fault } from '../state/faults.ts'
import { OFFSET } from '../state/layout.ts'
import { forgetIteration } from '../system/repeat.ts'
import type { Engine } from './engine.ts'
import { step, stepFailing } from './evaluate/step.ts'

/** The longest instruction: a rIP that moved further jumped. */
const LONGEST = 15

/**
 * Attempts up to `budget` instructions and returns how many it attempted. Fewer: the vCPU does not execute any more, because it
 * is halted, shut down, or asked to stop (state.attention).
 */
export function run(engine: Engine, cpu: Cpu, budget: number): number {
  const { compiled } = engine
  let attempted = 0
  const { state } = cpu
  if (compiled === undefined) {
    while (attempted < budget && step(engine, cpu)) attempted++
    forgetIteration(state)
    return attempted
  }
  const words = state.words
  const rip = OFFSET.rip >> 2
  // Compiled code is entered where a jump leads to, at the start, and after an instruction that it left to evaluate.
  let mayEnter = true
  let jumped = false
  while (attempted < budget) {
    let entered = false
    let resumes = false
    let failed: Fault | Exit | undefined
    if (mayEnter && state.attention === 0) {
      // The last instruction is left to evaluate, which knows whether it is an iteration of a REP that is not done.
      attempted += compiled.run(cpu, budget - attempted - 1, jumped)
      entered = compiled.entered
      resumes = compiled.resumes
      failed = compiled.failed
    }
    const before = words[rip]
    if (failed !== undefined) stepFailing(cpu, failed)
    else if (!step(engine, cpu)) break
    attempted++
    const moved = (words[rip] - before) >>> 0
    jumped = compiled.everywhere || resumes || moved === 0 || moved > LONGEST
    mayEnter = jumped || entered
  }
  forgetIteration(state)
  return attempted
}
