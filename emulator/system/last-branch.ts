/**
 * Control transfers (APM vol 2 §13.1.1, §13.1.4). While DebugCtl.LBR is 1, the source and target of the latest branch, interrupt or
 * exception are recorded; those of the branch before the latest interrupt or exception are kept apart. While DebugCtl.BTF is 1,
 * rFLAGS.TF traps after control transfers only.
 */
import { ATTENTION } from '../state/attention.ts'
import type { Vcpu } from '../state/vcpu.ts'

/** DebugCtl: 5:2 PBn pins, 1 BTF, 0 LBR. */
const LBR = 1n
const BTF = 2n

/** The bits of DebugCtl that exist. */
export const DEBUG_CTL_BITS = 0x3fn

/** Sets DebugCtl, and the attention bit that keeps compiled code from running while control transfers are looked at. */
export function setDebugCtl(state: Vcpu, value: bigint): void {
  state.debugCtl = value
  if (value & (LBR | BTF)) state.attention |= ATTENTION.branches
  else state.attention &= ~ATTENTION.branches
}

/** A #DB ends the single-stepping of control transfers. */
export function endBranchStep(state: Vcpu): void {
  if (state.debugCtl & BTF) setDebugCtl(state, state.debugCtl & ~BTF)
}

/** The instruction at `from` has been executed; `jumped`: control did not go to the next one in sequence. */
export function noteInstruction(state: Vcpu, from: bigint, jumped: boolean): void {
  if (jumped) recordBranch(state, from)
  else if (state.debugCtl & BTF) state.attention &= ~ATTENTION.trap
}

/** A control transfer leads from `from` to state.rip. */
function recordBranch(state: Vcpu, from: bigint): void {
  if (!(state.debugCtl & LBR)) return
  state.lastBranchFromIp = from
  state.lastBranchToIp = state.rip
}

/** An interrupt or exception leads from `from` to its handler at state.rip. */
export function recordInterrupt(state: Vcpu, from: bigint): void {
  if (!(state.debugCtl & LBR)) return
  state.lastIntFromIp = state.lastBranchFromIp
  state.lastIntToIp = state.lastBranchToIp
  recordBranch(state, from)
}
