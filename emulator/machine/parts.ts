/** What a machine consists of, for the files that save, restore and compare it as a whole. */
import type { Cpu } from '../state/cpu.ts'
import type { PhysicalMemory } from '../state/memory.ts'
import type { StatefulPart } from './device.ts'
import type { EventLog } from './events.ts'
import type { BoundedLog } from './log.ts'

export interface Parts {
  readonly cpu: Cpu
  readonly memory: PhysicalMemory
  readonly devices: readonly StatefulPart[]
  /** Bytes that the guest sent to the serial port. */
  readonly serial: BoundedLog<number>
  readonly events: EventLog
}
