/** Memory operands of the x87 and of state images: numbers of 16 to 80 bits, and records of several fields. */
import type { Instruction, MemoryOperand, Size } from '../../isa/instruction.ts'
import { probeLinear, readLinear, writeLinear } from '../../paging/access.ts'
import { ACCESS, type Cpu } from '../../state/cpu.ts'
import { effectiveAddress, load, memoryOperand, offsetBy } from '../operands.ts'
import { linearAddress } from '../segmentation.ts'

/** A field of a record in memory: bytes from its beginning, width in bytes, contents. */
export interface Field {
  readonly offset: number
  readonly size: Size
  readonly value: bigint
}

/** Reads the memory operand, which has at most 8 bytes. */
export function loadOperand(cpu: Cpu, instruction: Instruction): bigint {
  const operand = memoryOperand(instruction, 0)
  return load(cpu, operand.segment, effectiveAddress(cpu.state, operand), operand.size as Size)
}

/** Writes fields of the record at `operand`: all of them, or none if one faults. */
export function storeFields(cpu: Cpu, operand: MemoryOperand, fields: readonly Field[]): void {
  const base = effectiveAddress(cpu.state, operand)
  const places = fields.map(({ offset, size }) => {
    const linear = linearAddress(cpu, operand.segment, offsetBy(operand, base, offset), size, ACCESS.write)
    probeLinear(cpu, linear, size, ACCESS.write)
    return linear
  })
  fields.forEach(({ size, value }, i) => writeLinear(cpu, places[i], size, value))
}

/** A reader of the record at `operand`, for fields in any order. */
export function recordReader(cpu: Cpu, operand: MemoryOperand): (offset: number, size: Size) => bigint {
  const base = effectiveAddress(cpu.state, operand)
  return (offset, size) =>
    readLinear(
      cpu,
      linearAddress(cpu, operand.segment, offsetBy(operand, base, offset), size, ACCESS.read),
      size,
    )
}

/** The fields of an 80-bit number. */
export function extendedFields(offset: number, bits: bigint): Field[] {
  return [
    { offset, size: 8, value: BigInt.asUintN(64, bits) },
    { offset: offset + 8, size: 2, value: bits >> 64n },
  ]
}

/** An 80-bit number of a record. */
export function readExtendedBits(read: (offset: number, size: Size) => bigint, offset: number): bigint {
  return read(offset, 8) | (read(offset + 8, 2) << 64n)
}
