/** Bit tests, scans and counts (APM vol 3 chapter 3). */
import type { Size } from '../isa/instruction.ts'
import { AF, ARITHMETIC_FLAGS, CF, PF, SF, ZF } from '../isa/registers.ts'
import type { Builder, Condition, Semantics, Value } from './builder.ts'

/** BT, BTS, BTR, BTC: `change` makes the new value from the old one and the bit's mask; absent for BT. */
function bitTest(change?: (b: Builder, size: Size, value: Value, mask: Value) => Value): Semantics {
  return (b) => {
    const [target, offset] = b.instruction.operands
    const size = b.instruction.operandSize
    const bitOffset = b.operand(1, 'read').get()
    const index = b.and(bitOffset, b.constant(size * 8 - 1))
    const update = (value: Value): Value =>
      change === undefined ? value : change(b, size, value, b.shl(size, b.constant(1), index))

    if (target.kind !== 'memory' || offset.kind !== 'register') {
      const operand = b.operand(0, change === undefined ? 'read' : 'update')
      const value = operand.get()
      if (change !== undefined) operand.set(update(value))
      b.flags.set(CF, b.toValue(b.bit(value, index)))
      return
    }
    // A bit offset in a register is signed and reaches beyond the operand: whole operands away from its address.
    const bitsOfIndex = b.constant(Math.log2(size * 8))
    const elements = b.sar(8, b.signExtend(size, 8, bitOffset), bitsOfIndex)
    const bytes = b.truncate(target.addressSize, b.shl(8, elements, b.constant(Math.log2(size))))
    const address = b.add(target.addressSize, b.address(0), bytes)
    if (change !== undefined) b.probeWrite(target.segment, address, size)
    const value = b.load(target.segment, address, size)
    if (change !== undefined) b.store(target.segment, address, size, update(value))
    b.flags.set(CF, b.toValue(b.bit(value, index)))
  }
}

/** BSF and BSR leave the destination alone when the source is zero, and all flags but ZF (docs/quirks.md). */
function scan(find: (b: Builder, size: Size, value: Value) => Value): Semantics {
  return (b) => {
    const destination = b.operand(0, 'write')
    const source = b.operand(1, 'read').get()
    const zero = b.isZero(source)
    b.if(b.negate(zero), () => {
      destination.set(find(b, destination.size, source))
    })
    setIf(b, ZF, zero, ZF)
  }
}

/** Sets the flags of `mask`: `flag` according to the condition, the others 0. */
function setIf(b: Builder, flag: number, condition: Condition, mask: number): void {
  b.flags.set(mask, b.select(condition, b.constant(flag), b.constant(0)))
}

/** TZCNT and LZCNT: CF when the source is zero, ZF when the result is; SF, AF and PF are cleared, OF stays (docs/quirks.md). */
function count(find: (b: Builder, size: Size, value: Value) => Value): Semantics {
  return (b) => {
    const destination = b.operand(0, 'write')
    const source = b.operand(1, 'read').get()
    const result = find(b, destination.size, source)
    destination.set(result)
    setIf(b, CF, b.isZero(source), CF)
    setIf(b, ZF, b.isZero(result), ZF | SF | AF | PF)
  }
}

function popcnt(b: Builder): void {
  const destination = b.operand(0, 'write')
  const source = b.operand(1, 'read').get()
  destination.set(b.countOnes(source))
  setIf(b, ZF, b.isZero(source), ARITHMETIC_FLAGS)
}

export const bits: Readonly<Record<string, Semantics>> = {
  bt: bitTest(),
  bts: bitTest((b, _, value, mask) => b.or(value, mask)),
  btr: bitTest((b, size, value, mask) => b.and(value, b.not(size, mask))),
  btc: bitTest((b, _, value, mask) => b.xor(value, mask)),
  bsf: scan((b, size, value) => b.countTrailingZeros(size, value)),
  bsr: scan((b, size, value) => b.sub(size, b.constant(size * 8 - 1), b.countLeadingZeros(size, value))),
  tzcnt: count((b, size, value) => b.countTrailingZeros(size, value)),
  lzcnt: count((b, size, value) => b.countLeadingZeros(size, value)),
  popcnt,
}
