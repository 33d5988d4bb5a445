/** AND, OR, XOR, NOT and TEST (APM vol 3 chapter 3). */
import { FLAGS } from '../state/flags.ts'
import type { Builder, Semantics, Value } from './builder.ts'

function logic(combine: (b: Builder, left: Value, right: Value) => Value): Semantics {
  return (b) => {
    const destination = b.operand(0, 'update')
    const size = destination.size
    const result = combine(b, destination.get(), b.operand(1, 'read').get())
    destination.set(result)
    b.flags.lazy(FLAGS.logic, size, result, result, result)
  }
}

function test(b: Builder): void {
  const left = b.operand(0, 'read')
  const result = b.and(left.get(), b.operand(1, 'read').get())
  b.flags.lazy(FLAGS.logic, left.size, result, result, result)
}

function not(b: Builder): void {
  const destination = b.operand(0, 'update')
  destination.set(b.not(destination.size, destination.get()))
}

export const logicOperations: Readonly<Record<string, Semantics>> = {
  and: logic((b, left, right) => b.and(left, right)),
  or: logic((b, left, right) => b.or(left, right)),
  xor: logic((b, left, right) => b.xor(left, right)),
  test,
  not,
}
