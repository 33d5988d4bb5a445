/**
 * Arithmetic on 80-bit numbers, exact and then rounded once (APM vol 1 §6.4.5, §6.8). Each function takes the control word, and
 * gives the result that masked exceptions have, with the exceptions; who calls it keeps the result of an unmasked one back.
 */
import {
  bitLength,
  exactExtended,
  exactValue,
  type Extended,
  EXTENDED,
  infinity,
  isInfinity,
  isZero,
  leadingExponent,
  zero,
} from './number.ts'
import { denormalOperands, INVALID, nanResult } from './operands.ts'
import {
  CONDITION,
  EXCEPTION,
  registerFormat,
  type Result,
  round,
  ROUNDING,
  roundingControl,
  roundToScale,
} from './round.ts'

/** Bits that a quotient or root is computed to before rounding: more than twice those that are kept. */
const WORKING_BITS = 130

function exactly(value: Extended, status = 0): Result {
  return { value, status }
}

/** Rounds a result in a register, DE included. A significand of 0 is not allowed. */
function rounded(
  negative: boolean,
  significand: bigint,
  scale: number,
  sticky: boolean,
  control: number,
  denormal: number,
): Result {
  const { value, status } = round({ negative, significand, scale, sticky }, registerFormat(control), control)
  return { value, status: status | denormal }
}

export function negated(value: Extended): Extended {
  return { ...value, negative: !value.negative }
}

/** a + b. */
export function add(a: Extended, b: Extended, control: number): Result {
  const nan = nanResult(a, b)
  if (nan) return nan
  const denormal = denormalOperands(a, b)
  if (isInfinity(a) || isInfinity(b)) {
    if (isInfinity(a) && isInfinity(b) && a.negative !== b.negative) return INVALID
    return exactly(isInfinity(a) ? a : b, denormal)
  }
  const [x, y] = [exactValue(a), exactValue(b)]
  const scale = Math.min(x.scale, y.scale)
  const signed = (value: typeof x): bigint => {
    const magnitude = value.significand << BigInt(value.scale - scale)
    return value.negative ? -magnitude : magnitude
  }
  const sum = signed(x) + signed(y)
  if (sum === 0n) {
    const sameSign = a.negative === b.negative
    return exactly(zero(sameSign ? a.negative : roundingControl(control) === ROUNDING.down), denormal)
  }
  return rounded(sum < 0n, sum < 0n ? -sum : sum, scale, false, control, denormal)
}

/** a - b. */
export function subtract(a: Extended, b: Extended, control: number): Result {
  return nanResult(a, b) ?? add(a, negated(b), control)
}

/** a * b. */
export function multiply(a: Extended, b: Extended, control: number): Result {
  const nan = nanResult(a, b)
  if (nan) return nan
  const negative = a.negative !== b.negative
  const denormal = denormalOperands(a, b)
  if (isInfinity(a) || isInfinity(b))
    return isZero(a) || isZero(b) ? INVALID : exactly(infinity(negative), denormal)
  if (isZero(a) || isZero(b)) return exactly(zero(negative), denormal)
  const [x, y] = [exactValue(a), exactValue(b)]
  return rounded(negative, x.significand * y.significand, x.scale + y.scale, false, control, denormal)
}

/** a / b. */
export function divide(a: Extended, b: Extended, control: number): Result {
  const nan = nanResult(a, b)
  if (nan) return nan
  const negative = a.negative !== b.negative
  const denormal = denormalOperands(a, b)
  if (isInfinity(a)) return isInfinity(b) ? INVALID : exactly(infinity(negative), denormal)
  if (isInfinity(b)) return exactly(zero(negative), denormal)
  if (isZero(b)) return isZero(a) ? INVALID : exactly(infinity(negative), EXCEPTION.ZE)
  if (isZero(a)) return exactly(zero(negative), denormal)
  const [x, y] = [exactValue(a), exactValue(b)]
  const shift = Math.max(0, WORKING_BITS + bitLength(y.significand) - bitLength(x.significand))
  const dividend = x.significand << BigInt(shift)
  const quotient = dividend / y.significand
  const sticky = quotient * y.significand !== dividend
  return rounded(negative, quotient, x.scale - y.scale - shift, sticky, control, denormal)
}

/** The largest integer whose square is not above `value`. */
function integerRoot(value: bigint): bigint {
  let root = 1n << BigInt((bitLength(value) + 1) >> 1)
  for (;;) {
    const next = (root + value / root) >> 1n
    if (next >= root) return root
    root = next
  }
}

export function squareRoot(a: Extended, control: number): Result {
  const nan = nanResult(a, a)
  if (nan) return nan
  if (isZero(a)) return exactly(a)
  if (a.negative) return INVALID
  if (isInfinity(a)) return exactly(a)
  const { significand, scale } = exactValue(a)
  const shift = 2 * WORKING_BITS + (scale & 1)
  const radicand = significand << BigInt(shift)
  const root = integerRoot(radicand)
  return rounded(false, root, (scale - shift) / 2, root * root !== radicand, control, denormalOperands(a))
}

/** Rounds to an integer, by the rounding control. */
export function roundToInteger(a: Extended, control: number): Result {
  const nan = nanResult(a, a)
  if (nan) return nan
  if (isInfinity(a) || isZero(a)) return exactly(a)
  const { significand, scale } = exactValue(a)
  if (scale >= 0) return exactly(a)
  const value = { negative: a.negative, significand, scale, sticky: false }
  const result = roundToScale(value, 0, roundingControl(control))
  const status = denormalOperands(a) | (result.inexact ? EXCEPTION.PE : 0) | (result.up ? CONDITION.C1 : 0)
  return { value: exactExtended({ negative: a.negative, significand: result.significand, scale: 0 }), status }
}

/** Exponents beyond these overflow or underflow whatever the significand is. */
const EXPONENT_LIMIT = 0x10000

/** a * 2^b, with b truncated to an integer. */
export function scale(a: Extended, b: Extended, control: number): Result {
  const nan = nanResult(a, b)
  if (nan) return nan
  const denormal = denormalOperands(a, b)
  if (isInfinity(b)) {
    if (b.negative ? isInfinity(a) : isZero(a)) return INVALID
    return exactly(b.negative ? zero(a.negative) : infinity(a.negative), denormal)
  }
  if (isInfinity(a) || isZero(a)) return exactly(a, denormal)
  const by = exactValue(b)
  const magnitude = by.scale >= 0 ? by.significand << BigInt(by.scale) : by.significand >> BigInt(-by.scale)
  const limited = magnitude > BigInt(EXPONENT_LIMIT) ? EXPONENT_LIMIT : Number(magnitude)
  const value = exactValue(a)
  // The precision control does not reach FSCALE.
  return rounded(
    a.negative,
    value.significand,
    value.scale + (b.negative ? -limited : limited),
    false,
    control | 0x300,
    denormal,
  )
}

/** The exponent of `a` as a number, and its significand with the exponent of 1 (FXTRACT). */
export function extract(a: Extended): { exponent: Extended; significand: Extended; status: number } {
  const nan = nanResult(a, a)
  if (nan) return { exponent: nan.value, significand: nan.value, status: nan.status }
  if (isInfinity(a)) return { exponent: infinity(false), significand: a, status: 0 }
  if (isZero(a)) return { exponent: infinity(true), significand: a, status: EXCEPTION.ZE }
  const exact = exactValue(a)
  const exponent = leadingExponent(exact)
  return {
    exponent: fromInteger(BigInt(exponent)),
    significand: exactExtended({ ...exact, scale: exact.scale - exponent }),
    status: denormalOperands(a),
  }
}

/** An integer of at most 64 bits, which every register holds exactly. */
export function fromInteger(value: bigint): Extended {
  return exactExtended({ negative: value < 0n, significand: value < 0n ? -value : value, scale: 0 })
}

/** Exponent differences below this one FPREM reduces to the end. */
const COMPLETE_REDUCTION = 64

/** By how much one FPREM lowers a larger difference: 32 to 63, so that a multiple of 32 is left, as processors do. */
function partialReduction(difference: number): number {
  return 32 + (difference % 32)
}

/**
 * The remainder of a / b with the quotient truncated (FPREM) or rounded to nearest (FPREM1). C2 says that the reduction is not
 * finished; then the result is a smaller number with the same remainder. C0, C3 and C1 are bits 2, 1 and 0 of the quotient.
 */
export function remainder(a: Extended, b: Extended, nearest: boolean, control: number): Result {
  const nan = nanResult(a, b)
  if (nan) return nan
  if (isInfinity(a) || isZero(b)) return INVALID
  const denormal = denormalOperands(a, b)
  if (isZero(a)) return exactly(a, denormal)
  if (isInfinity(b))
    return reduced(a.negative, exactValue(a).significand, exactValue(a).scale, control, denormal)
  const [x, y] = [exactValue(a), exactValue(b)]
  const difference = leadingExponent(x) - leadingExponent(y)
  if (difference >= COMPLETE_REDUCTION) {
    const divisorScale = y.scale + difference - partialReduction(difference)
    const { rest, scale } = remainderOf(x.significand, x.scale, y.significand, divisorScale)
    return reduced(a.negative, rest, scale, control, denormal | CONDITION.C2)
  }
  const { quotient, rest, divisor, scale } = remainderOf(x.significand, x.scale, y.significand, y.scale)
  const up = nearest && (rest * 2n > divisor || (rest * 2n === divisor && (quotient & 1n) !== 0n))
  const status = denormal | quotientConditions(up ? quotient + 1n : quotient)
  if (up) return reduced(!a.negative, divisor - rest, scale, control, status)
  return reduced(a.negative, rest, scale, control, status)
}

function quotientConditions(quotient: bigint): number {
  return (
    (quotient & 4n ? CONDITION.C0 : 0) |
    (quotient & 2n ? CONDITION.C3 : 0) |
    (quotient & 1n ? CONDITION.C1 : 0)
  )
}

/** A remainder has no more bits than the operands, so it is exact whatever the precision control says; it may underflow. */
function reduced(
  negative: boolean,
  significand: bigint,
  scale: number,
  control: number,
  status: number,
): Result {
  if (significand === 0n) return exactly(zero(negative), status)
  const result = round({ negative, significand, scale, sticky: false }, EXTENDED, control)
  return { value: result.value, status: result.status | status }
}

/** Quotient and rest, with the rest and the divisor as multiples of 2^scale. */
function remainderOf(
  dividend: bigint,
  dividendScale: number,
  divisor: bigint,
  divisorScale: number,
): { quotient: bigint; rest: bigint; divisor: bigint; scale: number } {
  const scale = Math.min(dividendScale, divisorScale)
  const x = dividend << BigInt(dividendScale - scale)
  const y = divisor << BigInt(divisorScale - scale)
  return { quotient: x / y, rest: x % y, divisor: y, scale }
}

/** The conditions of a comparison: C3 equal, C0 below, all three unordered. */
const UNORDERED = CONDITION.C0 | CONDITION.C2 | CONDITION.C3

/** Compares a with b. Any NaN is invalid, or with `quiet` only a signaling one. */
export function compare(a: Extended, b: Extended, quiet: boolean): number {
  const nan = nanResult(a, b)
  if (nan) return UNORDERED | (quiet ? nan.status : EXCEPTION.IE)
  return order(a, b) | denormalOperands(a, b)
}

function order(a: Extended, b: Extended): number {
  if (isZero(a) && isZero(b)) return CONDITION.C3
  if (a.negative !== b.negative) return a.negative ? CONDITION.C0 : 0
  const [x, y] = [key(a), key(b)]
  if (x === y) return CONDITION.C3
  return x < y === a.negative ? 0 : CONDITION.C0
}

/** Grows with the magnitude; exponent 0 means the same as 1. */
function key({ exponent, significand }: Extended): bigint {
  return (BigInt(Math.max(exponent, 1)) << 64n) | significand
}
