/**
 * Control-transfer recording (APM vol 2 §13.1.1): while DebugCtl.LBR is 1, the source and target of the latest branch, interrupt
 * or exception; those of the branch before the latest interrupt or exception are kept apart.
 */
import { ATTENTION } from '../state/attention.ts'
import type { Vcpu } from '../state/vcpu.ts'

/** DebugCtl: 5:2 PBn pins, 1 BTF, 0 LBR. */
const LBR = 1n

/** The bits of DebugCtl that exist. */
export const DEBUG_CTL_BITS = 0x3fn

/** Sets DebugCtl, and the attention bit that keeps compiled code from running while branches are recorded. */
export function setDebugCtl(state: Vcpu, value: bigint): void {
  state.debugCtl = value
  if (value & LBR) state.attention |= ATTENTION.branches
  else state.attention &= ~ATTENTION.branches
}

/** A control transfer leads from `from` to state.rip. */
export function recordBranch(state: Vcpu, from: bigint): void {
  state.lastBranchFromIp = from
  state.lastBranchToIp = state.rip
}

/** An interrupt or exception leads from `from` to its handler at state.rip. */
export function recordInterrupt(state: Vcpu, from: bigint): void {
  state.lastIntFromIp = state.lastBranchFromIp
  state.lastIntToIp = state.lastBranchToIp
  recordBranch(state, from)
}
