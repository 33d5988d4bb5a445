/** What of the x87 there is (APM vol 5): its availability. */
import type { SystemInstruction } from '../state/cpu.ts'
import { Fault, VECTOR } from '../state/faults.ts'
import { CR0 } from '../state/mode.ts'

/** #NM while CR0.EM or CR0.TS is 1. */
const fnop: SystemInstruction = ({ state }) => {
  if (state.cr0 & (CR0.EM | CR0.TS)) throw new Fault(VECTOR.NM)
}

export const x87Instructions = { fnop } as const
