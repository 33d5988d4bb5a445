/** What a machine consists of, for the files that save, restore and compare it as a whole. */
import type { Cpu } from '../state/cpu.ts'
import type { PhysicalMemory } from '../state/memory.ts'
import type { StatefulPart } from './device.ts'
import type { Log } from './log.ts'

export interface Parts {
  /** By their numbers. */
  readonly cpus: readonly Cpu[]
  readonly memory: PhysicalMemory
  readonly devices: readonly StatefulPart[]
  /** What was written down, which goes back in time with the machine. */
  readonly logs: readonly Log<unknown>[]
}

/** Instructions attempted since the start, by all processors: a position in the run. */
export function countInstructions(cpus: readonly Cpu[]): number {
  let instructions = 0
  for (const { state } of cpus) instructions += state.instructions
  return instructions
}
