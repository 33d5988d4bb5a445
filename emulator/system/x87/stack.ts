/**
 * The x87 registers in the vCPU block: the stack, the status word and its exceptions, the pointers (APM vol 1 §6.2).
 *
 * Status word:  15 B   14 C3   13:11 TOP   10 C2   9 C1   8 C0   7 ES   6 SF   5:0 exceptions (round.ts)
 */
import { CS } from '../../isa/registers.ts'
import type { Instruction } from '../../isa/instruction.ts'
import type { Cpu, SystemInstruction } from '../../state/cpu.ts'
import { Fault, undefinedOpcode, VECTOR } from '../../state/faults.ts'
import { CR0 } from '../../state/mode.ts'
import type { Vcpu } from '../../state/vcpu.ts'
import { effectiveAddress, instructionRip } from '../operands.ts'
import { type Extended, INDEFINITE, packExtended, unpackExtended } from './number.ts'
import { CONDITION, EXCEPTION, type Result } from './round.ts'

const EXCEPTIONS = 0x3f
const STACK_FAULT = 0x40
const ERROR_SUMMARY = 0x80
const BUSY = 0x8000
const TOP = 7 << 11

/** The masked response to an empty operand, and to a push onto a full stack. */
export const STACK_UNDERFLOW: Result = { value: INDEFINITE, status: EXCEPTION.IE | STACK_FAULT }
export const STACK_OVERFLOW: Result = {
  value: INDEFINITE,
  status: EXCEPTION.IE | STACK_FAULT | CONDITION.C1,
}

/** The number of the physical register that ST(0) is. */
export function top(state: Vcpu): number {
  return (state.fpuStatus & TOP) >> 11
}

export function setTop(state: Vcpu, value: number): void {
  state.fpuStatus = (state.fpuStatus & ~TOP) | ((value & 7) << 11)
}

function physical(state: Vcpu, index: number): number {
  return (top(state) + index) & 7
}

export function isEmpty(state: Vcpu, index: number): boolean {
  return ((state.fpuTags >> physical(state, index)) & 1) === 0
}

/** The 80 bits of ST(index), empty or not. */
export function registerBits(state: Vcpu, index: number): bigint {
  const at = physical(state, index) * 2
  return state.fpuRegisters[at] | (state.fpuRegisters[at + 1] << 64n)
}

/** Sets the 80 bits of ST(index) and leaves its tag alone. */
export function setRegisterBits(state: Vcpu, index: number, bits: bigint): void {
  const at = physical(state, index) * 2
  state.fpuRegisters[at] = BigInt.asUintN(64, bits)
  state.fpuRegisters[at + 1] = (bits >> 64n) & 0xffffn
}

export function readStack(state: Vcpu, index: number): Extended {
  return unpackExtended(registerBits(state, index))
}

export function writeStack(state: Vcpu, index: number, value: Extended): void {
  setRegisterBits(state, index, packExtended(value))
  state.fpuTags |= 1 << physical(state, index)
}

export function free(state: Vcpu, index: number): void {
  state.fpuTags &= ~(1 << physical(state, index))
}

export function pop(state: Vcpu): void {
  free(state, 0)
  setTop(state, top(state) + 1)
}

/** Pushes a number, or raises a stack overflow. Unmasked, an invalid operand is not pushed, but a denormal one is. */
export function push(state: Vcpu, result: Result): void {
  const { value, status } = isEmpty(state, 7) ? result : STACK_OVERFLOW
  if (!raise(state, status) && status & EXCEPTION.IE) return
  setTop(state, top(state) - 1)
  writeStack(state, 0, value)
}

/** The exceptions that come before a result: unmasked, they leave the operands as they were (APM vol 1 §6.8.3). */
const BEFORE_RESULT = EXCEPTION.IE | EXCEPTION.DE | EXCEPTION.ZE

/** Whether an exception of `status` is unmasked that comes before the result. */
export function forbidsResult(state: Vcpu, status: number): boolean {
  return (status & ~state.fpuControl & BEFORE_RESULT) !== 0
}

/**
 * Sets exceptions and condition codes; those of `conditions` that `status` lacks are cleared. Returns whether the instruction goes
 * on to its result; where it does not, nothing was rounded.
 */
export function raise(state: Vcpu, status: number, conditions: number = CONDITION.C1): boolean {
  const stopped = forbidsResult(state, status)
  const direction = status & STACK_FAULT ? CONDITION.C1 : 0
  const set = stopped ? status & (BEFORE_RESULT | STACK_FAULT | direction) : status
  state.fpuStatus = (state.fpuStatus & ~conditions) | set
  summarize(state)
  return !stopped
}

/** ES and B say whether an exception is pending that is not masked. */
export function summarize(state: Vcpu): void {
  const pending = (state.fpuStatus & ~state.fpuControl & EXCEPTIONS) !== 0
  const rest = state.fpuStatus & ~(ERROR_SUMMARY | BUSY)
  state.fpuStatus = pending ? rest | ERROR_SUMMARY | BUSY : rest
}

/** FNCLEX: no exception is left. */
export function clearExceptions(state: Vcpu): void {
  state.fpuStatus &= ~(EXCEPTIONS | STACK_FAULT | ERROR_SUMMARY | BUSY)
}

/** Bits of the control word that can be written; bit 6 reads as 1. */
const CONTROL_WRITABLE = 0x1f3f
const CONTROL_FIXED = 0x40

export function setControl(state: Vcpu, value: number): void {
  state.fpuControl = (value & CONTROL_WRITABLE) | CONTROL_FIXED
  summarize(state)
}

/** FNINIT: all exceptions masked, 64 bits of precision, an empty stack (APM vol 5, FINIT). */
export function initialize(state: Vcpu): void {
  state.fpuStatus = 0
  setControl(state, 0x37f)
  state.fpuTags = 0
  state.fpuOpcode = 0
  state.fpuIp = state.fpuDp = 0n
  state.fpuCs = state.fpuDs = 0
}

/** #UD without an x87, #NM while CR0.EM or CR0.TS is 1. */
export function requireX87({ state, model }: Cpu): void {
  if (!model.has('fpu')) undefinedOpcode()
  if (state.cr0 & (CR0.EM | CR0.TS)) throw new Fault(VECTOR.NM)
}

/** #MF for a pending exception. With CR0.NE = 0 it would go to the FERR# pin, which nothing is wired to. */
export function raisePending(state: Vcpu): void {
  if (state.fpuStatus & ERROR_SUMMARY && state.cr0 & CR0.NE) throw new Fault(VECTOR.MF)
}

function keepPointers(state: Vcpu, instruction: Instruction): void {
  state.fpuOpcode = instruction.opcode & 0x7ff
  state.fpuIp = instructionRip(state, instruction)
  state.fpuCs = state.segments[CS].selector
  const operand = instruction.operands.at(-1)
  if (operand?.kind !== 'memory') return
  state.fpuDp = effectiveAddress(state, operand)
  state.fpuDs = state.segments[operand.segment].selector
}

/** A control instruction that waits: it takes a pending exception first. */
export function waiting(body: SystemInstruction): SystemInstruction {
  return (cpu, instruction) => {
    requireX87(cpu)
    raisePending(cpu.state)
    body(cpu, instruction)
  }
}

/** A control instruction that does not wait. */
export function nonWaiting(body: SystemInstruction): SystemInstruction {
  return (cpu, instruction) => {
    requireX87(cpu)
    body(cpu, instruction)
  }
}

/** Any other instruction: it waits, and leaves the pointers to itself and its operand behind. */
export function computing(body: SystemInstruction): SystemInstruction {
  return waiting((cpu, instruction) => {
    body(cpu, instruction)
    keepPointers(cpu.state, instruction)
  })
}
