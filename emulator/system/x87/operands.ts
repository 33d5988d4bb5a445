/** What arithmetic does before it computes: invalid operands, NaNs, denormal operands (APM vol 1 §6.3.3, §6.8.2). */
import {
  type Extended,
  INDEFINITE,
  isDenormal,
  isNan,
  isSignalingNan,
  isUnsupported,
  quieted,
} from './number.ts'
import { EXCEPTION, type Result } from './round.ts'

/** The masked response to an operation without a meaning. */
export const INVALID: Result = { value: INDEFINITE, status: EXCEPTION.IE }

/** Of two NaNs: a quiet one beside a signaling one, else the larger significand, else the positive one; made quiet. */
function chooseNan(a: Extended, b: Extended): Extended {
  if (!isNan(a)) return quieted(b)
  if (!isNan(b)) return quieted(a)
  if (isSignalingNan(a) !== isSignalingNan(b)) return isSignalingNan(a) ? b : a
  if (a.significand !== b.significand) return quieted(a.significand > b.significand ? a : b)
  return quieted(a.negative ? b : a)
}

/** The result where an operand is a NaN or unsupported, undefined where neither is. */
export function nanResult(a: Extended, b: Extended): Result | undefined {
  if (isUnsupported(a) || isUnsupported(b)) return INVALID
  if (!isNan(a) && !isNan(b)) return undefined
  const signaling = isSignalingNan(a) || isSignalingNan(b)
  return { value: chooseNan(a, b), status: signaling ? EXCEPTION.IE : 0 }
}

/** DE if one of the operands is denormal. */
export function denormalOperands(...operands: readonly Extended[]): number {
  return operands.some(isDenormal) ? EXCEPTION.DE : 0
}
