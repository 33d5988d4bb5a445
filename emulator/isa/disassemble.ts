/** The disassembler: `Instruction` to NASM syntax that assembles to an instruction that decodes alike. */
import type { CodeBits, Instruction, MemoryOperand, Operand, OperandSize } from './instruction.ts'
import { RIP_BASE } from './instruction.ts'
import { DS, RBP, RSP, SS } from './registers.ts'
import { table } from './table.ts'

/** Names for addresses, so that a branch target shows as its label. */
export interface DisassemblyOptions {
  readonly symbol?: (address: bigint) => string | undefined
}

const segmentNames = ['es', 'cs', 'ss', 'ds', 'fs', 'gs']
const lowNames = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di']
const byteNames = ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil']
const highByteNames = ['ah', 'ch', 'dh', 'bh']
const sizeNames: Readonly<Record<OperandSize, string>> = {
  1: 'byte ',
  2: 'word ',
  4: 'dword ',
  8: 'qword ',
  6: '',
  10: 'tword ',
  16: '',
}

/** The name of a general register of 1, 2, 4 or 8 bytes. */
export function generalRegisterName(index: number, size: 1 | 2 | 4 | 8, highByte = false): string {
  if (highByte) return highByteNames[index]
  if (index >= 8) return `r${index}${size === 1 ? 'b' : size === 2 ? 'w' : size === 4 ? 'd' : ''}`
  if (size === 1) return byteNames[index]
  return `${size === 4 ? 'e' : size === 8 ? 'r' : ''}${lowNames[index]}`
}

/** Operations whose operand size shows nowhere, and whether it is 64 bits by default in 64-bit code. */
const hiddenOperandSizes = new Map(
  table.filter((row) => row.hiddenOperandSize).map((row) => [row.operation, row.default64]),
)

/** Operations whose address size shows nowhere. */
const hiddenAddressSizes = new Set(table.filter((row) => row.hiddenAddressSize).map((row) => row.operation))

/** Sizes of memory that is the only operand, by mnemonic. */
const loneMemorySizes = Map.groupBy(
  table.filter(({ operands }) => operands.length === 1 && operands[0].kind === 'memory'),
  (row) => row.mnemonic,
)

/** Mnemonics with operands that may be a register or memory, or memory of several sizes; elsewhere one size is meant. */
const explicitMemorySizes = new Set([
  ...table
    .filter((row) => row.operands.some(({ kind }) => kind === 'register-or-memory'))
    .map((row) => row.mnemonic),
  ...[...loneMemorySizes].flatMap(([mnemonic, rows]) =>
    new Set(rows.map((row) => row.operands[0].memorySize)).size > 1 ? [mnemonic] : [],
  ),
])

/** Operations with a count in CL, whose register does not tell the size of a memory operand. */
const countsInCl = new Set(
  table.filter((row) => row.operands.at(-1)?.text === 'CL').map((row) => row.operation),
)

function hex(value: bigint): string {
  return value < 10n ? value.toString() : `0x${value.toString(16)}`
}

function signedTerm(value: bigint): string {
  return value < 0n ? `-${hex(-value)}` : `+${hex(value)}`
}

function defaultAddressSize(bits: CodeBits): 2 | 4 | 8 {
  return bits === 64 ? 8 : bits === 32 ? 4 : 2
}

function formatAddress(memory: MemoryOperand, next: bigint, options: DisassemblyOptions): string {
  const { base, index, scale, displacement, addressSize } = memory
  if (base === RIP_BASE) {
    const target = BigInt.asUintN(addressSize * 8, next + displacement)
    return `rel ${options.symbol?.(target) ?? hex(target)}`
  }
  const terms: string[] = []
  if (base >= 0) terms.push(generalRegisterName(base, addressSize))
  if (index >= 0)
    terms.push(`${generalRegisterName(index, addressSize)}*${scale}`.replace('*1', base < 0 ? '*1' : ''))
  if (terms.length === 0) {
    const address = BigInt.asUintN(addressSize * 8, displacement)
    return options.symbol?.(address) ?? hex(address)
  }
  const nosplit = base < 0 ? 'nosplit ' : ''
  return nosplit + terms.join('+') + (displacement === 0n ? '' : signedTerm(displacement))
}

/** `dword `, unless a register of the same size says so already. */
function sizeKeyword(size: OperandSize | 0, { operands, operation, mnemonic }: Instruction): string {
  if (size === 0 || !explicitMemorySizes.has(mnemonic)) return ''
  const told = operands.some((o) => o.kind === 'register' && o.file === 'general' && o.size === size)
  return told && !(size === 1 && countsInCl.has(operation)) ? '' : sizeNames[size]
}

function formatMemory(
  memory: MemoryOperand,
  instruction: Instruction,
  next: bigint,
  options: DisassemblyOptions,
): string {
  const defaultSegment = memory.base === RSP || memory.base === RBP ? SS : DS
  const segment = memory.segment === defaultSegment ? '' : `${segmentNames[memory.segment]}:`
  const far = instruction.mnemonic.endsWith(' far') ? 'far ' : ''
  const size = far ? (memory.size === 4 ? 'word ' : 'dword ') : sizeKeyword(memory.size, instruction)
  const alone = memory.base < 0 && memory.index < 0
  const width = alone && instruction.bits === 64 && isMemoryOffset(instruction) ? 'qword ' : ''
  const absolute = alone && instruction.bits === 64 && width === '' ? 'abs ' : ''
  return `${size}${far}[${segment}${width}${absolute}${formatAddress(memory, next, options)}]`
}

/** MOV with a 64-bit moffset: its absolute address does not fit in a ModRM displacement. */
function isMemoryOffset({ operation, operands }: Instruction): boolean {
  if (operation !== 'mov') return false
  const memory = operands.find((operand) => operand.kind === 'memory')
  return memory?.addressSize === 8 && BigInt.asIntN(32, memory.displacement) !== memory.displacement
}

function formatOperand(
  operand: Operand,
  instruction: Instruction,
  next: bigint,
  options: DisassemblyOptions,
): string {
  switch (operand.kind) {
    case 'register':
      if (operand.file === 'general')
        return generalRegisterName(operand.index, operand.size, operand.highByte)
      if (operand.file === 'segment') return segmentNames[operand.index]
      return `${operand.file === 'control' ? 'cr' : 'dr'}${operand.index}`
    case 'stack-register':
      return `st${operand.index}`
    case 'memory':
      return formatMemory(operand, instruction, next, options)
    case 'immediate': {
      const { operation, bits, operandSize } = instruction
      const sized = operation === 'push' && operandSize !== defaultOperandSize(bits, true)
      return `${sized ? sizeNames[operandSize] : ''}${hex(operand.value)}`
    }
    case 'relative': {
      const width =
        instruction.bits === 64 && instruction.operandSize === 8 ? 64 : instruction.operandSize * 8
      const target = BigInt.asUintN(width, next + operand.displacement)
      return options.symbol?.(target) ?? hex(target)
    }
    case 'far':
      return `${instruction.operandSize === 2 ? 'word' : 'dword'} ${hex(BigInt(operand.selector))}:${hex(operand.offset)}`
  }
}

function defaultOperandSize(bits: CodeBits, default64: boolean): number {
  return bits === 16 ? 2 : bits === 64 && default64 ? 8 : 4
}

/** o16, o32 or o64 where the size is neither the default nor visible in an operand. */
function operandSizePrefix({ operation, bits, operandSize, operands }: Instruction): string {
  const default64 = hiddenOperandSizes.get(operation)
  if (default64 === undefined || operandSize === defaultOperandSize(bits, default64)) return ''
  const shown = operands.some(
    (o) =>
      o.kind === 'far' ||
      (o.kind === 'register' && o.file === 'general') ||
      (o.kind === 'memory' && o.size !== 6 && o.size !== 0),
  )
  return shown ? '' : `o${operandSize * 8} `
}

function addressSizePrefix({ operation, bits, addressSize, operands }: Instruction): string {
  if (addressSize === defaultAddressSize(bits)) return ''
  const memory = operands.find((operand) => operand.kind === 'memory')
  const hidden = memory ? memory.base < 0 && memory.index < 0 : hiddenAddressSizes.has(operation)
  return hidden ? `a${addressSize * 8} ` : ''
}

/** Segment overrides of the string instructions and XLAT, whose memory operand is implicit. */
function segmentPrefix({ operands, segmentOverride, operation }: Instruction): string {
  const implicit = operands.length === 0 && hiddenAddressSizes.has(operation)
  return implicit && segmentOverride >= 0 ? `${segmentNames[segmentOverride]} ` : ''
}

function repeatPrefix({ repeat, operation }: Instruction): string {
  if (repeat === 'none') return ''
  const compares = operation === 'cmps' || operation === 'scas'
  return repeat === 'repne' ? 'repne ' : compares ? 'repe ' : 'rep '
}

/** LOCK, except where it only selects CR8. */
function lockPrefix({ lock }: Instruction): string {
  return lock ? 'lock ' : ''
}

/**
 * The instruction at `address` (an offset in the code segment) in NASM syntax.
 */
export function disassemble(
  instruction: Instruction,
  address: bigint,
  options: DisassemblyOptions = {},
): string {
  const next = address + BigInt(instruction.length)
  const prefixes =
    lockPrefix(instruction) +
    repeatPrefix(instruction) +
    segmentPrefix(instruction) +
    operandSizePrefix(instruction) +
    addressSizePrefix(instruction)
  // FAR is part of our mnemonic, but stands after the size keyword.
  const mnemonic = instruction.mnemonic.replace(' far', '')
  const operands = instruction.operands.map((operand) => formatOperand(operand, instruction, next, options))
  return `${prefixes}${mnemonic}${operands.length > 0 ? ' ' : ''}${operands.join(', ')}`
}
