/** Near jumps, calls, returns and loops; BOUND and the opcodes that stay undefined (APM vol 3 chapter 3). */
import type { MemoryOperand } from '../isa/instruction.ts'
import { RCX, RSP, SS, ZF } from '../isa/registers.ts'
import { VECTOR } from '../state/faults.ts'
import type { Builder, Condition, Semantics } from './builder.ts'
import { pushValue, stackPointer } from './stack.ts'

function jmp(b: Builder): void {
  if (b.instruction.operands[0].kind === 'relative') b.jumpRelative(0)
  else b.jump(b.operand(0, 'read').get(), b.instruction.operandSize)
}

function jcc(b: Builder): void {
  b.if(b.flags.condition(b.instruction.condition), () => {
    b.jumpRelative(0)
  })
}

function call(b: Builder): void {
  const size = b.instruction.operandSize
  const returnTo = b.truncate(size, b.next())
  jmp(b)
  pushValue(b, size, returnTo)
}

/** RET, RET imm16: the immediate counts bytes to discard above the return address. */
function ret(b: Builder): void {
  const size = b.instruction.operandSize
  const bytes = b.instruction.operands.length > 0 ? b.operand(0, 'read').get() : b.constant(0)
  b.jump(b.load(SS, b.register(RSP, b.stackSize), size), size)
  b.setRegister(RSP, b.stackSize, b.add(b.stackSize, stackPointer(b, size), bytes))
}

/** JCXZ, JECXZ, JRCXZ: the address size selects the count register. */
function jcxz(b: Builder): void {
  b.if(b.isZero(b.register(RCX, b.instruction.addressSize)), () => {
    b.jumpRelative(0)
  })
}

function loop(proceed: (b: Builder, notZero: Condition) => Condition): Semantics {
  return (b) => {
    const size = b.instruction.addressSize
    const count = b.sub(size, b.register(RCX, size), b.constant(1))
    const commit = (): void => b.setRegister(RCX, size, count)
    b.if(
      proceed(b, b.negate(b.isZero(count))),
      () => {
        // Leaving the segment faults with rCX unchanged.
        b.jumpRelative(0)
        commit()
      },
      commit,
    )
  }
}

/** The index is signed; both bounds belong to the range. */
function bound(b: Builder): void {
  const size = b.instruction.operandSize
  const { segment, addressSize } = b.instruction.operands[1] as MemoryOperand
  const index = b.operand(0, 'read').get()
  const lower = b.load(segment, b.address(1), size)
  const upper = b.load(segment, b.add(addressSize, b.address(1), b.constant(size)), size)
  b.if(b.either(b.lessSigned(size, index, lower), b.lessSigned(size, upper, index)), () => {
    b.raise(VECTOR.BR)
  })
}

function undefinedOpcode(b: Builder): void {
  b.raise(VECTOR.UD)
}

export const controlTransfer: Readonly<Record<string, Semantics>> = {
  jmp,
  jcc,
  call,
  ret,
  jcxz,
  loop: loop((_, notZero) => notZero),
  loope: loop((b, notZero) => b.both(notZero, b.flags.get(ZF))),
  loopne: loop((b, notZero) => b.both(notZero, b.negate(b.flags.get(ZF)))),
  bound,
  ud0: undefinedOpcode,
  ud1: undefinedOpcode,
  ud2: undefinedOpcode,
}
