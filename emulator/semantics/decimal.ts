/**
 * Decimal adjustments of AL and AX, outside 64-bit mode only (APM vol 3 chapter 3). The flags that the manual leaves undefined
 * are those of the addition or subtraction of the adjustment (docs/quirks.md).
 */
import { AF, CF, RAX } from '../isa/registers.ts'
import { FLAGS } from '../state/flags.ts'
import { VECTOR } from '../state/faults.ts'
import type { Builder, Condition, Semantics, Value } from './builder.ts'

type Direction = 'add' | 'sub'

/** The low digit of AL is no decimal digit, or AF says that it carried. */
function lowDigitCarries(b: Builder, al: Value): Condition {
  return b.either(b.lessUnsigned(b.constant(9), b.and(al, b.constant(0xf))), b.flags.get(AF))
}

function valueIf(b: Builder, condition: Condition, value: number): Value {
  return b.select(condition, b.constant(value), b.constant(0))
}

/** DAA adds, DAS subtracts 6 for the low digit and 60h for the high one. */
function adjustPacked(direction: Direction): Semantics {
  return (b) => {
    const al = b.register(RAX, 1)
    const low = lowDigitCarries(b, al)
    const high = b.either(b.lessUnsigned(b.constant(0x99), al), b.flags.get(CF))
    const adjustment = b.or(valueIf(b, low, 6), valueIf(b, high, 0x60))
    const result = b[direction](1, al, adjustment)
    // DAS: subtracting 6 from less than 6 borrows out of AL.
    const borrows = b.both(low, b.lessUnsigned(al, b.constant(6)))
    const carry = direction === 'sub' ? b.either(high, borrows) : high
    b.setRegister(RAX, 1, result)
    b.flags.lazy(FLAGS[direction], 1, al, adjustment, result)
    b.flags.set(AF | CF, b.or(valueIf(b, low, AF), valueIf(b, carry, CF)))
  }
}

/** AAA and AAS: AL to one digit, AH counts the carry. */
function adjustUnpacked(direction: Direction): Semantics {
  return (b) => {
    const ax = b.register(RAX, 2)
    const carries = lowDigitCarries(b, b.register(RAX, 1))
    const adjustment = valueIf(b, carries, 0x106)
    const adjusted = b[direction](2, ax, adjustment)
    b.setRegister(RAX, 2, b.and(adjusted, b.constant(0xff0f)))
    b.flags.lazy(FLAGS[direction], 2, ax, adjustment, adjusted)
    b.flags.set(AF | CF, valueIf(b, carries, AF | CF))
  }
}

function aam(b: Builder): void {
  const divisor = b.operand(0, 'read').get()
  const { valid, quotient, remainder } = b.divide(1, false, b.constant(0), b.register(RAX, 1), divisor)
  b.if(b.negate(valid), () => {
    b.raise(VECTOR.DE)
  })
  b.setRegister(RAX, 1, quotient, true)
  b.setRegister(RAX, 1, remainder)
  b.flags.lazy(FLAGS.logic, 1, remainder, remainder, remainder)
}

function aad(b: Builder): void {
  const al = b.register(RAX, 1)
  const tens = b.mul(1, b.register(RAX, 1, true), b.operand(0, 'read').get())
  const result = b.add(1, al, tens)
  b.setRegister(RAX, 2, result)
  b.flags.lazy(FLAGS.add, 1, al, tens, result)
}

export const decimal: Readonly<Record<string, Semantics>> = {
  daa: adjustPacked('add'),
  das: adjustPacked('sub'),
  aaa: adjustUnpacked('add'),
  aas: adjustUnpacked('sub'),
  aam,
  aad,
}
