/** Decimal adjustments of AL and AX, outside 64-bit mode only (APM vol 3 chapter 3; undefined flags: docs/quirks.md). */
import { AF, CF, OF, RAX } from '../isa/registers.ts'
import { FLAGS } from '../state/flags.ts'
import { VECTOR } from '../state/faults.ts'
import type { Builder, Condition, Semantics, Value } from './builder.ts'

/** The low digit of AL is no decimal digit, or AF says that it carried. */
function lowDigitCarries(b: Builder, al: Value): Condition {
  return b.either(b.lessUnsigned(b.constant(9), b.and(al, b.constant(0xf))), b.flags.get(AF))
}

/** SF, ZF and PF of an 8-bit result, and `mask` from `image`. */
function setByteFlags(b: Builder, result: Value, mask: number, image: Value): void {
  b.flags.lazy(FLAGS.logic, 1, result, result, result)
  b.flags.set(mask, image)
}

function flagIf(b: Builder, condition: Condition, flag: number): Value {
  return b.select(condition, b.constant(flag), b.constant(0))
}

/** DAA adds, DAS subtracts 6 for the low digit and 60h for the high one. */
function adjustPacked(adjust: (b: Builder, al: Value, by: Value) => Value, borrow: boolean): Semantics {
  return (b) => {
    const al = b.register(RAX, 1)
    const carryIn = b.flags.get(CF)
    const low = lowDigitCarries(b, al)
    const high = b.either(b.lessUnsigned(b.constant(0x99), al), carryIn)
    const afterLow = adjust(b, al, b.select(low, b.constant(6), b.constant(0)))
    const result = adjust(b, afterLow, b.select(high, b.constant(0x60), b.constant(0)))
    // DAS: subtracting 6 from a digit below it borrows out of AL.
    const lowBorrows = b.both(low, b.lessUnsigned(al, b.constant(6)))
    const carry = borrow ? b.either(high, lowBorrows) : high
    b.setRegister(RAX, 1, result)
    setByteFlags(b, result, AF | CF, b.or(flagIf(b, low, AF), flagIf(b, carry, CF)))
  }
}

/** AAA and AAS: AL to one digit, AH counts the carry. */
function adjustUnpacked(adjust: (b: Builder, ax: Value, by: Value) => Value): Semantics {
  return (b) => {
    const ax = b.register(RAX, 2)
    const carries = lowDigitCarries(b, b.register(RAX, 1))
    const adjusted = b.select(carries, adjust(b, ax, b.constant(0x106)), ax)
    const result = b.and(adjusted, b.constant(0xff0f))
    b.setRegister(RAX, 2, result)
    b.flags.set(AF | CF, flagIf(b, carries, AF | CF))
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
  setByteFlags(b, remainder, AF | CF | OF, b.constant(0))
}

function aad(b: Builder): void {
  const base = b.operand(0, 'read').get()
  const result = b.add(1, b.register(RAX, 1), b.mul(1, b.register(RAX, 1, true), base))
  b.setRegister(RAX, 2, result)
  setByteFlags(b, result, AF | CF | OF, b.constant(0))
}

export const decimal: Readonly<Record<string, Semantics>> = {
  daa: adjustPacked((b, al, by) => b.add(1, al, by), false),
  das: adjustPacked((b, al, by) => b.sub(1, al, by), true),
  aaa: adjustUnpacked((b, ax, by) => b.add(2, ax, by)),
  aas: adjustUnpacked((b, ax, by) => b.sub(2, ax, by)),
  aam,
  aad,
}
