/** MUL, IMUL, DIV and IDIV (APM vol 3 chapter 3). */
import type { Size } from '../isa/instruction.ts'
import { AF, CF, OF, PF, RAX, RDX, SF, ZF } from '../isa/registers.ts'
import { VECTOR } from '../state/faults.ts'
import type { Builder, Condition, Semantics, Value } from './builder.ts'

/** CF = OF = the product does not fit; SF, ZF, AF and PF stay (docs/quirks.md). */
function setProductFlags(b: Builder, overflows: Condition): void {
  b.flags.set(CF | OF, b.select(overflows, b.constant(CF | OF), b.constant(0)))
}

/** Of byte operands, AH holds what rDX holds of others: the high half of a product, or the remainder. */
function setHigh(b: Builder, size: Size, value: Value): void {
  if (size === 1) b.setRegister(RAX, 1, value, true)
  else b.setRegister(RDX, size, value)
}

function multiply(signed: boolean): Semantics {
  return (b) => {
    const source = b.operand(0, 'read')
    const size = source.size
    const left = b.register(RAX, size)
    const right = source.get()
    const low = b.mul(size, left, right)
    const high = b.mulHigh(size, signed, left, right)
    b.setRegister(RAX, size, low)
    setHigh(b, size, high)
    const fitting = signed ? b.sar(size, low, b.constant(size * 8 - 1)) : b.constant(0)
    setProductFlags(b, b.negate(b.equal(high, fitting)))
  }
}

/** IMUL with two or three operands. */
function multiplyTruncating(b: Builder): void {
  const destination = b.operand(0, 'update')
  const size = destination.size
  const factor = b.operand(1, 'read').get()
  const other = b.instruction.operands.length === 3 ? b.operand(2, 'read').get() : destination.get()
  const low = b.mul(size, factor, other)
  const high = b.mulHigh(size, true, factor, other)
  destination.set(low)
  setProductFlags(b, b.negate(b.equal(high, b.sar(size, low, b.constant(size * 8 - 1)))))
}

/** CF and OF stay as they are, SF, ZF and PF are cleared, AF is set (docs/quirks.md). */
function divide(signed: boolean): Semantics {
  return (b) => {
    const divisor = b.operand(0, 'read')
    const size = divisor.size
    const high = size === 1 ? b.register(RAX, 1, true) : b.register(RDX, size)
    const { valid, quotient, remainder } = b.divide(size, signed, high, b.register(RAX, size), divisor.get())
    b.if(b.negate(valid), () => {
      b.raise(VECTOR.DE)
    })
    b.setRegister(RAX, size, quotient)
    setHigh(b, size, remainder)
    b.flags.set(SF | ZF | AF | PF, b.constant(AF))
  }
}

export const multiplyDivide: Readonly<Record<string, Semantics>> = {
  mul: multiply(false),
  imul: multiply(true),
  'imul-truncating': multiplyTruncating,
  div: divide(false),
  idiv: divide(true),
}
