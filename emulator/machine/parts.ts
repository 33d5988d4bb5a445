/** What a machine consists of, for the files that save, restore and compare it as a whole. */
import type { Cpu } from '../state/cpu.ts'
import type { PhysicalMemory } from '../state/memory.ts'
import type { StatefulPart } from './device.ts'
import type { EventLog } from './events.ts'
import type { BoundedLog } from './log.ts'

export interface Parts {
  /** By their numbers. */
  readonly cpus: readonly Cpu[]
  readonly memory: PhysicalMemory
  readonly devices: readonly StatefulPart[]
  /** Bytes that the guest sent to the serial port. */
  readonly serial: BoundedLog<number>
  readonly events: EventLog
}

/** Instructions attempted since the start, by all processors: a position in the run. */
export function countInstructions(cpus: readonly Cpu[]): number {
  let instructions = 0
  for (const { state } of cpus) instructions += state.instructions
  return instructions
}
