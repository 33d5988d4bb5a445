/** All system instructions but those of SVM, by operation name (isa/table.ts). */
import type { SystemInstruction } from '../state/cpu.ts'
import { baseRegisterInstructions } from './base-registers.ts'
import { controlRegisterInstructions } from './control-registers.ts'
import { debugRegisterInstructions } from './debug-registers.ts'
import { descriptorTableInstructions } from './descriptor-tables.ts'
import { farTransferInstructions } from './far-transfers.ts'
import { flagInstructions } from './flags.ts'
import { interruptInstructions } from './interrupts.ts'
import { invalidationInstructions } from './invalidation.ts'
import { ioInstructions } from './io.ts'
import { monitorInstructions } from './monitor.ts'
import { msrInstructions } from './msrs.ts'
import { processorInstructions } from './processor.ts'
import { randomInstructions } from './random.ts'
import { segmentInstructions } from './segment-loads.ts'
import { smmInstructions } from './smm.ts'
import { syscallInstructions } from './syscall.ts'
import { verificationInstructions } from './verification.ts'
import { x87Instructions } from './x87/instructions.ts'
import { xsaveInstructions } from './xsave.ts'

const TOPICS: readonly Readonly<Record<string, SystemInstruction>>[] = [
  baseRegisterInstructions,
  controlRegisterInstructions,
  debugRegisterInstructions,
  descriptorTableInstructions,
  farTransferInstructions,
  flagInstructions,
  interruptInstructions,
  invalidationInstructions,
  ioInstructions,
  monitorInstructions,
  msrInstructions,
  processorInstructions,
  randomInstructions,
  segmentInstructions,
  smmInstructions,
  syscallInstructions,
  verificationInstructions,
  x87Instructions,
  xsaveInstructions,
]

export const SYSTEM_INSTRUCTIONS: ReadonlyMap<string, SystemInstruction> = new Map(
  TOPICS.flatMap((topic) => Object.entries(topic)),
)
