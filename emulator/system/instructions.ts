/** All system instructions but those of SVM, by operation name (isa/table.ts). */
import type { SystemInstruction } from '../state/cpu.ts'
import { controlRegisterInstructions } from './control-registers.ts'
import { debugRegisterInstructions } from './debug-registers.ts'
import { flagInstructions } from './flags.ts'
import { msrInstructions } from './msrs.ts'
import { processorInstructions } from './processor.ts'

const TOPICS: readonly Readonly<Record<string, SystemInstruction>>[] = [
  controlRegisterInstructions,
  debugRegisterInstructions,
  flagInstructions,
  msrInstructions,
  processorInstructions,
]

export const SYSTEM_INSTRUCTIONS: ReadonlyMap<string, SystemInstruction> = new Map(
  TOPICS.flatMap((topic) => Object.entries(topic)),
)
