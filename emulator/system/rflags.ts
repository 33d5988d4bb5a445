/** Loading rFLAGS as a whole, with what follows from TF, RF, VM and AC (APM vol 2 §3.1.6). */
import { AC, IF, RF, TF, VM } from '../isa/registers.ts'
import { modeChanged } from '../paging/contexts.ts'
import { ATTENTION } from '../state/attention.ts'
import type { Cpu } from '../state/cpu.ts'
import { writeRflags } from '../state/flags.ts'
import { lookForEvents } from './events.ts'

/**
 * Sets rFLAGS to `value`. A TF that becomes 1 traps after the next instruction, not after this one; a TF that becomes 0 still
 * traps after this one (boundary.ts).
 */
export function loadRflags(cpu: Cpu, value: number): void {
  const state = cpu.state
  const before = state.flagsOther
  writeRflags(state, value)
  if (value & TF) state.attention |= ATTENTION.trap
  // An RF that the instruction before has loaded would end now; the bit that is off then tells that this one loads it again.
  if (value & RF) state.attention ^= ATTENTION.resume
  if (value & IF) lookForEvents(state)
  if ((before ^ value) & (VM | AC)) modeChanged(cpu)
}
