/** Operands of instructions: registers, memory in brackets, immediates, branch targets, far pointers (NASM manual §3.3). */
import type { MemoryRequest } from '../encoding-request.ts'
import { FS, GS, RSP } from '../registers.ts'
import type { CodeBits, OperandSize, RegisterOperand, Size } from '../instruction.ts'
import type { Cursor } from './cursor.ts'
import { Problem, type Range } from './diagnostics.ts'
import { isConstant, parseExpression, type Expression, type ExpressionContext } from './expression.ts'
import type { Token } from './lexer.ts'
import { registers, stackRegisters } from './register-names.ts'
import type { MemoryOperandSource, OperandSource } from './statement.ts'

/** Size keywords, in bytes. */
export const sizeKeywords: ReadonlyMap<string, OperandSize> = new Map<string, OperandSize>([
  ['byte', 1],
  ['word', 2],
  ['dword', 4],
  ['qword', 8],
  ['tword', 10],
  ['oword', 16],
])
/** Words that say more about an operand. */
export const operandKeywords: readonly string[] = [
  ...sizeKeywords.keys(),
  'strict',
  'short',
  'near',
  'far',
  'rel',
  'abs',
  'nosplit',
]

export interface OperandContext {
  readonly bits: CodeBits
  /** `default rel`. */
  readonly defaultRelative: boolean
  /** Names outside brackets, and inside. */
  readonly outside: ExpressionContext
  readonly inside: ExpressionContext
  /** A segment prefix before the mnemonic, or -1. */
  readonly segmentPrefix: number
}

/** What stands before an operand. */
export interface Qualifiers {
  size: OperandSize | 0
  strict: boolean
  distance: 'short' | 'near' | 'far' | undefined
}

export interface ParsedOperand {
  readonly operand: OperandSource
  readonly distance: Qualifiers['distance']
  readonly at: Range
}

/** Parses one operand; `isTarget` says that a bare expression is where a branch goes. */
export function parseOperand(cursor: Cursor, context: OperandContext, isTarget: boolean): ParsedOperand {
  const start = cursor.peek()
  if (start === undefined) cursor.fail('operand-expected', 'an operand is missing at the end of the line')
  const qualifiers = parseQualifiers(cursor)
  const operand = parseCore(cursor, context, qualifiers, isTarget, start)
  return { operand, distance: qualifiers.distance, at: operand.at ?? start }
}

function parseQualifiers(cursor: Cursor): Qualifiers {
  const found: Qualifiers = { size: 0, strict: false, distance: undefined }
  for (let token = cursor.peek(); token?.kind === 'identifier'; token = cursor.peek()) {
    const size = sizeKeywords.get(token.lower)
    if (size !== undefined) {
      if (found.size !== 0)
        throw new Problem(token, 'syntax-error', `a second size, '${token.text}'`, 'keep one of them')
      found.size = size
    } else if (token.lower === 'strict') found.strict = true
    else if (token.lower === 'short' || token.lower === 'near' || token.lower === 'far')
      found.distance = token.lower
    else if (token.lower === 'ptr' || token.lower === 'offset') {
      throw new Problem(
        token,
        'syntax-error',
        `NASM has no '${token.lower}'`,
        token.lower === 'ptr' ? "write 'dword [x]'" : 'a label alone is its address',
      )
    } else break
    cursor.next()
  }
  return found
}

function parseCore(
  cursor: Cursor,
  context: OperandContext,
  qualifiers: Qualifiers,
  isTarget: boolean,
  start: Token,
): OperandSource {
  const token = cursor.peek()
  if (cursor.takeOperator('[')) return parseMemory(cursor, context, qualifiers, start)
  const register = token?.kind === 'identifier' ? registers.get(token.lower) : undefined
  if (register !== undefined) return parseRegister(cursor, register, qualifiers)
  const stackRegister = token?.kind === 'identifier' ? stackRegisters.get(token.lower) : undefined
  if (stackRegister !== undefined) {
    cursor.next()
    return stackRegister
  }
  const value = parseExpression(cursor, context.outside)
  const at = cursor.spanFrom(start)
  if (cursor.takeOperator(':')) {
    const offset = parseExpression(cursor, context.outside)
    return { kind: 'far', selector: value, offset, size: qualifiers.size, at: cursor.spanFrom(start) }
  }
  if (isTarget) return { kind: 'target', address: value, at }
  const { size, strict } = qualifiers
  if (size !== 0 && size > 8)
    throw new Problem(at, 'operand-size-mismatch', `an immediate cannot have ${size} bytes`)
  return { kind: 'immediate', value, size: size as Size | 0, strict, at }
}

function parseRegister(cursor: Cursor, register: RegisterOperand, { size }: Qualifiers): OperandSource {
  const token = cursor.next()
  if (size !== 0 && size !== register.size) {
    throw new Problem(
      token,
      'operand-size-mismatch',
      `'${token.text}' has ${register.size} bytes, the size written before it ${size}`,
    )
  }
  if (cursor.isOperator(':')) {
    throw new Problem(
      token,
      'syntax-error',
      'a segment register goes inside the brackets',
      `write '[${token.lower}:...]'`,
    )
  }
  return register
}

/** What the brackets say before the expression. */
interface Brackets {
  displacementSize: MemoryRequest['displacementSize']
  addressSize: MemoryRequest['addressSize']
  relative: boolean | undefined
  segment: number
  split: boolean
}

const addressSizes: Readonly<Record<string, 2 | 4 | 8>> = { a16: 2, a32: 4, a64: 8 }

function parseBrackets(cursor: Cursor): Brackets {
  const found: Brackets = {
    displacementSize: 0,
    addressSize: 0,
    relative: undefined,
    segment: -1,
    split: true,
  }
  for (let token = cursor.peek(); token?.kind === 'identifier'; token = cursor.peek()) {
    const size = sizeKeywords.get(token.lower)
    const register = cursor.isOperator(':', 1) ? registers.get(token.lower) : undefined
    if (size !== undefined && size <= 8) found.displacementSize = size as 1 | 2 | 4 | 8
    else if (token.lower === 'rel') found.relative = true
    else if (token.lower === 'abs') found.relative = false
    else if (token.lower === 'nosplit') found.split = false
    else if (token.lower in addressSizes) found.addressSize = addressSizes[token.lower]!
    else if (register?.file === 'segment') {
      if (found.segment >= 0) throw new Problem(token, 'syntax-error', 'a second segment register')
      found.segment = register.index
      cursor.next()
    } else break
    cursor.next()
  }
  return found
}

/** `[segment: size rel base + index*scale + displacement]`; the opening bracket is taken. */
function parseMemory(
  cursor: Cursor,
  context: OperandContext,
  qualifiers: Qualifiers,
  start: Token,
): MemoryOperandSource {
  const brackets = parseBrackets(cursor)
  const sum = splitRegisters(parseExpression(cursor, context.inside))
  cursor.expectOperator(']', 'to close the memory operand')
  const at = cursor.spanFrom(start)
  const { base, index, scale, size: registerSize } = chooseBaseAndIndex(sum.terms, brackets.split, at)
  const segmentOverride = brackets.segment >= 0 ? brackets.segment : context.segmentPrefix
  const hasRegisters = registerSize !== 0
  if (brackets.relative === true && hasRegisters) {
    throw new Problem(at, 'invalid-address', "'rel' goes with an address without registers")
  }
  // Under `default rel` NASM leaves plain numbers absolute, and fs: and gs:, whose bases are not where the code is.
  const byDefault =
    context.defaultRelative &&
    context.bits === 64 &&
    !hasRegisters &&
    !isConstant(sum.rest) &&
    brackets.displacementSize !== 8 &&
    segmentOverride !== FS &&
    segmentOverride !== GS
  const ripRelative = brackets.relative ?? byDefault
  // Without registers the size in the brackets is that of the address; in 64-bit code 32 bits are the usual displacement.
  const sizesAddress =
    !hasRegisters &&
    brackets.displacementSize !== 1 &&
    !(context.bits === 64 && brackets.displacementSize === 4)
  const impliedSize = sizesAddress ? (brackets.displacementSize as 0 | 2 | 4 | 8) : registerSize
  if (brackets.addressSize !== 0 && hasRegisters && brackets.addressSize !== registerSize) {
    throw new Problem(
      at,
      'invalid-address',
      `the registers have ${registerSize} bytes, the address size says ${brackets.addressSize}`,
    )
  }
  const request: MemoryRequest = {
    kind: 'memory',
    segmentOverride,
    base,
    index,
    scale,
    displacement: 0n,
    displacementSize: brackets.displacementSize,
    addressSize: brackets.addressSize === 0 ? impliedSize : brackets.addressSize,
    ripRelative,
    size: qualifiers.size,
  }
  return { kind: 'memory', request, displacement: sum.rest, at }
}

interface Term {
  readonly register: RegisterOperand
  factor: bigint
  /** Written with `*`: not meant as the base. */
  multiplied: boolean
}

interface Sum {
  readonly terms: readonly Term[]
  readonly rest: Expression
}

const ZERO: Expression = { kind: 'number', value: 0n }

function hasRegister(e: Expression): boolean {
  if (e.kind === 'register') return true
  if (e.kind === 'unary') return hasRegister(e.operand)
  return e.kind === 'binary' && (hasRegister(e.left) || hasRegister(e.right))
}

/** Takes `rax + 4*(rbx + 2) - 1` apart into registers with factors and the rest. */
function splitRegisters(e: Expression): Sum {
  if (e.kind === 'register')
    return { terms: [{ register: e.register, factor: 1n, multiplied: false }], rest: ZERO }
  if (!hasRegister(e)) return { terms: [], rest: e }
  if (e.kind === 'unary' && e.operator === '+') return splitRegisters(e.operand)
  if (e.kind === 'binary' && (e.operator === '+' || e.operator === '-')) {
    if (e.operator === '-' && hasRegister(e.right))
      throw new Problem(e.at, 'invalid-address', 'a register cannot be subtracted in an address')
    const left = splitRegisters(e.left)
    const right = splitRegisters(e.right)
    return {
      terms: mergeTerms(left.terms, right.terms),
      rest: combine(e.operator, left.rest, right.rest, e.at),
    }
  }
  if (e.kind === 'binary' && e.operator === '*') {
    const [factor, other] = e.left.kind === 'number' ? [e.left, e.right] : [e.right, e.left]
    if (factor.kind === 'number') {
      const inner = splitRegisters(other)
      const terms = inner.terms.map((t) => ({
        register: t.register,
        factor: t.factor * factor.value,
        multiplied: true,
      }))
      return { terms, rest: combine('*', inner.rest, factor, e.at) }
    }
  }
  const at = e.kind === 'binary' ? e.at : registerRange(e)
  throw new Problem(
    at,
    'invalid-address',
    'an address is base + index*scale + displacement; this cannot be brought to that form',
  )
}

function registerRange(e: Expression): Range {
  if (e.kind === 'register') return e.at
  if (e.kind === 'unary') return registerRange(e.operand)
  if (e.kind === 'binary') return hasRegister(e.left) ? registerRange(e.left) : registerRange(e.right)
  throw new TypeError('no register in this expression')
}

function mergeTerms(left: readonly Term[], right: readonly Term[]): Term[] {
  const merged = left.map((term) => ({ ...term }))
  for (const term of right) {
    const same = merged.find((m) => m.register === term.register)
    if (same === undefined) merged.push({ ...term })
    else same.factor += term.factor
  }
  return merged
}

function combine(operator: string, left: Expression, right: Expression, at: Range): Expression {
  if (left.kind === 'number' && right.kind === 'number') {
    const [a, b] = [left.value, right.value]
    return {
      kind: 'number',
      value: BigInt.asIntN(64, operator === '+' ? a + b : operator === '-' ? a - b : a * b),
    }
  }
  if (left === ZERO && operator === '+') return right
  if (right === ZERO && operator !== '*') return left
  return { kind: 'binary', operator, left, right, at }
}

interface BaseAndIndex {
  readonly base: number
  readonly index: number
  readonly scale: 1 | 2 | 4 | 8
  /** Of the registers, 0 without any. */
  readonly size: 0 | 2 | 4 | 8
}

/** Which register is the base and which the index, as NASM chooses: as written, unless that has no or a longer encoding. */
function chooseBaseAndIndex(all: readonly Term[], split: boolean, at: Range): BaseAndIndex {
  const terms = all.filter((term) => term.factor !== 0n)
  if (terms.length === 0) return { base: -1, index: -1, scale: 1, size: 0 }
  const size = commonSize(terms, at)
  const [first, second] = terms as [Term, Term | undefined]
  if (second === undefined) return { ...single(first, split, at), size }
  const firstIsBase = first.factor === 1n && !(second.factor === 1n && first.multiplied && !second.multiplied)
  let [base, index] = firstIsBase ? [first, second] : [second, first]
  // RSP cannot be an index (APM vol 3 §1.4.3).
  if (index.factor === 1n && index.register.index === RSP) [base, index] = [index, base]
  if (base.factor !== 1n) {
    throw new Problem(at, 'invalid-address', 'an address takes one scaled register; here both are scaled')
  }
  return { base: base.register.index, index: index.register.index, scale: scaleOf(index.factor, at), size }
}

/** One register. Times 2, 3, 5 or 9 it is base and index together, which saves a displacement of four bytes. */
function single({ register, factor }: Term, split: boolean, at: Range): Omit<BaseAndIndex, 'size'> {
  const { index } = register
  if (factor === 1n) return { base: index, index: -1, scale: 1 }
  if ((factor === 2n && split) || factor === 3n || factor === 5n || factor === 9n) {
    return { base: index, index, scale: scaleOf(factor - 1n, at) }
  }
  return { base: -1, index, scale: scaleOf(factor, at) }
}

function scaleOf(factor: bigint, at: Range): 1 | 2 | 4 | 8 {
  if (factor === 1n || factor === 2n || factor === 4n || factor === 8n) return Number(factor) as 1 | 2 | 4 | 8
  throw new Problem(
    at,
    'invalid-address',
    `a register times ${factor}; the scale of an index is 1, 2, 4 or 8`,
  )
}

/** The registers' size in bytes. */
function commonSize(terms: readonly Term[], at: Range): 2 | 4 | 8 {
  const { size } = terms[0].register
  if (size === 1 || terms.some(({ register }) => register.file !== 'general')) {
    throw new Problem(at, 'invalid-address', 'an address takes general registers of 16, 32 or 64 bits only')
  }
  if (terms.some(({ register }) => register.size !== size)) {
    throw new Problem(at, 'invalid-address', 'the registers of an address must have one size')
  }
  if (terms.length > 2)
    throw new Problem(
      at,
      'invalid-address',
      `an address takes two registers at most, here are ${terms.length}`,
    )
  return size
}
