/**
 * SMIs that an I/O instruction causes: what EXITINFO1 of the SMI intercept (APM vol 2 §15.13.3) and the state-save area (§10.3.8)
 * say about it. state.smiIoInfo holds the former without SMISRC; its upper half is the I/O Instruction Restart Dword:
 *   63:48 PORT   47:44 BRP   43 TF   41:39 A64 A32 A16   38:36 SZ32 SZ16 SZ8   35 REP   34 STR   33 VAL   32 TYPE   12:10 SEG
 */
import type { Instruction } from '../isa/instruction.ts'
import { RCX, RDI, RSI, TF } from '../isa/registers.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { instructionRip } from './operands.ts'

/** In the dword. The other fields lie where the information on an intercepted IN or OUT has them (figure 15-2). */
const VALID = 1 << 1
const SINGLE_STEP = 1 << 11
const SEGMENT = 7 << 10

/** The instruction made an SMI pending; `info` is what EXITINFO1 of the IOIO intercept would hold. rCX, rSI, rDI are still as before. */
export function rememberSmiSource(state: Vcpu, instruction: Instruction, info: number): void {
  const dword = (info & ~SEGMENT) | VALID | (state.flagsOther & TF ? SINGLE_STEP : 0)
  state.smiIoInfo = (BigInt(dword >>> 0) << 32n) | BigInt(info & SEGMENT)
  state.smiIoRip = instructionRip(state, instruction)
  state.smiIoRcx = state.gpr[RCX]
  state.smiIoRsi = state.gpr[RSI]
  state.smiIoRdi = state.gpr[RDI]
}

/** The pending SMI is taken or dismissed. */
export function forgetSmi(state: Vcpu): void {
  state.smiPending = 0
  state.smiIoInfo = 0n
  state.smiIoRip = 0n
  state.smiIoRcx = 0n
  state.smiIoRsi = 0n
  state.smiIoRdi = 0n
}
