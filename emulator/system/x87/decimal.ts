/** Packed decimal integers of FBLD and FBSTP: 79 sign, 71:0 eighteen digits of 4 bits (APM vol 1 §6.3.1). */
import { exactExtended, exactValue, type Extended, isInfinity, isZero } from './number.ts'
import { nanResult } from './operands.ts'
import { CONDITION, EXCEPTION, roundingControl, roundToScale } from './round.ts'

const DIGITS = 18
const SIGN = 1n << 79n

/** The packed decimal indefinite. */
const INDEFINITE_DECIMAL = 0xffff_c000_0000_0000_0000n

/** Digits above 9, which have no defined meaning, count with their value. */
export function fromDecimal(bits: bigint): Extended {
  let value = 0n
  for (let digit = DIGITS - 1; digit >= 0; digit--) value = value * 10n + ((bits >> BigInt(digit * 4)) & 0xfn)
  return exactExtended({ negative: (bits & SIGN) !== 0n, significand: value, scale: 0 })
}

/** A number rounded to an integer of eighteen digits, with the exceptions of the conversion. */
export function toDecimal(value: Extended, control: number): { bits: bigint; status: number } {
  const invalid = { bits: INDEFINITE_DECIMAL, status: EXCEPTION.IE }
  if (nanResult(value, value) || isInfinity(value)) return invalid
  const sign = value.negative ? SIGN : 0n
  if (isZero(value)) return { bits: sign, status: 0 }
  const exact = { ...exactValue(value), sticky: false }
  const { significand, inexact, up } = roundToScale(exact, 0, roundingControl(control))
  const digits = significand.toString()
  if (digits.length > DIGITS) return invalid
  const status = (inexact ? EXCEPTION.PE : 0) | (up ? CONDITION.C1 : 0)
  return { bits: sign | BigInt(`0x${digits}`), status }
}
