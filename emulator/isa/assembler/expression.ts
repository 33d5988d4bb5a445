/**
 * Expressions (NASM manual §3.5): parsing to a tree with constants folded, and evaluation in 64-bit two's complement.
 * A number as written may be up to 2^64 - 1; every operator's result lies in -2^63 .. 2^63 - 1.
 */
import type { RegisterOperand } from '../instruction.ts'
import type { Cursor } from './cursor.ts'
import { Problem, type Range } from './diagnostics.ts'
import type { Token } from './lexer.ts'
import { registers } from './register-names.ts'
import type { Position, SymbolEntry } from './symbols.ts'

export type Expression =
  | { readonly kind: 'number'; readonly value: bigint }
  | { readonly kind: 'symbol'; readonly symbol: SymbolEntry }
  /** `$`, and `$$` where `sectionStart`. */
  | { readonly kind: 'position'; readonly sectionStart: boolean }
  /** Only inside the brackets of a memory operand. */
  | { readonly kind: 'register'; readonly register: RegisterOperand; readonly at: Range }
  | { readonly kind: 'unary'; readonly operator: string; readonly operand: Expression }
  | {
      readonly kind: 'binary'
      readonly operator: string
      readonly left: Expression
      readonly right: Expression
      readonly at: Range
    }

/** A value. `isAddress`: it moves with the place where the program is put, so it is encoded at full width as NASM does. */
export interface Value {
  readonly value: bigint
  readonly isAddress: boolean
}

/** What names and `$` mean to whoever reads the expression. They throw a `Problem` for what is not allowed there. */
export interface ExpressionContext {
  symbol(token: Token): Expression
  position(token: Token): Expression
  /** True inside the brackets of a memory operand. */
  readonly registersAllowed: boolean
}

/** Binary operators by how tightly they bind, loosest first. */
const PRECEDENCE: readonly (readonly string[])[] = [
  ['||'],
  ['^^'],
  ['&&'],
  ['=', '==', '!=', '<>', '<', '<=', '>', '>=', '<=>'],
  ['|'],
  ['^'],
  ['&'],
  ['<<', '<<<', '>>', '>>>'],
  ['+', '-'],
  ['*', '/', '//', '%', '%%'],
]
const LEVEL_OF = new Map(
  PRECEDENCE.flatMap((operators, level) => operators.map((operator) => [operator, level] as const)),
)

/** Operators and parentheses in one expression; bounds the depth of the tree and so of every walk over it. */
const MAX_OPERATORS = 1000

/** Parses one expression and leaves the cursor after it. */
export function parseExpression(cursor: Cursor, context: ExpressionContext): Expression {
  return parseBinary(cursor, context, 0, { operators: MAX_OPERATORS })
}

interface Allowance {
  operators: number
}

function parseBinary(
  cursor: Cursor,
  context: ExpressionContext,
  loosest: number,
  allowance: Allowance,
): Expression {
  let left = parseUnary(cursor, context, allowance)
  for (;;) {
    const token = cursor.peek()
    if (token === undefined || token.kind !== 'operator') return left
    const level = LEVEL_OF.get(token.text)
    if (level === undefined || level < loosest) return left
    cursor.next()
    const right = parseBinary(cursor, context, level + 1, allowance)
    left = fold({ kind: 'binary', operator: token.text, left, right, at: token })
  }
}

const UNARY_OPERATORS = new Set(['-', '+', '~', '!'])

function parseUnary(cursor: Cursor, context: ExpressionContext, allowance: Allowance): Expression {
  if (--allowance.operators < 0)
    cursor.fail('expression-too-long', `this expression has more than ${MAX_OPERATORS} terms`)
  const token = cursor.peek()
  if (token === undefined)
    cursor.fail('expression-expected', 'an expression is missing at the end of the line')
  switch (token.kind) {
    case 'number':
      cursor.next()
      return { kind: 'number', value: token.value }
    case 'string':
      cursor.next()
      return { kind: 'number', value: characterConstant(token) }
    case 'identifier': {
      const register = registers.get(token.lower)
      if (register === undefined && token.lower === 'seg') {
        throw new Problem(
          token,
          'unsupported',
          "'seg' is not supported: a flat binary has no segment addresses",
        )
      }
      cursor.next()
      if (register === undefined) return context.symbol(token)
      if (!context.registersAllowed) {
        throw new Problem(
          token,
          'register-in-expression',
          `the register '${token.text}' cannot be part of an expression`,
          'its value is known only when the program runs; for memory write [...]',
        )
      }
      return { kind: 'register', register, at: token }
    }
    case 'operator':
      if (UNARY_OPERATORS.has(token.text)) {
        cursor.next()
        return fold({ kind: 'unary', operator: token.text, operand: parseUnary(cursor, context, allowance) })
      }
      if (cursor.takeOperator('(')) {
        const inner = parseBinary(cursor, context, 0, allowance)
        cursor.expectOperator(')', 'to close the parenthesis')
        return inner
      }
      if (token.text === '$' || token.text === '$$') return context.position(cursor.next())
      break
    default:
      break
  }
  return cursor.fail('expression-expected', `expected an expression, found '${token.text}'`)
}

/** A character constant: its bytes, the first one least significant (NASM manual §3.4.2). */
function characterConstant(token: Token): bigint {
  const bytes = new TextEncoder().encode(token.text)
  if (bytes.length > 8) {
    throw new Problem(
      token,
      'string-too-long',
      `a character constant has at most 8 bytes, this one ${bytes.length}`,
      'strings of any length may stand in db',
    )
  }
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

function fold(node: Expression): Expression {
  if (node.kind === 'unary' && node.operand.kind === 'number') {
    return { kind: 'number', value: applyUnary(node.operator, node.operand.value) }
  }
  if (node.kind === 'binary' && node.left.kind === 'number' && node.right.kind === 'number') {
    return { kind: 'number', value: applyBinary(node.operator, node.left.value, node.right.value, node.at) }
  }
  return node
}

const signed = (value: bigint): bigint => BigInt.asIntN(64, value)
const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value)

function applyUnary(operator: string, value: bigint): bigint {
  switch (operator) {
    case '-':
      return signed(-value)
    case '~':
      return signed(~value)
    case '!':
      return value === 0n ? 1n : 0n
    default:
      return value
  }
}

/** `/` and `%` are unsigned, `//` and `%%` signed, `>>` shifts in zeros, `>>>` the sign. */
function applyBinary(operator: string, left: bigint, right: bigint, at: Range): bigint {
  const a = signed(left)
  const b = signed(right)
  const truth = (condition: boolean): bigint => (condition ? 1n : 0n)
  switch (operator) {
    case '+':
      return signed(a + b)
    case '-':
      return signed(a - b)
    case '*':
      return signed(a * b)
    case '|':
      return a | b
    case '^':
      return a ^ b
    case '&':
      return a & b
    case '<<':
    case '<<<':
      return unsigned(b) > 63n ? 0n : signed(a << b)
    case '>>':
      return unsigned(b) > 63n ? 0n : signed(unsigned(a) >> b)
    case '>>>':
      return unsigned(b) > 63n ? (a < 0n ? -1n : 0n) : a >> b
    case '=':
    case '==':
      return truth(a === b)
    case '!=':
    case '<>':
      return truth(a !== b)
    case '<':
      return truth(a < b)
    case '<=':
      return truth(a <= b)
    case '>':
      return truth(a > b)
    case '>=':
      return truth(a >= b)
    case '<=>':
      return truth(a > b) - truth(a < b)
    case '&&':
      return truth(a !== 0n && b !== 0n)
    case '||':
      return truth(a !== 0n || b !== 0n)
    case '^^':
      return truth((a !== 0n) !== (b !== 0n))
  }
  if (b === 0n) throw new Problem(at, 'division-by-zero', `the right side of '${operator}' is zero`)
  switch (operator) {
    case '/':
      return signed(unsigned(a) / unsigned(b))
    case '%':
      return signed(unsigned(a) % unsigned(b))
    case '//':
      return signed(a / b)
    default:
      return signed(a % b)
  }
}

/**
 * The value at `here`, or undefined while a symbol in it has none yet.
 * Throws a `Problem` for a division by zero.
 */
export function evaluate(expression: Expression, here: Position): Value | undefined {
  switch (expression.kind) {
    case 'number':
      return { value: expression.value, isAddress: false }
    case 'symbol':
      return symbolValue(expression.symbol)
    case 'position':
      return { value: addressOf(here, expression.sectionStart), isAddress: true }
    case 'register':
      return undefined
    case 'unary': {
      const operand = evaluate(expression.operand, here)
      return (
        operand && { value: applyUnary(expression.operator, operand.value), isAddress: operand.isAddress }
      )
    }
    case 'binary': {
      const left = evaluate(expression.left, here)
      const right = evaluate(expression.right, here)
      if (left === undefined || right === undefined) return undefined
      return {
        value: applyBinary(expression.operator, left.value, right.value, expression.at),
        isAddress: isAddressResult(expression.operator, left, right),
      }
    }
  }
}

/** The difference of two addresses is a plain number, and so is the outcome of a comparison; the rest moves along. */
function isAddressResult(operator: string, left: Value, right: Value): boolean {
  if (operator === '-' && left.isAddress && right.isAddress) return false
  return (left.isAddress || right.isAddress) && LEVEL_OF.get(operator)! > LEVEL_OF.get('<')!
}

function addressOf(position: Position, sectionStart: boolean): bigint {
  return position.section.start + (sectionStart ? 0n : BigInt(position.offset))
}

/** The symbol's value in this pass, or undefined while it has none. */
export function symbolValue({ definition }: SymbolEntry): Value | undefined {
  switch (definition?.kind) {
    case 'constant':
      return { value: definition.value, isAddress: false }
    case 'label':
      return definition.position.offset < 0
        ? undefined
        : { value: addressOf(definition.position, false), isAddress: true }
    default:
      return definition?.value
  }
}

/** True for numbers known while reading; everything else depends on where the program's parts lie. */
export function isConstant(expression: Expression): expression is Expression & { kind: 'number' } {
  return expression.kind === 'number'
}
