/**
 * Rotates (APM vol 3 chapter 3). A count is masked to 5 bits (6 with 64-bit operands), then taken modulo the number of bits
 * that rotate: the operand's, and CF with RCL and RCR. Only CF and OF change, and neither does with a masked count of 0.
 */
import { CF, OF } from '../isa/registers.ts'
import type { Builder, Condition, Semantics, Value } from './builder.ts'
import { carryAndOverflow, differ, shiftCount } from './shifts.ts'

function rol(b: Builder): void {
  const destination = b.operand(0, 'update')
  const size = destination.size
  const count = shiftCount(b, 1, size)
  const result = b.rol(size, destination.get(), b.and(count, b.constant(size * 8 - 1)))
  destination.set(result)
  b.if(b.negate(b.isZero(count)), () => {
    const carry = b.bit(result, 0)
    b.flags.set(CF | OF, carryAndOverflow(b, carry, differ(b, carry, b.bit(result, size * 8 - 1))))
  })
}

function ror(b: Builder): void {
  const destination = b.operand(0, 'update')
  const size = destination.size
  const count = shiftCount(b, 1, size)
  const result = b.ror(size, destination.get(), b.and(count, b.constant(size * 8 - 1)))
  destination.set(result)
  b.if(b.negate(b.isZero(count)), () => {
    const carry = b.bit(result, size * 8 - 1)
    b.flags.set(CF | OF, carryAndOverflow(b, carry, differ(b, carry, b.bit(result, size * 8 - 2))))
  })
}

/** A count below 32 modulo 9 or 17; wider operands need none. */
function modulo(b: Builder, count: Value, bits: number): Value {
  const less = (value: Value, by: number): Value =>
    b.select(b.lessUnsigned(value, b.constant(by)), value, b.sub(8, value, b.constant(by)))
  if (bits === 17) return less(count, 17)
  return bits === 9 ? less(less(count, 18), 9) : count
}

/**
 * RCL and RCR of n bits and CF by c, 1 <= c <= n:
 *   RCL   value << c | CF << (c - 1) | value >> (n + 1 - c)      CF = bit n - c
 *   RCR   value >> c | CF << (n - c) | value << (n + 1 - c)      CF = bit c - 1
 * The shift by n + 1 - c is done in two steps, because 64 is no shift count.
 */
function rotateThroughCarry(left: boolean): Semantics {
  return (b) => {
    const destination = b.operand(0, 'update')
    const size = destination.size
    const width = size * 8
    const one = b.constant(1)
    const value = destination.get()
    const masked = shiftCount(b, 1, size)
    const count = modulo(b, masked, width + 1)
    const carryIn = b.flags.get(CF)
    const setFlags = (result: Value, carry: Condition): void => {
      const next = left ? carry : b.bit(result, width - 2)
      b.flags.set(CF | OF, carryAndOverflow(b, carry, differ(b, b.bit(result, width - 1), next)))
    }
    b.if(
      b.isZero(count),
      () => {
        destination.set(value)
        // A whole turn of a narrow operand leaves CF, but sets OF.
        b.if(b.negate(b.isZero(masked)), () => {
          setFlags(value, carryIn)
        })
      },
      () => {
        const less = b.sub(8, count, one)
        const rest = b.sub(8, b.constant(width), count)
        const main = left ? b.shl(8, value, count) : b.shr(8, value, count)
        const inserted = b.shl(8, b.toValue(carryIn), left ? less : rest)
        const wrapped = left ? b.shr(8, b.shr(8, value, one), rest) : b.shl(8, b.shl(8, value, one), rest)
        const result = b.truncate(size, b.or(b.or(main, inserted), wrapped))
        destination.set(result)
        setFlags(result, b.bit(b.shr(8, value, left ? rest : less), 0))
      },
    )
  }
}

export const rotates: Readonly<Record<string, Semantics>> = {
  rol,
  ror,
  rcl: rotateThroughCarry(true),
  rcr: rotateThroughCarry(false),
}
