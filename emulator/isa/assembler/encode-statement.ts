/** Instructions of the program to requests for the encoder, with the values that operands have in this pass. */
import { encode } from '../encode.ts'
import type { EncodingResult, MemoryRequest, OperandRequest } from '../encoding-request.ts'
import { Problem } from './diagnostics.ts'
import { evaluate, type Expression, type Value } from './expression.ts'
import type { InstructionBody, MemoryOperandSource, OperandSource } from './statement.ts'
import type { Position } from './symbols.ts'

/** Stands for values not known yet: like NASM we begin with the shortest form and let it grow. */
const UNKNOWN: Value = { value: 0n, isAddress: false }

/**
 * The instruction's bytes at `position`; with `times`, those of the repetition `advance` bytes further, for which `$`
 * stays the first one's place. Throws a `Problem` for what has no encoding.
 */
export function encodeAt(body: InstructionBody, position: Position, advance = 0): Uint8Array {
  if (body.bytes !== undefined) return body.bytes
  const offset = Math.max(position.offset, 0) + advance + (body.segmentPrefix === 0 ? 0 : 1)
  let unresolved = position.offset < 0
  const valueOf = (expression: Expression): Value => {
    const value = evaluate(expression, position)
    if (value === undefined) unresolved = true
    return value ?? UNKNOWN
  }
  const operands = body.operands.map((operand) => requestOf(operand, body, valueOf))
  const result = encode({
    mnemonic: body.mnemonic,
    operands,
    bits: body.bits,
    address: position.section.start + BigInt(offset),
    lock: body.lock,
    repeat: body.repeat,
    operandSize: body.operandSize,
    addressSize: body.addressSize,
    // While places are unknown nothing is out of reach.
    unresolved: unresolved && body.isRelative,
  })
  const bytes = withSegmentPrefix(bytesOf(result, body), body.segmentPrefix)
  if (body.isConstant) body.bytes = bytes
  return bytes
}

function bytesOf(result: EncodingResult, body: InstructionBody): Uint8Array {
  if (result.ok) return result.bytes
  const { code, message, hint, operand } = result.error
  throw new Problem(body.operandRanges[operand] ?? body.at, code, message, hint)
}

/** A segment prefix goes after LOCK and REP, as NASM has it. */
function withSegmentPrefix(bytes: Uint8Array, prefix: number): Uint8Array {
  if (prefix === 0) return bytes
  const isEarlier = (byte: number | undefined): boolean => byte === 0xf0 || byte === 0xf2 || byte === 0xf3
  let at = 0
  while (isEarlier(bytes[at])) at++
  return Uint8Array.from([...bytes.subarray(0, at), prefix, ...bytes.subarray(at)])
}

function requestOf(
  operand: OperandSource,
  body: InstructionBody,
  valueOf: (expression: Expression) => Value,
): OperandRequest {
  switch (operand.kind) {
    case 'register':
    case 'stack-register':
      return operand
    case 'memory':
      return memoryRequest(operand, valueOf(operand.displacement), body)
    case 'immediate': {
      const { value, isAddress } = valueOf(operand.value)
      return { kind: 'immediate', value, size: operand.size, strict: operand.strict || isAddress }
    }
    case 'target':
      return { kind: 'target', address: valueOf(operand.address).value, distance: body.distance }
    case 'far': {
      const selector = valueOf(operand.selector).value
      if (selector < -0x8000n || selector > 0xffffn) {
        throw new Problem(operand.at, 'value-out-of-range', `the selector ${selector} does not fit 16 bits`)
      }
      return {
        kind: 'far',
        selector: Number(BigInt.asUintN(16, selector)),
        offset: valueOf(operand.offset).value,
      }
    }
  }
}

/** An address as displacement beside registers takes its full width, so that moving the program never changes sizes. */
function memoryRequest(
  operand: MemoryOperandSource,
  { value, isAddress }: Value,
  body: InstructionBody,
): MemoryRequest {
  const { request, at } = operand
  const { displacementSize, addressSize } = request
  if (displacementSize === 1 && (value < -128n || value > 127n) && !isAddress) {
    throw new Problem(
      at,
      'value-out-of-range',
      `the displacement ${value} does not fit 8 bits: -128 to 127`,
      "leave out 'byte' inside the brackets",
    )
  }
  const isWide = isAddress && displacementSize === 0 && addressSize !== 0 && !request.ripRelative
  const wide = addressSize === 2 || (addressSize === 0 && body.bits === 16) ? 2 : 4
  return { ...request, displacement: value, displacementSize: isWide ? wide : displacementSize }
}
