/** Instructions: prefixes, mnemonic and operands to a statement body. */
import type { CodeBits } from '../instruction.ts'
import type { Cursor } from './cursor.ts'
import { Problem, type Range } from './diagnostics.ts'
import type { Expression } from './expression.ts'
import { branchDistances } from './mnemonics.ts'
import { parseOperand, type OperandContext, type ParsedOperand } from './operands.ts'
import type { Body, OperandSource } from './statement.ts'

type Prefix =
  | { readonly kind: 'lock' }
  | { readonly kind: 'repeat'; readonly repeat: 'repe' | 'repne' }
  | { readonly kind: 'operand-size'; readonly size: 2 | 4 | 8 }
  | { readonly kind: 'address-size'; readonly size: 2 | 4 | 8 }
  | { readonly kind: 'segment'; readonly index: number }

/** Words that may stand before a mnemonic (NASM manual §3.1). */
export const prefixes: ReadonlyMap<string, Prefix> = new Map<string, Prefix>([
  ['lock', { kind: 'lock' }],
  ['rep', { kind: 'repeat', repeat: 'repe' }],
  ['repe', { kind: 'repeat', repeat: 'repe' }],
  ['repz', { kind: 'repeat', repeat: 'repe' }],
  ['repne', { kind: 'repeat', repeat: 'repne' }],
  ['repnz', { kind: 'repeat', repeat: 'repne' }],
  ['o16', { kind: 'operand-size', size: 2 }],
  ['o32', { kind: 'operand-size', size: 4 }],
  ['o64', { kind: 'operand-size', size: 8 }],
  ['a16', { kind: 'address-size', size: 2 }],
  ['a32', { kind: 'address-size', size: 4 }],
  ['a64', { kind: 'address-size', size: 8 }],
  ...['es', 'cs', 'ss', 'ds', 'fs', 'gs'].map((name, index): [string, Prefix] => [
    name,
    { kind: 'segment', index },
  ]),
])

/** Segment-override bytes by register number (APM vol 3 §1.2.4). */
const SEGMENT_BYTES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65]

interface Prefixes {
  lock: boolean
  repeat: 'none' | 'repe' | 'repne'
  operandSize: 0 | 2 | 4 | 8
  addressSize: 0 | 2 | 4 | 8
  segment: number
}

/** Parses from the first prefix or the mnemonic to the end of the line. */
export function parseInstruction(cursor: Cursor, context: OperandContext): Body {
  const start = cursor.here()
  const found = parsePrefixes(cursor)
  const word = cursor.peek()
  if (word === undefined) return prefixesAlone(found, context.bits, start)
  if (word.kind !== 'identifier')
    cursor.fail('syntax-error', `expected an instruction, found ${cursor.describe()}`)
  cursor.next()
  const operands: ParsedOperand[] = []
  const distances = branchDistances(word.lower)
  if (!cursor.atEnd) {
    do
      operands.push(
        parseOperand(
          cursor,
          { ...context, segmentPrefix: found.segment },
          distances !== undefined && operands.length === 0,
        ),
      )
    while (cursor.takeOperator(','))
  }
  cursor.expectEnd()

  const first = operands.at(0)
  const isFar = operands.some(({ distance }) => distance === 'far')
  const target = first?.operand.kind === 'target'
  if (target && first.distance === 'short' && !distances!.short)
    throw new Problem(first.at, 'no-such-form', `'${word.text}' has no short form`)
  const hasMemory = operands.some(({ operand }) => operand.kind === 'memory')
  return {
    kind: 'instruction',
    at: word,
    mnemonic: isFar ? `${word.lower} far` : word.lower,
    operands: operands.map(({ operand }) => operand),
    operandRanges: operands.map(({ at }) => at),
    bits: context.bits,
    lock: found.lock,
    repeat: found.repeat,
    operandSize: found.operandSize || farSize(first?.operand),
    addressSize: found.addressSize,
    segmentPrefix: found.segment >= 0 && !hasMemory ? SEGMENT_BYTES[found.segment] : 0,
    distance: target && distances!.short && first.distance !== 'near' ? 'short' : 'near',
    hasShrunk: false,
    relaxable: target && first.distance === undefined && distances!.short && distances!.near,
    isRelative: operands.some(({ operand }) => isRelativeOperand(operand)),
    isConstant: operands.every(({ operand }) => isConstantOperand(operand)),
    hasVaryingLength: operands.some(
      ({ operand }) => !isConstantOperand(operand) && !isRelativeOperand(operand),
    ),
    bytes: undefined,
  }
}

function parsePrefixes(cursor: Cursor): Prefixes {
  const found: Prefixes = { lock: false, repeat: 'none', operandSize: 0, addressSize: 0, segment: -1 }
  for (let token = cursor.peek(); token?.kind === 'identifier'; token = cursor.peek()) {
    const prefix = prefixes.get(token.lower)
    if (prefix === undefined) break
    if (prefix.kind === 'lock') found.lock = true
    else if (prefix.kind === 'repeat') found.repeat = prefix.repeat
    else if (prefix.kind === 'operand-size') found.operandSize = prefix.size
    else if (prefix.kind === 'address-size') found.addressSize = prefix.size
    else found.segment = prefix.index
    cursor.next()
  }
  return found
}

/** Prefixes without an instruction are bytes of their own. */
function prefixesAlone(found: Prefixes, bits: CodeBits, at: Range): Body {
  const bytes: number[] = []
  if (found.repeat !== 'none') bytes.push(found.repeat === 'repe' ? 0xf3 : 0xf2)
  if (found.lock) bytes.push(0xf0)
  if (found.segment >= 0) bytes.push(SEGMENT_BYTES[found.segment])
  if (found.operandSize === 8) {
    if (bits !== 64) throw new Problem(at, 'not-in-this-mode', "'o64' exists in 64-bit code only")
    bytes.push(0x48)
  } else if (found.operandSize !== 0 && found.operandSize !== Math.min(bits / 8, 4)) bytes.push(0x66)
  if (found.addressSize !== 0 && found.addressSize !== bits / 8) bytes.push(0x67)
  return { kind: 'data', unit: 1, items: [{ kind: 'bytes', bytes: Uint8Array.from(bytes) }] }
}

/** `jmp dword 8:x`: the size of a far pointer's offset is the operand size. */
function farSize(operand: OperandSource | undefined): 0 | 2 | 4 {
  if (operand?.kind !== 'far' || operand.size === 0) return 0
  if (operand.size !== 2 && operand.size !== 4)
    throw new Problem(operand.at, 'operand-size-mismatch', 'the offset of a far pointer has 16 or 32 bits')
  return operand.size
}

function isNumber(expression: Expression): boolean {
  return expression.kind === 'number'
}

function isRelativeOperand(operand: OperandSource): boolean {
  return operand.kind === 'target' || (operand.kind === 'memory' && operand.request.ripRelative)
}

function isConstantOperand(operand: OperandSource): boolean {
  switch (operand.kind) {
    case 'register':
    case 'stack-register':
      return true
    case 'memory':
      return isNumber(operand.displacement) && !isRelativeOperand(operand)
    case 'immediate':
      return isNumber(operand.value)
    case 'far':
      return isNumber(operand.selector) && isNumber(operand.offset)
    case 'target':
      return false
  }
}
