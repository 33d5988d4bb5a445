/** MOV and its relatives, exchanges, conversions (APM vol 3 chapter 3). */
import type { MemoryOperand } from '../isa/instruction.ts'
import { DS, RAX, RBX, RCX, RDX, ZF } from '../isa/registers.ts'
import { FLAGS } from '../state/flags.ts'
import type { Builder, Semantics } from './builder.ts'

function mov(b: Builder): void {
  const destination = b.operand(0, 'write')
  destination.set(b.operand(1, 'read').get())
}

function movzx(b: Builder): void {
  b.operand(0, 'write').set(b.operand(1, 'read').get())
}

function movsx(b: Builder): void {
  const destination = b.operand(0, 'write')
  const source = b.operand(1, 'read')
  destination.set(b.signExtend(source.size, destination.size, source.get()))
}

/** The source is read whatever the condition says, and a 32-bit destination is zero-extended either way. */
function cmovcc(b: Builder): void {
  const destination = b.operand(0, 'update')
  const source = b.operand(1, 'read').get()
  destination.set(b.select(b.flags.condition(b.instruction.condition), source, destination.get()))
}

function setcc(b: Builder): void {
  b.operand(0, 'write').set(b.toValue(b.flags.condition(b.instruction.condition)))
}

function lea(b: Builder): void {
  const destination = b.operand(0, 'write')
  destination.set(b.truncate(destination.size, b.address(1)))
}

function xchg(b: Builder): void {
  const first = b.operand(0, 'update')
  const second = b.operand(1, 'update')
  const old = first.get()
  first.set(second.get())
  second.set(old)
}

function xadd(b: Builder): void {
  const destination = b.operand(0, 'update')
  const source = b.operand(1, 'update')
  const size = destination.size
  const left = destination.get()
  const right = source.get()
  const sum = b.add(size, left, right)
  // The destination is written last: it wins when both operands are one register.
  source.set(left)
  destination.set(sum)
  b.flags.lazy(FLAGS.add, size, left, right, sum)
}

/** The destination must be writable in any case, but a register that differs stays, its upper half too (docs/quirks.md). */
function cmpxchg(b: Builder): void {
  const destination = b.operand(0, 'update')
  const size = destination.size
  const replacement = b.operand(1, 'read').get()
  const accumulator = b.register(RAX, size)
  const old = destination.get()
  b.if(
    b.equal(accumulator, old),
    () => {
      destination.set(replacement)
    },
    () => {
      b.setRegister(RAX, size, old)
    },
  )
  b.flags.lazy(FLAGS.sub, size, accumulator, old, b.sub(size, accumulator, old))
}

/** CMPXCHG8B with `half` 4, CMPXCHG16B with `half` 8: rDX:rAX is compared, rCX:rBX stored. */
function compareExchangePair(b: Builder, half: 4 | 8): void {
  const { segment, addressSize } = b.instruction.operands[0] as MemoryOperand
  const lowAt = b.address(0)
  const highAt = b.add(addressSize, lowAt, b.constant(half))
  b.probeWrite(segment, lowAt, half === 4 ? 8 : 16)
  const low = b.load(segment, lowAt, half)
  const high = b.load(segment, highAt, half)
  const matches = b.both(b.equal(low, b.register(RAX, half)), b.equal(high, b.register(RDX, half)))
  b.store(segment, lowAt, half, b.select(matches, b.register(RBX, half), low))
  b.store(segment, highAt, half, b.select(matches, b.register(RCX, half), high))
  b.if(
    matches,
    () => {
      b.flags.set(ZF, b.constant(ZF))
    },
    () => {
      b.setRegister(RAX, half, low)
      b.setRegister(RDX, half, high)
      b.flags.set(ZF, b.constant(0))
    },
  )
}

/** A 16-bit BSWAP is undefined; processors clear the register (docs/quirks.md). */
function bswap(b: Builder): void {
  const operand = b.operand(0, 'update')
  operand.set(operand.size === 2 ? b.constant(0) : b.byteSwap(operand.size as 4 | 8, operand.get()))
}

function xlat(b: Builder): void {
  const { addressSize, segmentOverride } = b.instruction
  const offset = b.add(addressSize, b.register(RBX, addressSize), b.register(RAX, 1))
  b.setRegister(RAX, 1, b.load(segmentOverride < 0 ? DS : segmentOverride, offset, 1))
}

/** CBW, CWDE, CDQE: the accumulator from half of the operand size. */
function convert(b: Builder): void {
  const size = b.instruction.operandSize
  const half = (size / 2) as 1 | 2 | 4
  b.setRegister(RAX, size, b.signExtend(half, size, b.register(RAX, half)))
}

/** CWD, CDQ, CQO: the sign of the accumulator into all of rDX. */
function extendAccumulator(b: Builder): void {
  const size = b.instruction.operandSize
  b.setRegister(RDX, size, b.sar(size, b.register(RAX, size), b.constant(size * 8 - 1)))
}

function nop(): void {
  // Nothing but the next instruction. Memory operands of hints are not accessed.
}

export const dataMovement: Readonly<Record<string, Semantics>> = {
  mov,
  movzx,
  movsx,
  cmovcc,
  setcc,
  lea,
  xchg,
  xadd,
  cmpxchg,
  cmpxchg8b: (b) => {
    compareExchangePair(b, 4)
  },
  cmpxchg16b: (b) => {
    compareExchangePair(b, 8)
  },
  bswap,
  xlat,
  convert,
  'extend-accumulator': extendAccumulator,
  nop,
  // Memory is accessed in program order, so the fences have nothing to wait for.
  fence: nop,
}
