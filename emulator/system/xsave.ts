/**
 * FXSAVE, FXRSTOR and the XSAVE family with XCR0 (APM vol 2 §11.4.4, §11.5; vol 4). The x87 is the only state there is: MXCSR and
 * the XMM registers of an image are neither written nor read.
 *
 * XSAVE area:  0 x87 and SSE state, as FXSAVE has it   512 header: +0 XSTATE_BV, +8 XCOMP_BV, +16..23 zero   576 end
 */
import { RAX, RCX, RDX } from '../isa/registers.ts'
import type { Instruction, MemoryOperand } from '../isa/instruction.ts'
import { ACCESS, type Cpu, type SystemInstruction } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import { Fault, generalProtection, undefinedOpcode, VECTOR } from '../state/faults.ts'
import { CR0, CR4 } from '../state/mode.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { XCR0_SUPPORTED } from './cpu-model.ts'
import { effectiveAddress, memoryOperand } from './operands.ts'
import { requirePrivilege } from './privilege.ts'
import { linearAddress } from './segmentation.ts'
import { imageFields, loadImage } from './x87/control.ts'
import { recordReader, storeFields } from './x87/memory.ts'
import { initialize } from './x87/stack.ts'

/** XCR0: bit 0 is the x87, which is always enabled. */
const XCR0_X87 = 1n

const HEADER = { state: 512, compaction: 520, reserved: 528 } as const

/** #GP(0) unless the operand begins at a multiple of `boundary`. */
function requireAlignment(cpu: Cpu, operand: MemoryOperand, boundary: bigint): void {
  const linear = linearAddress(cpu, operand.segment, effectiveAddress(cpu.state, operand), 1, ACCESS.read)
  if (linear % boundary !== 0n) generalProtection()
}

function fxOperand(cpu: Cpu, instruction: Instruction): MemoryOperand {
  if (!cpu.model.has('fxsr')) undefinedOpcode()
  if (cpu.state.cr0 & (CR0.EM | CR0.TS)) throw new Fault(VECTOR.NM)
  const operand = memoryOperand(instruction, 0)
  requireAlignment(cpu, operand, 16n)
  return operand
}

const fxsave: SystemInstruction = (cpu, instruction) => {
  const operand = fxOperand(cpu, instruction)
  storeFields(cpu, operand, imageFields(cpu.state, instruction.operandSize === 8))
}

const fxrstor: SystemInstruction = (cpu, instruction) => {
  loadImage(cpu, fxOperand(cpu, instruction), instruction.operandSize === 8)
}

/** CR4.OSXSAVE, which cannot be set without the feature. */
function requireOsXsave({ state }: Cpu): void {
  if (!(state.cr4 & CR4.OSXSAVE)) undefinedOpcode()
}

function pair(state: Vcpu): bigint {
  return (BigInt.asUintN(32, state.gpr[RDX]) << 32n) | BigInt.asUintN(32, state.gpr[RAX])
}

function xsaveOperand(cpu: Cpu, instruction: Instruction): MemoryOperand {
  requireOsXsave(cpu)
  if (cpu.state.cr0 & CR0.TS) throw new Fault(VECTOR.NM)
  const operand = memoryOperand(instruction, 0)
  requireAlignment(cpu, operand, 64n)
  return operand
}

/** Saves the states that EDX:EAX and XCR0 have in common. The x87 counts as in use always. */
const xsave: SystemInstruction = (cpu, instruction) => {
  const operand = xsaveOperand(cpu, instruction)
  const requested = pair(cpu.state) & cpu.state.xcr0
  const before = recordReader(cpu, operand)(HEADER.state, 8)
  const image = requested & XCR0_X87 ? imageFields(cpu.state, instruction.operandSize === 8) : []
  storeFields(cpu, operand, [...image, { offset: HEADER.state, size: 8, value: before | requested }])
}

/** Loads the states that EDX:EAX and XCR0 have in common; those that the area says are not there get their initial values. */
const xrstor: SystemInstruction = (cpu, instruction) => {
  const operand = xsaveOperand(cpu, instruction)
  const read = recordReader(cpu, operand)
  const present = read(HEADER.state, 8)
  if (present & ~cpu.state.xcr0 || read(HEADER.compaction, 8) || read(HEADER.reserved, 8)) generalProtection()
  if (!(pair(cpu.state) & XCR0_X87)) return
  if (present & XCR0_X87) loadImage(cpu, operand, instruction.operandSize === 8)
  else initialize(cpu.state)
}

/** There is one extended control register, XCR0. */
function requireXcr0(state: Vcpu): void {
  if (state.gprHalves[RCX * 2] !== 0) generalProtection()
}

const xgetbv: SystemInstruction = (cpu) => {
  requireOsXsave(cpu)
  requireXcr0(cpu.state)
  cpu.state.gpr[RAX] = BigInt.asUintN(32, cpu.state.xcr0)
  cpu.state.gpr[RDX] = cpu.state.xcr0 >> 32n
}

/** The intercept comes before #GP (table 15-7). */
const xsetbv: SystemInstruction = (cpu) => {
  requireOsXsave(cpu)
  if (cpu.state.guestMode) cpu.virtualization.intercept(cpu, EXIT.XSETBV)
  requirePrivilege(cpu)
  requireXcr0(cpu.state)
  const value = pair(cpu.state)
  if (value & ~BigInt(XCR0_SUPPORTED) || !(value & XCR0_X87)) generalProtection()
  cpu.state.xcr0 = value
}

export const xsaveInstructions = { fxsave, fxrstor, xsave, xrstor, xgetbv, xsetbv } as const
