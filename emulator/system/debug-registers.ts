/** MOV to and from debug registers (APM vol 2 §13.1.1; intercepts §15.8.1). */
import { dropContexts, modeChanged } from '../paging/contexts.ts'
import { ATTENTION } from '../state/attention.ts'
import { BREAKPOINT, isBreakpoint } from '../state/breakpoints.ts'
import type { Cpu, SystemInstruction } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import { Fault, generalProtection, undefinedOpcode, VECTOR } from '../state/faults.ts'
import { CR4, MODE } from '../state/mode.ts'
import { DR6, DR7 } from './debug-bits.ts'
import { registerOperand, writeRegister } from './operands.ts'
import { requirePrivilege } from './privilege.ts'
import { DEBUG_RESERVED_BITS } from './validity.ts'

/** DR4 and DR5 are names of DR6 and DR7 unless CR4.DE = 1; DR8 and above do not exist. */
function checkAccess(cpu: Cpu, register: number): void {
  const { cr4, dr7 } = cpu.state
  if (register > 7 || ((register & 6) === 4 && cr4 & CR4.DE)) undefinedOpcode()
  requirePrivilege(cpu)
  if (dr7 & BigInt(DR7.GD)) throw new Fault(VECTOR.DB, -1, 0n, DR6.BD)
}

const movDebug: SystemInstruction = (cpu, instruction) => {
  const target = registerOperand(instruction, 0)
  const source = registerOperand(instruction, 1)
  if (target.file === 'debug') writeDebug(cpu, target.index, source.index)
  else {
    checkAccess(cpu, source.index)
    if (cpu.state.guestMode)
      cpu.virtualization.intercept(cpu, EXIT.DR0_READ + source.index, BigInt(target.index))
    writeRegister(cpu.state, target.index, target.size, readDebug(cpu, source.index))
  }
}

function readDebug({ state }: Cpu, register: number): bigint {
  if (register < 4) return state.dr[register]
  return register & 1 ? state.dr7 : state.dr6
}

function writeDebug(cpu: Cpu, register: number, general: number): void {
  const state = cpu.state
  const is64 = (state.mode & MODE.codeSize) === 2
  const value = is64 ? state.gpr[general] : BigInt.asUintN(32, state.gpr[general])
  checkAccess(cpu, register)
  if (register >= 4 && value & DEBUG_RESERVED_BITS) generalProtection()
  if (state.guestMode) cpu.virtualization.intercept(cpu, EXIT.DR0_WRITE + register, BigInt(general))
  if (register < 4) {
    state.dr[register] = value
    // Which pages may have fast tags has changed.
    dropContexts(cpu)
  } else if (register & 1) setDr7(cpu, value)
  else state.dr6 = (value & BigInt(DR6.writable)) | BigInt(DR6.fixed)
}

/** Sets DR7 with its fixed bits, and what tells executors that a breakpoint is on: an attention bit, and one of the mode word. */
export function setDr7(cpu: Cpu, value: bigint): void {
  const { state } = cpu
  state.dr7 = (value & BigInt(DR7.writable)) | BigInt(DR7.fixed)
  if (instructionBreakpoints(state.dr7).length > 0) state.attention |= ATTENTION.breakpoints
  else state.attention &= ~ATTENTION.breakpoints
  modeChanged(cpu)
}

/** Numbers of the instruction breakpoints that are on. */
export function instructionBreakpoints(dr7: bigint): number[] {
  const word = Number(dr7 & 0xffff_ffffn)
  return [0, 1, 2, 3].filter((n) => isBreakpoint(word, n, 1 << BREAKPOINT.execute))
}

export const debugRegisterInstructions = { 'mov-debug': movDebug } as const
