/** LAR, LSL, VERR, VERW, ARPL: questions about selectors that answer in ZF and never fault on what they find (APM vol 3). */
import type { Instruction } from '../isa/instruction.ts'
import { ZF } from '../isa/registers.ts'
import { probeLinear } from '../paging/access.ts'
import { ACCESS, type Cpu, type SystemInstruction } from '../state/cpu.ts'
import { readRflags, setArithmeticFlags } from '../state/flags.ts'
import { ATTRIBUTE } from '../state/mode.ts'
import {
  type Descriptor,
  dpl,
  isCode,
  isConforming,
  isLongMode,
  isNull,
  readDescriptor,
  SELECTOR,
  SYSTEM_TYPE,
} from './descriptors.ts'
import {
  effectiveAddress,
  memoryOperand,
  readRegister,
  readWord,
  registerOperand,
  writeOperand,
  writeRegister,
} from './operands.ts'
import { requireProtectedMode } from './privilege.ts'
import { linearAddress } from './segmentation.ts'

function setZero(cpu: Cpu, zero: boolean): void {
  const flags = readRflags(cpu.state)
  setArithmeticFlags(cpu.state, zero ? flags | ZF : flags & ~ZF)
}

const { tss16, busyTss16, ldt, callGate16, taskGate, tss, busyTss, callGate } = SYSTEM_TYPE

/** System types that LAR and LSL accept, in legacy and in long mode (APM vol 3, LAR and LSL). */
const LAR_TYPES = {
  legacy: [tss16, ldt, busyTss16, callGate16, taskGate, tss, busyTss, callGate],
  long: [ldt, tss, busyTss, callGate],
}
const LSL_TYPES = { legacy: [tss16, ldt, busyTss16, tss, busyTss], long: [ldt, tss, busyTss] }

/** The descriptor, if it exists and CPL and RPL may see it; system types only those of `types`. */
function visibleDescriptor(
  cpu: Cpu,
  selector: number,
  types: { legacy: number[]; long: number[] },
): Descriptor | undefined {
  if (isNull(selector)) return undefined
  const descriptor = readDescriptor(cpu, selector)
  if (descriptor === undefined) return undefined
  const { attributes } = descriptor
  if (!(attributes & ATTRIBUTE.S)) {
    const accepted = isLongMode(cpu) ? types.long : types.legacy
    if (!accepted.includes(attributes & ATTRIBUTE.type)) return undefined
  }
  if (isCode(attributes) && isConforming(attributes)) return descriptor
  return Math.max(cpu.state.cpl, selector & SELECTOR.rpl) <= dpl(attributes) ? descriptor : undefined
}

/** Bits of the descriptor's second doubleword that LAR returns. */
const ACCESS_RIGHTS = 0x00f0_ff00n

const lar: SystemInstruction = (cpu, instruction) => {
  requireProtectedMode(cpu)
  const descriptor = visibleDescriptor(cpu, readWord(cpu, instruction, 1), LAR_TYPES)
  setZero(cpu, descriptor !== undefined)
  if (descriptor !== undefined) setResult(cpu, instruction, (descriptor.raw >> 32n) & ACCESS_RIGHTS)
}

const lsl: SystemInstruction = (cpu, instruction) => {
  requireProtectedMode(cpu)
  const descriptor = visibleDescriptor(cpu, readWord(cpu, instruction, 1), LSL_TYPES)
  setZero(cpu, descriptor !== undefined)
  if (descriptor !== undefined) setResult(cpu, instruction, BigInt(descriptor.limit))
}

function setResult(cpu: Cpu, instruction: Instruction, value: bigint): void {
  const register = registerOperand(instruction, 0)
  writeRegister(cpu.state, register.index, register.size, value)
}

/** VERR and VERW know code and data segments only. */
const NO_SYSTEM_TYPES = { legacy: [], long: [] }

const verr: SystemInstruction = (cpu, instruction) => {
  requireProtectedMode(cpu)
  const descriptor = visibleDescriptor(cpu, readWord(cpu, instruction, 0), NO_SYSTEM_TYPES)
  const attributes = descriptor?.attributes ?? 0
  const readable = !(attributes & ATTRIBUTE.code) || (attributes & ATTRIBUTE.readWrite) !== 0
  setZero(cpu, descriptor !== undefined && readable)
}

const verw: SystemInstruction = (cpu, instruction) => {
  requireProtectedMode(cpu)
  const descriptor = visibleDescriptor(cpu, readWord(cpu, instruction, 0), NO_SYSTEM_TYPES)
  const attributes = descriptor?.attributes ?? 0
  setZero(cpu, (attributes & (ATTRIBUTE.code | ATTRIBUTE.readWrite)) === ATTRIBUTE.readWrite)
}

/** Raises the RPL of the first operand to that of the second. */
const arpl: SystemInstruction = (cpu, instruction) => {
  requireProtectedMode(cpu)
  if (instruction.operands[0].kind === 'memory') {
    const operand = memoryOperand(instruction, 0)
    const linear = linearAddress(cpu, operand.segment, effectiveAddress(cpu.state, operand), 2, ACCESS.write)
    probeLinear(cpu, linear, 2, ACCESS.write)
  }
  const selector = readWord(cpu, instruction, 0)
  const level = Number(readRegister(cpu.state, registerOperand(instruction, 1).index, 2)) & SELECTOR.rpl
  const raise = (selector & SELECTOR.rpl) < level
  if (raise) writeOperand(cpu, instruction, 0, BigInt((selector & ~SELECTOR.rpl) | level))
  setZero(cpu, raise)
}

export const verificationInstructions = { lar, lsl, verr, verw, arpl } as const
