/** Whether a row of the instruction table can encode a request, and if not, how close it came. */
import type { EncodingRequest, ImmediateRequest, MemoryRequest, OperandRequest } from './encoding-request.ts'
import type { CodeBits, Size } from './instruction.ts'
import { addressSizeOf } from './encode-memory.ts'
import { MODE_16, MODE_32, MODE_64, type OperandForm, type Row } from './table/row.ts'

/** How far matching came: the later, the better the message it can give. */
export const OPERAND_COUNT = 0
export const OPERAND_KIND = 1
export const NOT_IN_MODE = 2
export const OPERAND_SIZE = 3
export const BRANCH_DISTANCE = 4
export const VALUE_RANGE = 5
export const PREFIX = 6
export const MATCH = 7

export function modeMask(bits: CodeBits): number {
  return bits === 64 ? MODE_64 : bits === 32 ? MODE_32 : MODE_16
}

/** The operand size that a row has without any prefix. */
export function defaultOperandSize(row: Row, bits: CodeBits): Size {
  return bits === 16 ? 2 : bits === 64 && row.default64 ? 8 : 4
}

/** The values that an immediate form takes: signed or unsigned in its width, or sign-extended from it. */
export function immediateFits(form: OperandForm, value: bigint, operandSize: Size): boolean {
  const width = form.size * 8
  if (form.text.startsWith('uimm')) return value >= 0n && value < 1n << BigInt(width)
  const outer = form.extended ? operandSize * 8 : width
  if (value < -(1n << BigInt(outer - 1)) || value >= 1n << BigInt(outer)) return false
  if (outer === width) return true
  const signed = BigInt.asIntN(outer, value)
  return BigInt.asIntN(width, signed) === signed
}

function matchRegister(form: OperandForm, operand: OperandRequest): number {
  if (operand.kind !== 'register' || operand.file !== 'general') return OPERAND_KIND
  return operand.size === form.size ? MATCH : OPERAND_SIZE
}

function matchMemory(form: OperandForm, operand: MemoryRequest): number {
  const { size } = operand
  return size === 0 || form.memorySize === 0 || size === form.memorySize ? MATCH : OPERAND_SIZE
}

/** A far pointer in memory is sized by its offset: `jmp far dword [x]` reads mem16:32. */
function matchFarMemory(form: OperandForm, operand: MemoryRequest): number {
  return operand.size === 0 || operand.size === form.memorySize - 2 ? MATCH : OPERAND_SIZE
}

/** The moffset forms: an address and nothing else. In 64-bit code they are chosen by `[qword x]` or a32 only. */
function matchMemoryOffset(form: OperandForm, operand: MemoryRequest, request: EncodingRequest): number {
  if (operand.base >= 0 || operand.index >= 0 || operand.ripRelative) return OPERAND_KIND
  const addressSize = addressSizeOf(operand, request.bits)
  if (request.bits === 64 && addressSize === 8 && operand.displacementSize !== 8) return OPERAND_KIND
  return matchMemory(form, operand)
}

function matchImmediate(
  form: OperandForm,
  operand: ImmediateRequest,
  row: Row,
  request: EncodingRequest,
): number {
  const operandSize = row.operandSize || defaultOperandSize(row, request.bits)
  const { size } = operand
  // A sign-extended form may be written with the size that it is extended to, or with 32 bits where that is the widest.
  const extendedTo = form.extended && (size === operandSize || size === Math.min(operandSize, 4))
  if (size !== 0 && size !== form.size && !extendedTo) return OPERAND_SIZE
  // A value that is not known yet, or may change, must have room for whatever it becomes.
  const wide = request.unresolved || operand.strict === true
  if (wide && form.extended && form.size === 1 && operand.size !== 1) return VALUE_RANGE
  if (request.unresolved) return MATCH
  return immediateFits(form, operand.value, operandSize) ? MATCH : VALUE_RANGE
}

function matchOperand(
  form: OperandForm,
  operand: OperandRequest,
  row: Row,
  request: EncodingRequest,
  oneDistance: boolean,
): number {
  switch (form.kind) {
    case 'register':
    case 'register-in-rm':
      return matchRegister(form, operand)
    case 'register-in-opcode':
      if (row.notSelf64 && request.bits === 64 && operand.kind === 'register' && operand.index === 0)
        return OPERAND_KIND
      return matchRegister(form, operand)
    case 'register-or-memory':
      return operand.kind === 'memory' ? matchMemory(form, operand) : matchRegister(form, operand)
    case 'memory':
      return operand.kind === 'memory' ? matchMemory(form, operand) : OPERAND_KIND
    case 'far-memory':
      return operand.kind === 'memory' ? matchFarMemory(form, operand) : OPERAND_KIND
    case 'memory-offset':
      return operand.kind === 'memory' ? matchMemoryOffset(form, operand, request) : OPERAND_KIND
    case 'fixed-register':
      if (operand.kind !== 'register' || operand.file !== form.file || operand.highByte) return OPERAND_KIND
      if (operand.index !== form.index) return OPERAND_KIND
      return operand.size === form.size ? MATCH : OPERAND_SIZE
    case 'address-register':
      if (operand.kind !== 'register' || operand.file !== 'general' || operand.index !== 0)
        return OPERAND_KIND
      return operand.size === 1 || (operand.size === 2 && request.bits === 64) ? OPERAND_SIZE : MATCH
    case 'segment':
    case 'control':
    case 'debug':
      return operand.kind === 'register' && operand.file === form.kind ? MATCH : OPERAND_KIND
    case 'stack-top':
      return operand.kind === 'stack-register' && operand.index === 0 ? MATCH : OPERAND_KIND
    case 'stack-register':
      return operand.kind === 'stack-register' ? MATCH : OPERAND_KIND
    case 'one':
      if (operand.kind !== 'immediate') return OPERAND_KIND
      if (operand.size > 1) return OPERAND_SIZE
      return operand.value === 1n && !request.unresolved ? MATCH : VALUE_RANGE
    case 'immediate':
      return operand.kind === 'immediate' ? matchImmediate(form, operand, row, request) : OPERAND_KIND
    case 'relative':
      if (operand.kind !== 'target') return OPERAND_KIND
      return oneDistance || (operand.distance === 'short') === (form.size === 1) ? MATCH : BRANCH_DISTANCE
    case 'far':
      if (operand.kind !== 'far') return OPERAND_KIND
      return operand.offset >> BigInt(form.size * 8) === 0n ? MATCH : VALUE_RANGE
  }
}

/** Whether an operand, as written, fixes the operand size. */
function fixesSize(form: OperandForm, operand: OperandRequest): boolean {
  switch (operand.kind) {
    case 'register':
      return operand.file === 'general'
    case 'memory':
    case 'immediate':
      return operand.size !== 0 && form.kind !== 'one'
    default:
      return false
  }
}

/** Memory whose size is not the operand size: the mnemonic tells that one (`fxsave64`). */
function hasNoSize({ kind, memorySize }: OperandForm): boolean {
  return kind === 'memory' && memorySize === 0
}

/**
 * Without a size in the operands (`push 5`, `jmp near x`, `call [rbx]`) only the default size is meant; mnemonics
 * without operands (`movsd`, `iretq`) name their size themselves.
 */
function operandSizeAllowed(row: Row, request: EncodingRequest): boolean {
  if (request.operandSize !== 0) {
    return !row.selectedBySize || row.operandSize === request.operandSize
  }
  if (!row.selectedBySize || row.operands.every(hasNoSize)) return true
  if (row.operandSize === defaultOperandSize(row, request.bits)) return true
  return row.operands.some((form, i) => fixesSize(form, request.operands[i]))
}

function prefixesAllowed(row: Row, request: EncodingRequest): boolean {
  if (request.lock && !(row.lockable && request.operands[0].kind === 'memory')) return false
  if (request.repeat !== 'none' && !row.repeatable) return false
  if (request.addressSize !== 0 && row.addressSize !== 0 && request.addressSize !== row.addressSize)
    return false
  if (request.operandSize === 8 && request.bits !== 64) return false
  // With default-64 there is no prefix that selects 32 bits.
  return !(request.operandSize === 4 && request.bits === 64 && row.default64)
}

/**
 * MATCH, or the reason why `row` cannot encode `request`. `oneDistance`: the mnemonic has only one branch distance,
 * so the requested one does not matter.
 */
export function matchRow(row: Row, request: EncodingRequest, oneDistance: boolean): number {
  const { operands } = row
  if (operands.length !== request.operands.length) return OPERAND_COUNT
  let result = (row.modes & modeMask(request.bits)) === 0 ? NOT_IN_MODE : MATCH
  for (let i = 0; i < operands.length; i++) {
    const one = matchOperand(operands[i], request.operands[i], row, request, oneDistance)
    if (one < result) result = one
  }
  if (result !== MATCH) return result
  if (!operandSizeAllowed(row, request)) return OPERAND_SIZE
  return prefixesAllowed(row, request) ? MATCH : PREFIX
}
