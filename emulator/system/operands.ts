/** Operands of system instructions: registers, effective addresses, memory (APM vol 1 §2.2, §3.1.2). */
import {
  type Instruction,
  type MemoryOperand,
  type OperandSize,
  type RegisterOperand,
  RIP_BASE,
  type Size,
} from '../isa/instruction.ts'
import { readLinear, writeLinear } from '../paging/access.ts'
import { ACCESS, type Cpu } from '../state/cpu.ts'
import { MODE } from '../state/mode.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { linearAddress } from './segmentation.ts'

/** A general register, zero-extended from `size` bytes. System instructions never name AH..BH. */
export function readRegister(state: Vcpu, index: number, size: Size): bigint {
  return BigInt.asUintN(size * 8, state.gpr[index])
}

/** 64 bits: all; 32 bits: clears the upper half; 16 and 8 bits: leaves the rest alone. */
export function writeRegister(state: Vcpu, index: number, size: Size, value: bigint): void {
  const bits = size * 8
  const kept = size < 4 ? (state.gpr[index] >> BigInt(bits)) << BigInt(bits) : 0n
  state.gpr[index] = kept | BigInt.asUintN(bits, value)
}

/** Offset of a memory operand in its segment, truncated to the address size. state.rip is that of the next instruction. */
export function effectiveAddress(state: Vcpu, operand: MemoryOperand): bigint {
  let sum = operand.displacement
  if (operand.base === RIP_BASE) sum += state.rip
  else if (operand.base >= 0) sum += state.gpr[operand.base]
  if (operand.index >= 0) sum += state.gpr[operand.index] * BigInt(operand.scale)
  return BigInt.asUintN(operand.addressSize * 8, sum)
}

/** Reads `size` bytes at `offset` of a segment. */
export function load(cpu: Cpu, segment: number, offset: bigint, size: Size): bigint {
  return readLinear(cpu, linearAddress(cpu, segment, offset, size, ACCESS.read), size)
}

/** Writes `size` bytes at `offset` of a segment. */
export function store(cpu: Cpu, segment: number, offset: bigint, size: Size, value: bigint): void {
  writeLinear(cpu, linearAddress(cpu, segment, offset, size, ACCESS.write), size, value)
}

/** `offset` of a segment moved by `bytes`, truncated to the operand's address size. */
export function offsetBy(operand: MemoryOperand, offset: bigint, bytes: number): bigint {
  return BigInt.asUintN(operand.addressSize * 8, offset + BigInt(bytes))
}

/** Operand `n`, which the table says is a register or memory, as a selector or machine status word: 16 bits. */
export function readWord(cpu: Cpu, instruction: Instruction, n: number): number {
  const operand = instruction.operands[n]
  if (operand.kind === 'register') return Number(readRegister(cpu.state, operand.index, 2))
  return Number(
    load(
      cpu,
      memoryOperand(instruction, n).segment,
      effectiveAddress(cpu.state, memoryOperand(instruction, n)),
      2,
    ),
  )
}

/** Stores to operand `n`: a register of its size, or the low `memoryBytes` bytes in memory. */
export function writeOperand(
  cpu: Cpu,
  instruction: Instruction,
  n: number,
  value: bigint,
  memoryBytes: Size = 2,
): void {
  const operand = instruction.operands[n]
  if (operand.kind === 'register') writeRegister(cpu.state, operand.index, operand.size, value)
  else {
    const memory = memoryOperand(instruction, n)
    store(cpu, memory.segment, effectiveAddress(cpu.state, memory), memoryBytes, value)
  }
}

/** Operand `n`, which the instruction's row says is memory. */
export function memoryOperand(instruction: Instruction, n: number): MemoryOperand {
  const operand = instruction.operands[n]
  if (operand.kind !== 'memory') throw new Error(`operand ${n} of ${instruction.mnemonic} is not memory`)
  return operand
}

/** Operand `n`, which the instruction's row says is a register. */
export function registerOperand(instruction: Instruction, n: number): RegisterOperand {
  const operand = instruction.operands[n]
  if (operand.kind !== 'register')
    throw new Error(`operand ${n} of ${instruction.mnemonic} is not a register`)
  return operand
}

/** A far pointer in memory: the offset, then a 16-bit selector. `size` is that of the whole: 4, 6 or 10 bytes. */
export function loadFarPointer(
  cpu: Cpu,
  instruction: Instruction,
  n: number,
): { selector: number; offset: bigint } {
  const operand = memoryOperand(instruction, n)
  const offsetBytes = farOffsetBytes(operand.size)
  const at = effectiveAddress(cpu.state, operand)
  const offset = load(cpu, operand.segment, at, offsetBytes)
  const selector = Number(load(cpu, operand.segment, offsetBy(operand, at, offsetBytes), 2))
  return { selector, offset }
}

function farOffsetBytes(size: OperandSize | 0): 2 | 4 | 8 {
  return size === 4 ? 2 : size === 10 ? 8 : 4
}

/** An rIP as the current code size has it: 64 bits in 64-bit mode, else 32. */
export function truncateRip(state: Vcpu, rip: bigint): bigint {
  return BigInt.asUintN((state.mode & MODE.codeSize) === 2 ? 64 : 32, rip)
}

/** rIP of the instruction itself. */
export function instructionRip(state: Vcpu, instruction: Instruction): bigint {
  return truncateRip(state, state.rip - BigInt(instruction.length))
}
