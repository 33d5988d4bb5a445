/** The x87 instructions (APM vol 5), by operation name. */
import type { SystemInstruction } from '../../state/cpu.ts'
import { computationInstructions } from './computations.ts'
import { controlInstructions } from './control.ts'
import { transferInstructions } from './transfers.ts'

export const x87Instructions: Readonly<Record<string, SystemInstruction>> = {
  ...transferInstructions,
  ...computationInstructions,
  ...controlInstructions,
}
