/** Operations that WebAssembly does not have in one instruction. */
import type { Size } from '../../isa/instruction.ts'
import {
  choose,
  constant32,
  constant64,
  operation,
  signExtended,
  truncated,
  type Node,
} from './expression.ts'
import { OP } from './opcodes.ts'

/** Rotation within `size` bytes; the count is below 8 * size. */
export function rotate(size: Size, left: boolean, value: Node, count: Node): Node {
  if (size === 8) return operation(left ? OP.i64Rotl : OP.i64Rotr, [value, count])
  if (size === 4) {
    const op = left ? OP.i32Rotl : OP.i32Rotr
    const operands = [operation(OP.i32WrapI64, [value]), operation(OP.i32WrapI64, [count])]
    return operation(OP.i64ExtendI32U, [operation(op, operands)], 4)
  }
  const rest = operation(OP.i64Sub, [constant64(BigInt(8 * size)), count])
  const [up, down] = left ? [count, rest] : [rest, count]
  return truncated(
    operation(OP.i64Or, [operation(OP.i64Shl, [value, up]), operation(OP.i64ShrU, [value, down])]),
    size,
  )
}

const HALF = constant64(32n)
const LOW = constant64(0xffff_ffffn)

function low32(value: Node): Node {
  return operation(OP.i64And, [value, LOW], 4)
}

function high32(value: Node): Node {
  return operation(OP.i64ShrU, [value, HALF], 4)
}

/**
 * High half of the product. For 64 bits, with a = a1:a0 and b = b1:b0 in 32-bit halves:
 *   t = a1 * b0 + (a0 * b0 >> 32),  u = a0 * b1 + low(t),  high = a1 * b1 + (t >> 32) + (u >> 32)
 * A signed product is less by b where a is negative, and by a where b is.
 */
export function multiplyHigh(size: Size, signed: boolean, a: Node, b: Node): Node {
  if (size < 8) {
    const factors = signed ? [signExtended(a, size), signExtended(b, size)] : [a, b]
    const product = operation(OP.i64Mul, factors)
    return truncated(operation(OP.i64ShrU, [product, constant64(BigInt(8 * size))]), size)
  }
  const multiply = (x: Node, y: Node): Node => operation(OP.i64Mul, [x, y])
  const add = (x: Node, y: Node): Node => operation(OP.i64Add, [x, y])
  const [a0, a1, b0, b1] = [low32(a), high32(a), low32(b), high32(b)]
  const t = add(multiply(a1, b0), high32(multiply(a0, b0)))
  const u = add(multiply(a0, b1), low32(t))
  const high = add(add(multiply(a1, b1), high32(t)), high32(u))
  if (!signed) return high
  const whereNegative = (sign: Node, value: Node): Node =>
    operation(OP.i64And, [operation(OP.i64ShrS, [sign, constant64(63n)]), value])
  return operation(OP.i64Sub, [operation(OP.i64Sub, [high, whereNegative(a, b)]), whereNegative(b, a)])
}

/**
 * Division of high:low. Up to 32-bit divisors the dividend fits 64 bits. A 64-bit division is done here when the high half
 * only extends the low one; `bailIf` hands the others to evaluate.
 */
export function divide(
  size: Size,
  signed: boolean,
  high: Node,
  low: Node,
  divisor: Node,
  bailIf: (condition: Node) => void,
): { valid: Node; quotient: Node; remainder: Node } {
  let dividend = low
  if (size === 8) {
    const extension = signed ? operation(OP.i64ShrS, [low, constant64(63n)]) : constant64(0n)
    bailIf(operation(OP.i64Ne, [high, extension]))
  } else {
    const wide = operation(OP.i64Shl, [high, constant64(BigInt(8 * size))])
    const whole = operation(OP.i64Or, [wide, low])
    dividend = signed ? signExtended(whole, size === 4 ? 8 : size * 2) : whole
  }
  const by = signed ? signExtended(divisor, size) : divisor
  // The one quotient that does not even fit 64 bits, and a zero divisor, would trap.
  let traps = operation(OP.i64Eqz, [by])
  if (signed) {
    const lowest = operation(OP.i64Eq, [dividend, constant64(1n << 63n)])
    const minusOne = operation(OP.i64Eq, [by, constant64(0xffff_ffff_ffff_ffffn)])
    traps = operation(OP.i32Or, [traps, operation(OP.i32And, [lowest, minusOne])])
  }
  const safe = choose(traps, constant64(1n), by)
  const quotient = operation(signed ? OP.i64DivS : OP.i64DivU, [dividend, safe])
  const remainder = operation(signed ? OP.i64RemS : OP.i64RemU, [dividend, safe])
  const fits =
    size === 8
      ? constant32(1)
      : operation(OP.i64Eq, [quotient, signed ? signExtended(quotient, size) : truncated(quotient, size)])
  const valid = operation(OP.i32And, [operation(OP.i32Eqz, [traps]), fits])
  return { valid, quotient: truncated(quotient, size), remainder: truncated(remainder, size) }
}

/** Bytes in reverse order: halves, then pairs, then bytes change places. */
export function byteSwap(size: 4 | 8, value: Node): Node {
  const swap = (x: Node, bits: number, mask: bigint): Node => {
    const count = constant64(BigInt(bits))
    const up = operation(OP.i64Shl, [operation(OP.i64And, [x, constant64(mask)]), count])
    const down = operation(OP.i64And, [operation(OP.i64ShrU, [x, count]), constant64(mask)])
    return operation(OP.i64Or, [up, down])
  }
  const bytes = swap(value, 8, 0x00ff_00ff_00ff_00ffn)
  const pairs = swap(bytes, 16, 0x0000_ffff_0000_ffffn)
  return size === 4 ? truncated(pairs, 4) : operation(OP.i64Rotl, [pairs, HALF])
}
