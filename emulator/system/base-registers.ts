/** SWAPGS and the instructions that read and write the bases of FS and GS (APM vol 2 §6.1.3, vol 3 RDFSBASE). */
import type { Instruction } from '../isa/instruction.ts'
import { FS, GS } from '../isa/registers.ts'
import { isCanonical } from '../state/canonical.ts'
import type { Cpu, SystemInstruction } from '../state/cpu.ts'
import { generalProtection, undefinedOpcode } from '../state/faults.ts'
import { CR4, MODE } from '../state/mode.ts'
import { readRegister, registerOperand, writeRegister } from './operands.ts'
import { requirePrivilege } from './privilege.ts'

function require64Bit(cpu: Cpu): void {
  if ((cpu.state.mode & MODE.codeSize) !== 2) undefinedOpcode()
}

const swapgs: SystemInstruction = (cpu) => {
  require64Bit(cpu)
  requirePrivilege(cpu)
  const gs = cpu.state.segments[GS]
  const base = gs.base
  gs.base = cpu.state.kernelGsBase
  cpu.state.kernelGsBase = base
}

function requireBaseInstructions(cpu: Cpu): void {
  require64Bit(cpu)
  if (!(cpu.state.cr4 & CR4.FSGSBASE)) undefinedOpcode()
}

function readBase(cpu: Cpu, instruction: Instruction, segment: number): void {
  requireBaseInstructions(cpu)
  const { index, size } = registerOperand(instruction, 0)
  writeRegister(cpu.state, index, size, cpu.state.segments[segment].base)
}

function writeBase(cpu: Cpu, instruction: Instruction, segment: number): void {
  requireBaseInstructions(cpu)
  const { index, size } = registerOperand(instruction, 0)
  const value = readRegister(cpu.state, index, size)
  if (!isCanonical(value, cpu.model.linearAddressBits)) generalProtection()
  cpu.state.segments[segment].base = value
}

export const baseRegisterInstructions: Readonly<Record<string, SystemInstruction>> = {
  swapgs,
  rdfsbase: (cpu, instruction) => readBase(cpu, instruction, FS),
  rdgsbase: (cpu, instruction) => readBase(cpu, instruction, GS),
  wrfsbase: (cpu, instruction) => writeBase(cpu, instruction, FS),
  wrgsbase: (cpu, instruction) => writeBase(cpu, instruction, GS),
}
