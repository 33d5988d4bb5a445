/**
 * Shifts (APM vol 3 chapter 3). A count is masked to 5 bits (6 with 64-bit operands); a masked count of 0 leaves all flags
 * alone but still writes the destination, which zero-extends a 32-bit register. A narrow operand can be shifted by more
 * than its width, so everything is computed on 64 bits.
 */
import type { Size } from '../isa/instruction.ts'
import { AF, CF, OF } from '../isa/registers.ts'
import { FLAGS } from '../state/flags.ts'
import type { Builder, Condition, Semantics, Value } from './builder.ts'

/** The masked count, in operand `n`. */
export function shiftCount(b: Builder, n: number, size: Size): Value {
  return b.and(b.operand(n, 'read').get(), b.constant(size === 8 ? 63 : 31))
}

/** CF and OF as a flags image. */
export function carryAndOverflow(b: Builder, carry: Condition, overflow: Condition): Value {
  return b.or(
    b.select(carry, b.constant(CF), b.constant(0)),
    b.select(overflow, b.constant(OF), b.constant(0)),
  )
}

/** True when exactly one of the two holds. */
export function differ(b: Builder, first: Condition, second: Condition): Condition {
  return b.negate(b.equal(b.toValue(first), b.toValue(second)))
}

/** SF, ZF and PF of the result, with CF and OF given. AF is set (docs/quirks.md). */
function setShiftFlags(b: Builder, size: Size, result: Value, carry: Condition, overflow: Condition): void {
  b.flags.lazy(FLAGS.logic, size, result, result, result)
  b.flags.set(CF | OF | AF, b.or(carryAndOverflow(b, carry, overflow), b.constant(AF)))
}

function shl(b: Builder): void {
  const destination = b.operand(0, 'update')
  const size = destination.size
  const top = size * 8 - 1
  const value = destination.get()
  const count = shiftCount(b, 1, size)
  destination.set(b.truncate(size, b.shl(8, value, count)))
  b.if(b.negate(b.isZero(count)), () => {
    const beforeLast = b.shl(8, value, b.sub(8, count, b.constant(1)))
    const result = b.truncate(size, b.shl(8, beforeLast, b.constant(1)))
    const carry = b.bit(beforeLast, top)
    setShiftFlags(b, size, result, carry, differ(b, carry, b.bit(result, top)))
  })
}

function shr(b: Builder): void {
  const destination = b.operand(0, 'update')
  const size = destination.size
  const value = destination.get()
  const count = shiftCount(b, 1, size)
  destination.set(b.shr(8, value, count))
  b.if(b.negate(b.isZero(count)), () => {
    const beforeLast = b.shr(8, value, b.sub(8, count, b.constant(1)))
    const result = b.shr(8, beforeLast, b.constant(1))
    // OF tells that the last step changed the sign.
    setShiftFlags(b, size, result, b.bit(beforeLast, 0), b.bit(beforeLast, size * 8 - 1))
  })
}

function sar(b: Builder): void {
  const destination = b.operand(0, 'update')
  const size = destination.size
  const value = b.signExtend(size, 8, destination.get())
  const count = shiftCount(b, 1, size)
  destination.set(b.truncate(size, b.sar(8, value, count)))
  b.if(b.negate(b.isZero(count)), () => {
    const beforeLast = b.sar(8, value, b.sub(8, count, b.constant(1)))
    const result = b.truncate(size, b.sar(8, beforeLast, b.constant(1)))
    setShiftFlags(b, size, result, b.bit(beforeLast, 0), b.bit(b.constant(0), 0))
  })
}

/** The high part of (value : source) << count. A 16-bit operand takes counts up to 31, and then the source repeats. */
function shiftLeftDouble(b: Builder, size: Size, value: Value, source: Value, count: Value): Value {
  if (size === 2) {
    const wide = b.or(b.shl(8, value, b.constant(32)), repeated(b, source))
    return b.truncate(2, b.shr(8, b.shl(8, wide, count), b.constant(32)))
  }
  // In two steps, because the full width is no shift count.
  const rest = b.sub(8, b.constant(size * 8 - 1), count)
  const low = b.shr(8, b.shr(8, source, b.constant(1)), rest)
  return b.or(b.shl(size, value, count), low)
}

/** The low part of (source : value) >> count. */
function shiftRightDouble(b: Builder, size: Size, value: Value, source: Value, count: Value): Value {
  if (size === 2) {
    const wide = b.or(b.shl(8, repeated(b, source), b.constant(16)), value)
    return b.truncate(2, b.shr(8, wide, count))
  }
  const rest = b.sub(8, b.constant(size * 8 - 1), count)
  const high = b.shl(size, b.shl(size, source, b.constant(1)), rest)
  return b.or(b.shr(size, value, count), high)
}

/** A 16-bit value twice. */
function repeated(b: Builder, source: Value): Value {
  return b.or(b.shl(8, source, b.constant(16)), source)
}

/**
 * SHLD and SHRD. CF is the last bit to leave the first operand, and 0 when a 16-bit operand has none left; OF of SHLD is that of
 * SHL (docs/quirks.md).
 */
function double(left: boolean): Semantics {
  const shift = left ? shiftLeftDouble : shiftRightDouble
  return (b) => {
    const destination = b.operand(0, 'update')
    const size = destination.size
    const top = size * 8 - 1
    const value = destination.get()
    const source = b.operand(1, 'read').get()
    const count = shiftCount(b, 2, size)
    const result = shift(b, size, value, source, count)
    destination.set(result)
    b.if(b.negate(b.isZero(count)), () => {
      const less = b.sub(8, count, b.constant(1))
      if (left) {
        const carry = b.bit(b.shl(8, value, less), top)
        setShiftFlags(b, size, result, carry, differ(b, carry, b.bit(b.shl(8, value, count), top)))
      } else {
        const carry = b.bit(b.shr(8, value, less), 0)
        const beforeLast = shift(b, size, value, source, less)
        setShiftFlags(b, size, result, carry, differ(b, b.bit(beforeLast, top), b.bit(result, top)))
      }
    })
  }
}

export const shifts: Readonly<Record<string, Semantics>> = {
  shl,
  shr,
  sar,
  shld: double(true),
  shrd: double(false),
}
