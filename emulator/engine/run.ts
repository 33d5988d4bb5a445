/** The run loop of one vCPU. */
import type { Cpu } from '../state/cpu.ts'
import type { Engine } from './engine.ts'
import { step } from './evaluate/step.ts'

/**
 * Attempts up to `budget` instructions and returns how many it attempted. Fewer: the vCPU does not execute any more, because it
 * is halted, shut down, or asked to stop (state.attention).
 */
export function run(engine: Engine, cpu: Cpu, budget: number): number {
  let attempted = 0
  while (attempted < budget && step(engine, cpu)) attempted++
  return attempted
}
