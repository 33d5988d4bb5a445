/** Addition, subtraction and comparison (APM vol 3 chapter 3; flags APM vol 1 §3.1.4). */
import { CF } from '../isa/registers.ts'
import { FLAGS } from '../state/flags.ts'
import type { Builder, Semantics } from './builder.ts'

function add(b: Builder): void {
  const destination = b.operand(0, 'update')
  const size = destination.size
  const left = destination.get()
  const right = b.operand(1, 'read').get()
  const sum = b.add(size, left, right)
  destination.set(sum)
  b.flags.lazy(FLAGS.add, size, left, right, sum)
}

function adc(b: Builder): void {
  const destination = b.operand(0, 'update')
  const size = destination.size
  const left = destination.get()
  const right = b.operand(1, 'read').get()
  const sum = b.add(size, b.add(size, left, right), b.toValue(b.flags.get(CF)))
  destination.set(sum)
  b.flags.lazy(FLAGS.adc, size, left, right, sum)
}

function sub(b: Builder): void {
  const destination = b.operand(0, 'update')
  const size = destination.size
  const left = destination.get()
  const right = b.operand(1, 'read').get()
  const difference = b.sub(size, left, right)
  destination.set(difference)
  b.flags.lazy(FLAGS.sub, size, left, right, difference)
}

function sbb(b: Builder): void {
  const destination = b.operand(0, 'update')
  const size = destination.size
  const left = destination.get()
  const right = b.operand(1, 'read').get()
  const difference = b.sub(size, b.sub(size, left, right), b.toValue(b.flags.get(CF)))
  destination.set(difference)
  b.flags.lazy(FLAGS.sbb, size, left, right, difference)
}

function cmp(b: Builder): void {
  const destination = b.operand(0, 'read')
  const size = destination.size
  const left = destination.get()
  const right = b.operand(1, 'read').get()
  b.flags.lazy(FLAGS.sub, size, left, right, b.sub(size, left, right))
}

function neg(b: Builder): void {
  const destination = b.operand(0, 'update')
  const size = destination.size
  const zero = b.constant(0)
  const value = destination.get()
  const result = b.sub(size, zero, value)
  destination.set(result)
  b.flags.lazy(FLAGS.sub, size, zero, value, result)
}

/** INC and DEC leave CF alone, so it travels in the right operand (state/flags.ts). */
function inc(b: Builder): void {
  const destination = b.operand(0, 'update')
  const size = destination.size
  const value = destination.get()
  const result = b.add(size, value, b.constant(1))
  const carry = b.toValue(b.flags.get(CF))
  destination.set(result)
  b.flags.lazy(FLAGS.inc, size, value, carry, result)
}

function dec(b: Builder): void {
  const destination = b.operand(0, 'update')
  const size = destination.size
  const value = destination.get()
  const result = b.sub(size, value, b.constant(1))
  const carry = b.toValue(b.flags.get(CF))
  destination.set(result)
  b.flags.lazy(FLAGS.dec, size, value, carry, result)
}

export const arithmetic: Readonly<Record<string, Semantics>> = { add, adc, sub, sbb, cmp, neg, inc, dec }
