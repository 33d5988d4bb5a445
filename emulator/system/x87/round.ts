/**
 * Rounding, and the exceptions that results raise: overflow, underflow, precision (APM vol 1 §6.3.5, §6.8.3).
 *
 * Control word:  11:10 rounding control   9:8 precision control   5:0 exception masks
 * Status word:   10:8 condition codes C2 C1 C0 (C3 is bit 14)   5 PE  4 UE  3 OE  2 ZE  1 DE  0 IE
 */
import {
  bitLength,
  DOUBLE,
  exactExtended,
  type Extended,
  EXTENDED,
  type Format,
  infinity,
  INTEGER_BIT,
  MAXIMUM_EXPONENT,
  SINGLE,
  zero,
} from './number.ts'

/** The exceptions, as bits of the status word and, where they are masked, of the control word. */
export const EXCEPTION = { IE: 1, DE: 2, ZE: 4, OE: 8, UE: 16, PE: 32 } as const

/** Condition codes in the status word. C1 says that a result was rounded up, or which way the stack overran. */
export const CONDITION = { C0: 1 << 8, C1: 1 << 9, C2: 1 << 10, C3: 1 << 14 } as const

export const ROUNDING = { nearest: 0, down: 1, up: 2, truncate: 3 } as const

/** A result with the exceptions and condition codes that it sets, as bits of the status word. */
export interface Result {
  readonly value: Extended
  readonly status: number
}

export function roundingControl(control: number): number {
  return (control >> 10) & 3
}

/** The format of results in registers: the precision that the control word asks for, with the range of 80-bit numbers. */
export function registerFormat(control: number): Format {
  const precision = [SINGLE.precision, EXTENDED.precision, DOUBLE.precision, EXTENDED.precision][
    (control >> 8) & 3
  ]
  return { ...EXTENDED, precision }
}

/** An unrounded result other than zero: significand * 2^scale, and somewhat more in magnitude if `sticky`. */
export interface Unrounded {
  readonly negative: boolean
  readonly significand: bigint
  readonly scale: number
  readonly sticky: boolean
}

interface Rounded {
  readonly significand: bigint
  readonly inexact: boolean
  readonly up: boolean
}

/** The value as a whole multiple of 2^scale, rounded. */
export function roundToScale(value: Unrounded, scale: number, rounding: number): Rounded {
  const shift = BigInt(scale - value.scale)
  if (shift <= 0n) {
    // Nothing is cut off; what sticky stands for is below half of the last place.
    return direct(value.significand << -shift, value.sticky ? -1 : 0, value.sticky, value.negative, rounding)
  }
  const kept = value.significand >> shift
  const rest = value.significand - (kept << shift)
  const half = 1n << (shift - 1n)
  const comparison = rest > half || (rest === half && value.sticky) ? 1 : rest === half ? 0 : -1
  return direct(kept, comparison, rest !== 0n || value.sticky, value.negative, rounding)
}

/** `comparison`: what was cut off against half of the last place. */
function direct(
  kept: bigint,
  comparison: number,
  inexact: boolean,
  negative: boolean,
  rounding: number,
): Rounded {
  const nearestUp = comparison > 0 || (comparison === 0 && (kept & 1n) !== 0n)
  const up =
    inexact &&
    (rounding === ROUNDING.nearest ? nearestUp : rounding === (negative ? ROUNDING.down : ROUNDING.up))
  return { significand: up ? kept + 1n : kept, inexact, up }
}

/** An unmasked overflow or underflow in a register leaves the result with an exponent that fits, off by this much. */
const EXPONENT_ADJUSTMENT = 24576

/**
 * Rounds to `format` and says what exceptions that raises. A masked overflow gives infinity or the largest number, a masked
 * underflow a denormal number or zero; unmasked ones give the number with its exponent adjusted (vol 1 §6.8.3).
 */
export function round(value: Unrounded, format: Format, control: number): Result {
  const rounding = roundingControl(control)
  const exponent = bitLength(value.significand) - 1 + value.scale
  const unlimitedScale = exponent - (format.precision - 1)
  const unlimited = roundToScale(value, unlimitedScale, rounding)
  const carried = unlimited.significand >> BigInt(format.precision) !== 0n
  const roundedExponent = exponent + (carried ? 1 : 0)

  if (roundedExponent > format.maximumExponent) {
    if (!(control & EXCEPTION.OE))
      return adjusted(value, unlimited, unlimitedScale - EXPONENT_ADJUSTMENT, EXCEPTION.OE)
    return overflow(value.negative, format, rounding)
  }
  // Tininess is detected after rounding.
  if (roundedExponent < format.minimumExponent) {
    if (!(control & EXCEPTION.UE))
      return adjusted(value, unlimited, unlimitedScale + EXPONENT_ADJUSTMENT, EXCEPTION.UE)
    const scale = format.minimumExponent - (format.precision - 1)
    const denormal = finish(value, roundToScale(value, scale, rounding), scale)
    return denormal.status & EXCEPTION.PE ? { ...denormal, status: denormal.status | EXCEPTION.UE } : denormal
  }
  return finish(value, unlimited, unlimitedScale)
}

function finish({ negative }: Unrounded, { significand, inexact, up }: Rounded, scale: number): Result {
  const status = (inexact ? EXCEPTION.PE : 0) | (up ? CONDITION.C1 : 0)
  return { value: representable(negative, significand, scale), status }
}

/** The number with that value, denormal where it must be. */
function representable(negative: boolean, significand: bigint, scale: number): Extended {
  if (significand === 0n) return zero(negative)
  const value = exactExtended({ negative, significand, scale })
  if (value.exponent > 0) return value
  return { negative, exponent: 0, significand: value.significand >> BigInt(1 - value.exponent) }
}

function adjusted(
  { negative }: Unrounded,
  { significand, inexact, up }: Rounded,
  scale: number,
  exception: number,
): Result {
  const value = exactExtended({ negative, significand, scale })
  // Only FSCALE goes farther than the adjustment does.
  if (value.exponent >= MAXIMUM_EXPONENT)
    return { value: infinity(negative), status: exception | EXCEPTION.PE | CONDITION.C1 }
  if (value.exponent <= 0) return { value: zero(negative), status: exception | EXCEPTION.PE }
  return { value, status: exception | (inexact ? EXCEPTION.PE : 0) | (up ? CONDITION.C1 : 0) }
}

function overflow(negative: boolean, format: Format, rounding: number): Result {
  const away = rounding === ROUNDING.nearest || rounding === (negative ? ROUNDING.down : ROUNDING.up)
  const status = EXCEPTION.OE | EXCEPTION.PE
  if (away) return { value: infinity(negative), status: status | CONDITION.C1 }
  const unused = BigInt(64 - format.precision)
  const significand = ((INTEGER_BIT << 1n) - 1n) & ~((1n << unused) - 1n)
  return { value: { negative, exponent: format.maximumExponent + 16383, significand }, status }
}
