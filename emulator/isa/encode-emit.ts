/** Writes one instruction as a row of the table says: prefixes, opcode, ModRM, SIB, displacement, immediates. */
import { addressSizeOf, encodeMemory, type EncodedMemory } from './encode-memory.ts'
import { defaultOperandSize } from './encode-match.ts'
import type { EncodingError, EncodingRequest, MemoryRequest, OperandRequest } from './encoding-request.ts'
import type { Size } from './instruction.ts'
import type { Row } from './table/row.ts'

const scratch = new Uint8Array(32)
let length = 0

function put(byte: number): void {
  scratch[length++] = byte
}

function putValue(value: bigint, size: number): void {
  if (size === 8) {
    putValue(value, 4)
    putValue(value >> 32n, 4)
    return
  }
  const low = Number(BigInt.asUintN(32, value))
  for (let i = 0; i < size; i++) put((low >>> (8 * i)) & 0xff)
}

/** An instruction of its own, before all prefixes of the one that it waits for. */
export const FWAIT = 0x9b

const segmentPrefixes = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65]

/** What the operands contribute to the bytes. */
interface Parts {
  reg: number
  rm: number
  opcodeRegister: number
  memory: MemoryRequest | undefined
  encodedMemory: EncodedMemory | undefined
  addressSize: 2 | 4 | 8
  /** A byte register that needs REX (SPL, BPL, SIL, DIL), and one that forbids it (AH, CH, DH, BH). */
  needsRex: boolean
  forbidsRex: boolean
  lockForCr8: boolean
}

export function error(
  code: EncodingError['code'],
  message: string,
  hint: string,
  operand: number,
): EncodingError {
  return { code, message, hint, operand }
}

/** The number that encodes a register. AH, CH, DH, BH are 4..7 without REX. */
function registerNumber(operand: OperandRequest, parts: Parts): number {
  if (operand.kind !== 'register') return 0
  if (operand.file === 'general' && operand.size === 1) {
    if (operand.highByte) {
      parts.forbidsRex = true
      return operand.index + 4
    }
    if (operand.index >= 4) parts.needsRex = true
  }
  return operand.index
}

function gather(row: Row, request: EncodingRequest): Parts | EncodingError {
  const { bits } = request
  const parts: Parts = {
    reg: row.digit < 0 ? 0 : row.digit,
    rm: row.rm < 0 ? 0 : row.rm,
    opcodeRegister: 0,
    memory: undefined,
    encodedMemory: undefined,
    addressSize: request.addressSize || row.addressSize || (bits === 64 ? 8 : bits === 32 ? 4 : 2),
    needsRex: false,
    forbidsRex: false,
    lockForCr8: false,
  }
  for (let i = 0; i < row.operands.length; i++) {
    const operand = request.operands[i]
    switch (row.operands[i].kind) {
      case 'register':
      case 'segment':
      case 'debug':
        parts.reg = registerNumber(operand, parts)
        break
      case 'control':
        parts.reg = registerNumber(operand, parts)
        if (parts.reg >= 8 && bits !== 64) {
          parts.lockForCr8 = true
          parts.reg -= 8
        }
        break
      case 'register-in-rm':
        parts.rm = registerNumber(operand, parts)
        break
      case 'stack-register':
        if (operand.kind === 'stack-register') parts.rm = operand.index
        break
      case 'register-in-opcode':
        parts.opcodeRegister = registerNumber(operand, parts)
        break
      case 'address-register':
        if (operand.kind === 'register') parts.addressSize = operand.size as 2 | 4 | 8
        break
      case 'register-or-memory':
      case 'memory':
      case 'far-memory':
      case 'memory-offset':
        if (operand.kind !== 'memory') {
          parts.rm = registerNumber(operand, parts)
          break
        }
        parts.memory = operand
        if (
          request.addressSize !== 0 &&
          operand.addressSize !== 0 &&
          request.addressSize !== operand.addressSize
        ) {
          const message = `the prefix asks for ${request.addressSize * 8}-bit addresses, the operand has ${operand.addressSize * 8}`
          return error('invalid-address', message, '', i)
        }
        parts.addressSize = request.addressSize || addressSizeOf(operand, bits)
        if (row.operands[i].kind !== 'memory-offset') {
          const encoded = encodeMemory(operand, parts.addressSize, bits, request.unresolved)
          if (typeof encoded === 'string') return error('invalid-address', encoded, '', i)
          parts.encodedMemory = encoded
        }
        break
      case 'fixed-register':
      case 'stack-top':
      case 'one':
      case 'immediate':
      case 'relative':
      case 'far':
        // Implied by the opcode, or written after ModRM.
        break
    }
  }
  if (bits === 64 ? parts.addressSize === 2 : parts.addressSize === 8) {
    const sizes = bits === 64 ? '64 or 32' : '16 or 32'
    const message = `${bits}-bit code cannot use ${parts.addressSize * 8}-bit addresses`
    return error('invalid-address', message, `addresses have ${sizes} bits here`, -1)
  }
  return parts
}

/** REX: 0100 W R X B (APM vol 3 §1.2.7). */
function rexPrefix(parts: Parts, wide: boolean): number {
  const memory = parts.encodedMemory
  const r = parts.reg >> 3
  const x = memory ? memory.rexX : 0
  const b = memory ? memory.rexB : (parts.rm | parts.opcodeRegister) >> 3
  const fields = (wide ? 8 : 0) | (r << 2) | (x << 1) | b
  return fields !== 0 || parts.needsRex ? 0x40 | fields : 0
}

function putPrefixes(
  row: Row,
  request: EncodingRequest,
  parts: Parts,
  size: Size,
): EncodingError | undefined {
  const { bits } = request
  if (row.prefix === FWAIT) put(FWAIT)
  if (request.repeat !== 'none') put(request.repeat === 'repe' ? 0xf3 : 0xf2)
  if (request.lock || parts.lockForCr8) put(0xf0)
  const segment = parts.memory ? parts.memory.segmentOverride : (request.segmentOverride ?? -1)
  if (segment >= 0) put(segmentPrefixes[segment])
  const byDefault = defaultOperandSize(row, bits)
  if (bits === 16 ? size === 4 : size === 2) put(0x66)
  if (parts.addressSize !== (bits === 64 ? 8 : bits === 32 ? 4 : 2)) put(0x67)
  if (row.prefix > 0 && row.prefix !== FWAIT) put(row.prefix)
  const rex = rexPrefix(parts, size === 8 && byDefault !== 8)
  if (rex === 0) return undefined
  if (bits !== 64) {
    return error('not-in-this-mode', 'this needs a REX prefix, which exists in 64-bit code only', '', -1)
  }
  if (parts.forbidsRex) {
    const hint = 'ah, ch, dh and bh do not go with r8 to r15, spl, bpl, sil, dil or 64-bit operands'
    return error('no-such-form', 'a high-byte register cannot be used here', hint, -1)
  }
  put(rex)
  return undefined
}

function putOpcode(row: Row, parts: Parts): void {
  if (row.map > 0) put(0x0f)
  if (row.map > 1) put(row.map === 2 ? 0x38 : 0x3a)
  put(row.opcode | (parts.opcodeRegister & 7))
  if (!row.modrm) return
  const memory = parts.encodedMemory
  if (!memory) {
    put(0xc0 | ((parts.reg & 7) << 3) | (parts.rm & 7))
    return
  }
  put((memory.mod << 6) | ((parts.reg & 7) << 3) | memory.rm)
  if (memory.sib >= 0) put(memory.sib)
  putValue(memory.displacement, memory.displacementSize)
}

function putImmediates(row: Row, request: EncodingRequest, parts: Parts): EncodingError | undefined {
  for (let i = 0; i < row.operands.length; i++) {
    const form = row.operands[i]
    const operand = request.operands[i]
    if (form.kind === 'immediate' && operand.kind === 'immediate') putValue(operand.value, form.size)
    else if (form.kind === 'memory-offset' && operand.kind === 'memory') {
      putValue(operand.displacement, parts.addressSize)
    } else if (form.kind === 'far' && operand.kind === 'far') {
      putValue(operand.offset, form.size)
      putValue(BigInt(operand.selector), 2)
    } else if (form.kind === 'relative' && operand.kind === 'target') {
      const distance = operand.address - request.address - BigInt(length + form.size)
      const width =
        request.bits === 64 && request.operandSize !== 2
          ? 64
          : form.size === 4 || request.bits === 32
            ? 32
            : 16
      const wrapped = BigInt.asIntN(width, distance)
      if (!request.unresolved && BigInt.asIntN(form.size * 8, wrapped) !== wrapped) {
        const limit = 1n << BigInt(form.size * 8 - 1)
        const message = `the target is ${wrapped} bytes away, this branch reaches ${-limit} to ${limit - 1n}`
        return error('branch-out-of-range', message, form.size === 1 ? 'use a near branch' : '', i)
      }
      putValue(wrapped, form.size)
    }
  }
  return undefined
}

/** A RIP-relative displacement counts from the end of the instruction, so it comes last. */
function patchRipRelative(row: Row, request: EncodingRequest, parts: Parts): EncodingError | undefined {
  if (!parts.memory?.ripRelative || request.unresolved) return undefined
  const immediateBytes = row.operands.reduce(
    (sum, form) => sum + (form.kind === 'immediate' ? form.size : 0),
    0,
  )
  const target = parts.memory.displacement
  const displacement = BigInt.asIntN(64, target - request.address - BigInt(length))
  if (BigInt.asIntN(32, displacement) !== displacement) {
    const message = `${target} is more than 2 GiB away, beyond RIP-relative addressing`
    return error(
      'invalid-address',
      message,
      'use an absolute address in a register',
      request.operands.indexOf(parts.memory),
    )
  }
  const end = length
  length = end - immediateBytes - 4
  putValue(displacement, 4)
  length = end
  return undefined
}

/**
 * Writes the instruction as `row` says. `row` must match the request (encode-match.ts). The bytes are valid until the
 * next call.
 */
export function emit(row: Row, request: EncodingRequest): Uint8Array | EncodingError {
  const parts = gather(row, request)
  if ('code' in parts) return parts
  length = 0
  const size = row.selectedBySize
    ? (row.operandSize as Size)
    : request.operandSize || defaultOperandSize(row, request.bits)
  const failed = putPrefixes(row, request, parts, size)
  if (failed) return failed
  putOpcode(row, parts)
  const misplaced = putImmediates(row, request, parts) ?? patchRipRelative(row, request, parts)
  return misplaced ?? scratch.subarray(0, length)
}
