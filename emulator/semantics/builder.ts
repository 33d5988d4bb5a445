/**
 * The abstract builder: instruction semantics are written once as functions of it and read twice, by `evaluate` (values are
 * BigInts, everything happens now) and by `compile` (values are WebAssembly expressions, everything is emitted).
 *
 * Guest values are opaque: JavaScript operators and conditions on them do not type-check. Register numbers, operand sizes,
 * immediates known from the decoded instruction are plain JavaScript constants.
 *
 * Rules that make faults precise, in both executors:
 *  1. Every access that can fault comes before the first commit (setRegister, Operand.set, store, flags, jump). An operand that
 *     is written is asked for with 'write' or 'update' first: that probes it.
 *  2. A value of n bytes is zero-extended to 64 bits. Every operation takes and returns such values.
 *  3. `raise` and `exitIf...` end the instruction; nothing has been committed when they are called.
 */
import type { Instruction, Size } from '../isa/instruction.ts'
import type { FlagsKind } from '../state/flags.ts'

declare const opaque: unique symbol

/** A 64-bit guest value. */
export interface Value {
  readonly [opaque]: 'value'
}

/** A guest truth value. */
export interface Condition {
  readonly [opaque]: 'condition'
}

/** An operand of the instruction: a register, a memory location whose address is already checked, or an immediate. */
export interface Operand {
  readonly size: Size
  get(): Value
  set(value: Value): void
}

export interface Builder {
  readonly instruction: Instruction
  /** Width in bytes of the stack pointer. */
  readonly stackSize: 2 | 4 | 8

  constant(value: bigint | number): Value

  // Registers. `size` 1 with index 4..7 means SPL..DIL; AH..BH are given by `high` with index 0..3.
  register(index: number, size: Size, high?: boolean): Value
  /** 64-bit: all; 32-bit: zero-extends; 16- and 8-bit: leaves the rest alone (APM vol 1 §3.1.2). */
  setRegister(index: number, size: Size, value: Value, high?: boolean): void
  /** Selector of a segment register. */
  selector(segment: number): Value

  // Operands and memory. Offsets are effective addresses; segment base, limit and canonical checks are the builder's.
  operand(n: number, access: 'read' | 'write' | 'update'): Operand
  /** Effective address of memory operand n, truncated to the address size. `adjust` is added to RSP first (POP). */
  address(n: number, adjust?: number): Value
  load(segment: number, offset: Value, size: Size): Value
  store(segment: number, offset: Value, size: Size, value: Value): void
  /**
   * Raises what a store there would raise, and does nothing else. Size 16 is CMPXCHG16B's, which raises #GP when its linear
   * address is not a multiple of 16.
   */
  probeWrite(segment: number, offset: Value, size: Size | 16): void

  // Arithmetic and logic, modulo 2^(8 * size).
  add(size: Size, a: Value, b: Value): Value
  sub(size: Size, a: Value, b: Value): Value
  and(a: Value, b: Value): Value
  or(a: Value, b: Value): Value
  xor(a: Value, b: Value): Value
  not(size: Size, a: Value): Value
  /** Shift counts are below 8 * size. */
  shl(size: Size, a: Value, count: Value): Value
  shr(size: Size, a: Value, count: Value): Value
  sar(size: Size, a: Value, count: Value): Value
  rol(size: Size, a: Value, count: Value): Value
  ror(size: Size, a: Value, count: Value): Value
  /** Low half of the product. */
  mul(size: Size, a: Value, b: Value): Value
  /** High half of the product. */
  mulHigh(size: Size, signed: boolean, a: Value, b: Value): Value
  /** (high:low) / divisor. `valid` is false for a zero divisor or a quotient that does not fit; quotient and remainder are then 0. */
  divide(
    size: Size,
    signed: boolean,
    high: Value,
    low: Value,
    divisor: Value,
  ): { valid: Condition; quotient: Value; remainder: Value }
  /** Sign-extends from `from` bytes to `to` bytes. */
  signExtend(from: Size, to: Size, a: Value): Value
  /** The low `size` bytes. */
  truncate(size: Size, a: Value): Value
  byteSwap(size: 4 | 8, a: Value): Value
  /** Number of leading or trailing zero bits within `size` bytes; 8 * size for zero. */
  countLeadingZeros(size: Size, a: Value): Value
  countTrailingZeros(size: Size, a: Value): Value
  countOnes(a: Value): Value

  // Conditions.
  equal(a: Value, b: Value): Condition
  isZero(a: Value): Condition
  lessUnsigned(a: Value, b: Value): Condition
  lessSigned(size: Size, a: Value, b: Value): Condition
  /** Bit `index` of `a` is 1. */
  bit(a: Value, index: number | Value): Condition
  negate(c: Condition): Condition
  both(a: Condition, b: Condition): Condition
  either(a: Condition, b: Condition): Condition
  select(c: Condition, whenTrue: Value, whenFalse: Value): Value
  /** 1 or 0. */
  toValue(c: Condition): Value

  // Control within an instruction. Values made inside a branch do not leave it.
  if(c: Condition, then: () => void, otherwise?: () => void): void

  /** Flags (emulator/state/flags.ts). */
  readonly flags: {
    /** The arithmetic flags become those of this operation. */
    lazy(kind: FlagsKind, size: Size, left: Value, right: Value, result: Value): void
    /** Sets the flags of `mask` (a constant) from `image`, both in rFLAGS positions; leaves the other arithmetic flags alone. */
    set(mask: number, image: Value): void
    /** One arithmetic flag, by its rFLAGS mask. */
    get(flag: number): Condition
    /** All six, in rFLAGS positions. */
    image(): Value
    /** Condition code 0..15 of Jcc, SETcc, CMOVcc. */
    condition(code: number): Condition
    /** rFLAGS.DF. */
    direction(): Condition
    setDirection(set: boolean): void
  }

  // Control transfer. Without one of these, the next instruction in sequence follows.
  /** Offset of the next instruction in sequence. */
  next(): Value
  /** To an offset known at decode time: relative operand n. Truncated to the operand size. */
  jumpRelative(n: number): void
  /** To a computed offset; raises #GP when it lies outside CS or is not canonical, so it comes before any commit. */
  jump(target: Value, size: Size): void
  /** The same instruction again: one iteration of a REP is done. */
  again(): void
  /** Raises an exception, ending the instruction. */
  raise(vector: number, errorCode?: number): void
}

/** The meaning of an operation that works on registers and memory alone. */
export type Semantics = (b: Builder) => void
