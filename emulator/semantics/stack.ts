/** PUSH, POP and procedure frames (APM vol 3 chapter 3; stack addressing APM vol 1 §2.4). */
import type { MemoryOperand, RegisterOperand, Size } from '../isa/instruction.ts'
import { RAX, RBP, RDI, RSP, SS } from '../isa/registers.ts'
import type { Builder, Semantics, Value } from './builder.ts'

/** The stack pointer moved by a constant, wrapped to the stack size. */
export function stackPointer(b: Builder, offset: number): Value {
  const pointer = b.register(RSP, b.stackSize)
  if (offset < 0) return b.sub(b.stackSize, pointer, b.constant(-offset))
  return b.add(b.stackSize, pointer, b.constant(offset))
}

/** Stores a value below the stack pointer, then moves it. */
export function pushValue(b: Builder, size: Size, value: Value): void {
  const pointer = stackPointer(b, -size)
  b.store(SS, pointer, size, value)
  b.setRegister(RSP, b.stackSize, pointer)
}

function push(b: Builder): void {
  const size = b.instruction.operandSize
  pushValue(b, size, b.operand(0, 'read').get())
}

/** In 32-bit operand size the selector is stored zero-extended. */
function pushSegment(b: Builder): void {
  const { index } = b.instruction.operands[0] as RegisterOperand
  pushValue(b, b.instruction.operandSize, b.selector(index))
}

/** The address of a memory destination counts from the RSP after the pop; a register destination is written after RSP. */
function pop(b: Builder): void {
  const size = b.instruction.operandSize
  const destination = b.instruction.operands[0] as RegisterOperand | MemoryOperand
  const value = b.load(SS, b.register(RSP, b.stackSize), size)
  const pointer = stackPointer(b, size)
  if (destination.kind === 'register') {
    b.setRegister(RSP, b.stackSize, pointer)
    b.setRegister(destination.index, size, value)
  } else {
    b.store(destination.segment, b.address(0, size), size, value)
    b.setRegister(RSP, b.stackSize, pointer)
  }
}

/** PUSHA pushes rAX, rCX, rDX, rBX, the rSP from before, rBP, rSI, rDI. All of them are checked before the first is stored. */
function pusha(b: Builder): void {
  const size = b.instruction.operandSize
  for (let n = RAX; n <= RDI; n++) b.probeWrite(SS, stackPointer(b, -size * (n + 1)), size)
  for (let n = RAX; n <= RDI; n++) b.store(SS, stackPointer(b, -size * (n + 1)), size, b.register(n, size))
  b.setRegister(RSP, b.stackSize, stackPointer(b, -size * 8))
}

/** POPA discards the stored rSP. */
function popa(b: Builder): void {
  const size = b.instruction.operandSize
  const values: Value[] = []
  for (let n = RAX; n <= RDI; n++) values.push(b.load(SS, stackPointer(b, size * (RDI - n)), size))
  const pointer = stackPointer(b, size * 8)
  for (let n = RAX; n <= RDI; n++) if (n !== RSP) b.setRegister(n, size, values[n])
  b.setRegister(RSP, b.stackSize, pointer)
}

/** ENTER: push rBP, copy `depth` - 1 frame pointers of the outer frames, push the new one, reserve `bytes`. */
function enter(b: Builder): void {
  const size = b.instruction.operandSize
  const [bytes, level] = b.instruction.operands
  if (bytes.kind !== 'immediate' || level.kind !== 'immediate') return
  const depth = Number(level.value & 31n)
  const frame = stackPointer(b, -size)
  const last = stackPointer(b, -size * (depth + 1))
  const top = b.sub(b.stackSize, last, b.constant(bytes.value))
  const outer: Value[] = []
  for (let n = 1; n < depth; n++)
    outer.push(b.load(SS, b.sub(b.stackSize, b.register(RBP, b.stackSize), b.constant(size * n)), size))
  for (let n = 0; n <= depth; n++) b.probeWrite(SS, stackPointer(b, -size * (n + 1)), size)
  // A store at the new stack pointer must be possible, although none is made (docs/quirks.md).
  b.probeWrite(SS, top, size)
  b.store(SS, frame, size, b.register(RBP, size))
  for (let n = 1; n < depth; n++) b.store(SS, stackPointer(b, -size * (n + 1)), size, outer[n - 1])
  if (depth > 0) b.store(SS, last, size, b.truncate(size, frame))
  b.setRegister(RBP, size, b.truncate(size, frame))
  b.setRegister(RSP, b.stackSize, top)
}

function leave(b: Builder): void {
  const size = b.instruction.operandSize
  const frame = b.register(RBP, b.stackSize)
  const value = b.load(SS, frame, size)
  b.setRegister(RSP, b.stackSize, b.add(b.stackSize, frame, b.constant(size)))
  b.setRegister(RBP, size, value)
}

export const stack: Readonly<Record<string, Semantics>> = {
  push,
  'push-segment': pushSegment,
  pop,
  pusha,
  popa,
  enter,
  leave,
}
