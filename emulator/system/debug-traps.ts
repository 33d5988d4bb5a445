/** #DB that follows an instruction: breakpoints on data and I/O ports, and the T bit of a task (APM vol 2 §13.1.3, §13.1.4). */
import { ATTENTION } from '../state/attention.ts'
import { BREAKPOINT, hitBreakpoints } from '../state/breakpoints.ts'
import { ACCESS, type Access } from '../state/cpu.ts'
import { CR4 } from '../state/mode.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { DR7 } from './debug-bits.ts'

const ON_READ = 1 << BREAKPOINT.readWrite
const ON_WRITE = ON_READ | (1 << BREAKPOINT.write)
const ON_IO = 1 << BREAKPOINT.io

/** A #DB with these DR6 bits comes before the next instruction, unless the current one faults. */
export function raiseDebugTrap(state: Vcpu, dr6: number): void {
  state.pendingDebug |= dr6
  state.attention |= ATTENTION.debugTrap
}

/** Forgets the traps that are pending, and returns their DR6 bits. */
export function dropDebugTraps(state: Vcpu): number {
  const dr6 = state.pendingDebug
  state.pendingDebug = 0
  state.attention &= ~ATTENTION.debugTrap
  return dr6
}

/** The current instruction accesses `size` bytes at a linear address. To be called while MODE.dataBreakpoints is on. */
export function noteDataAccess(state: Vcpu, linear: bigint, size: number, access: Access): void {
  noteHits(state, hitBreakpoints(state, linear, size, access === ACCESS.write ? ON_WRITE : ON_READ))
}

/** The current instruction accesses a port. Breakpoints on ports need CR4.DE. */
export function notePortAccess(state: Vcpu, port: number, size: number): void {
  if (!(state.dr7 & BigInt(DR7.enable)) || !(state.cr4 & CR4.DE)) return
  noteHits(state, hitBreakpoints(state, BigInt(port), size, ON_IO))
}

/** While GIF is 0, breakpoints are discarded (APM vol 2 table 15-10). */
function noteHits(state: Vcpu, hits: number): void {
  if (hits !== 0 && state.gif) raiseDebugTrap(state, hits)
}
