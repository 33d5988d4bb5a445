/**
 * The builder that executes: guest values are BigInts, conditions are booleans, and everything happens at once. This is the
 * reference for the compiler. One object serves all instructions of a vCPU.
 */
import type { Instruction, MemoryOperand, Size } from '../../isa/instruction.ts'
import { RIP_BASE } from '../../isa/instruction.ts'
import { ARITHMETIC_FLAGS, CF, CS, DF, FS, OF, PF, RSP, SF, ZF } from '../../isa/registers.ts'
import { probeLinear, readLinear, writeLinear } from '../../paging/access.ts'
import { translate } from '../../paging/translate.ts'
import type { Builder, Condition, Value } from '../../semantics/builder.ts'
import { noteIteration } from '../../system/repeat.ts'
import { truncateRip } from '../../system/operands.ts'
import { linearAddress } from '../../system/segmentation.ts'
import { isCanonical, linearBits } from '../../state/canonical.ts'
import { ACCESS, type Access, type Cpu } from '../../state/cpu.ts'
import { Fault, generalProtection } from '../../state/faults.ts'
import { arithmeticFlags, FLAGS, setArithmeticFlags, type FlagsKind } from '../../state/flags.ts'
import { MODE, stackBytes } from '../../state/mode.ts'
import type { Vcpu } from '../../state/vcpu.ts'
import * as integers from './integers.ts'
import { signed, truncate } from './integers.ts'
import { EvaluatedOperand, OPERAND } from './operand.ts'
import { readRegister, writeRegister } from './registers.ts'

/** The builder's interface with the opaque guest types replaced by what they are here. */
type Evaluated<T> = T extends Value
  ? bigint
  : T extends Condition
    ? boolean
    : T extends (...parameters: infer P) => infer R
      ? (...parameters: { [K in keyof P]: Evaluated<P[K]> }) => Evaluated<R>
      : T extends Instruction
        ? T
        : T extends object
          ? { [K in keyof T]: Evaluated<T[K]> }
          : T

/** log2 of an index scale. */
const SCALE_SHIFT: readonly bigint[] = [0n, 0n, 1n, 0n, 2n, 0n, 0n, 0n, 3n]

/** Offsets below this are canonical, below 4 GiB, and so are the bytes after them. */
const SURELY_FLAT = 0xffff_0000n

class EvaluatedFlags implements Evaluated<Builder['flags']> {
  readonly #state: Vcpu

  constructor(state: Vcpu) {
    this.#state = state
  }

  lazy(kind: FlagsKind, size: Size, left: bigint, right: bigint, result: bigint): void {
    const state = this.#state
    state.flagsKind = kind
    state.flagsSize = size
    state.flagsLeft = left
    state.flagsRight = right
    state.flagsResult = result
  }

  #all(): number {
    return arithmeticFlags(this.#state)
  }

  set(mask: number, image: bigint): void {
    const kept = mask === ARITHMETIC_FLAGS ? 0 : this.#all() & ~mask
    setArithmeticFlags(this.#state, kept | (Number(image) & mask))
  }

  get(flag: number): boolean {
    if (flag === ZF) return this.#zero()
    return flag === CF ? this.#carry() : (this.#all() & flag) !== 0
  }

  image(): bigint {
    return BigInt(this.#all())
  }

  #zero(): boolean {
    const state = this.#state
    if (state.flagsKind === FLAGS.explicit) return (state.flagsResult & 0x40n) !== 0n
    return state.flagsResult === 0n
  }

  #carry(): boolean {
    const state = this.#state
    switch (state.flagsKind) {
      case FLAGS.explicit:
        return (state.flagsResult & 1n) !== 0n
      case FLAGS.add:
        return state.flagsResult < state.flagsLeft
      case FLAGS.sub:
        return state.flagsLeft < state.flagsRight
      case FLAGS.logic:
        return false
      case FLAGS.inc:
      case FLAGS.dec:
        return state.flagsRight !== 0n
      default:
        return (this.#all() & CF) !== 0
    }
  }

  /** SF differs from OF. */
  #less(): boolean {
    const state = this.#state
    if (state.flagsKind === FLAGS.sub) {
      const size = state.flagsSize as Size
      return signed(size, state.flagsLeft) < signed(size, state.flagsRight)
    }
    const flags = this.#all()
    return ((flags & SF) !== 0) !== ((flags & OF) !== 0)
  }

  condition(code: number): boolean {
    return this.#evenCondition(code >> 1) !== ((code & 1) !== 0)
  }

  /** O, B, Z, BE, S, P, L, LE (APM vol 3 §1.5). */
  #evenCondition(pair: number): boolean {
    switch (pair) {
      case 0:
        return (this.#all() & OF) !== 0
      case 1:
        return this.#carry()
      case 2:
        return this.#zero()
      case 3:
        return this.#carry() || this.#zero()
      case 4:
        return (this.#all() & SF) !== 0
      case 5:
        return (this.#all() & PF) !== 0
      case 6:
        return this.#less()
      default:
        return this.#zero() || this.#less()
    }
  }

  direction(): boolean {
    return (this.#state.flagsOther & DF) !== 0
  }

  setDirection(set: boolean): void {
    if (set) this.#state.flagsOther |= DF
    else this.#state.flagsOther &= ~DF
  }
}

export class EvaluateBuilder implements Evaluated<Builder> {
  instruction!: Instruction
  stackSize: 2 | 4 | 8 = 8
  readonly flags: EvaluatedFlags
  /** Where a transfer of control leads to; undefined: execution goes on in sequence. */
  target: bigint | undefined
  readonly #cpu: Cpu
  readonly #state: Vcpu
  readonly #operands: readonly EvaluatedOperand[]

  constructor(cpu: Cpu) {
    this.#cpu = cpu
    this.#state = cpu.state
    this.flags = new EvaluatedFlags(cpu.state)
    this.#operands = [0, 1, 2].map(() => new EvaluatedOperand(cpu))
  }

  /** This builder as the semantics see it, with opaque guest values. */
  get abstract(): Builder {
    return this as unknown as Builder
  }

  /** Makes `instruction` the current one. state.rip is its own until it is done. */
  begin(instruction: Instruction): void {
    this.instruction = instruction
    this.stackSize = stackBytes(this.#state.mode)
    this.target = undefined
  }

  constant(value: bigint | number): bigint {
    return typeof value === 'bigint' ? value : BigInt(value)
  }

  register(index: number, size: Size, high = false): bigint {
    return readRegister(this.#state, index, size, high)
  }

  setRegister(index: number, size: Size, value: bigint, high = false): void {
    writeRegister(this.#state, index, size, value, high)
  }

  selector(segment: number): bigint {
    return BigInt(this.#state.segments[segment].selector)
  }

  operand(n: number, access: 'read' | 'write' | 'update'): EvaluatedOperand {
    const operand = this.instruction.operands[n]
    const result = this.#operands[n]
    switch (operand.kind) {
      case 'register':
        result.kind = OPERAND.register
        result.size = operand.size
        result.index = operand.index
        result.highByte = operand.highByte
        return result
      case 'immediate':
        result.kind = OPERAND.constant
        result.size = operand.size
        result.value = operand.value
        return result
      case 'memory': {
        const size = operand.size as Size
        const kind = access === 'read' ? ACCESS.read : ACCESS.write
        const linear = this.#linear(operand.segment, this.#effectiveAddress(operand, 0), size, kind)
        result.size = size
        result.linear = linear
        if (Number(linear & 0xfffn) + size <= 4096) {
          result.kind = OPERAND.physical
          result.physical = translate(this.#cpu, linear, kind, this.#state.cpl === 3)
        } else {
          result.kind = OPERAND.linear
          probeLinear(this.#cpu, linear, size, kind)
        }
        return result
      }
      default:
        throw new TypeError(`Operand ${n} of ${this.instruction.mnemonic} has no value`)
    }
  }

  address(n: number, adjust = 0): bigint {
    return this.#effectiveAddress(this.instruction.operands[n] as MemoryOperand, adjust)
  }

  #effectiveAddress(operand: MemoryOperand, adjust: number): bigint {
    const gpr = this.#state.gpr
    let sum = operand.displacement
    if (operand.base === RIP_BASE) sum += this.next()
    else if (operand.base >= 0) {
      sum += gpr[operand.base]
      if (adjust !== 0 && operand.base === RSP) sum += BigInt(adjust)
    }
    if (operand.index >= 0) sum += gpr[operand.index] << SCALE_SHIFT[operand.scale]
    return truncate(operand.addressSize, sum)
  }

  /** The linear address, with the common case first: a segment without base or limit and a low address. */
  #linear(segment: number, offset: bigint, size: number, access: Access): bigint {
    const mode = this.#state.mode
    if (
      (mode & (MODE.flat | MODE.alignmentCheck | MODE.dataBreakpoints)) === MODE.flat &&
      offset < SURELY_FLAT &&
      segment < FS &&
      (access === ACCESS.read || segment !== CS || (mode & MODE.codeSize) === 2)
    )
      return offset
    return linearAddress(this.#cpu, segment, offset, size, access)
  }

  load(segment: number, offset: bigint, size: Size): bigint {
    return readLinear(this.#cpu, this.#linear(segment, offset, size, ACCESS.read), size)
  }

  store(segment: number, offset: bigint, size: Size, value: bigint): void {
    writeLinear(this.#cpu, this.#linear(segment, offset, size, ACCESS.write), size, value)
  }

  probeWrite(segment: number, offset: bigint, size: Size | 16): void {
    const linear = this.#linear(segment, offset, size, ACCESS.write)
    if (size === 16 && (linear & 15n) !== 0n) generalProtection()
    probeLinear(this.#cpu, linear, size, ACCESS.write)
  }

  add(size: Size, a: bigint, b: bigint): bigint {
    return truncate(size, a + b)
  }
  sub(size: Size, a: bigint, b: bigint): bigint {
    return truncate(size, a - b)
  }
  and(a: bigint, b: bigint): bigint {
    return a & b
  }
  or(a: bigint, b: bigint): bigint {
    return a | b
  }
  xor(a: bigint, b: bigint): bigint {
    return a ^ b
  }
  not(size: Size, a: bigint): bigint {
    return truncate(size, ~a)
  }
  shl(size: Size, a: bigint, count: bigint): bigint {
    return truncate(size, a << count)
  }
  shr(_size: Size, a: bigint, count: bigint): bigint {
    return a >> count
  }
  sar(size: Size, a: bigint, count: bigint): bigint {
    return truncate(size, signed(size, a) >> count)
  }
  rol(size: Size, a: bigint, count: bigint): bigint {
    return truncate(size, (a << count) | (a >> (integers.bitsOf(size) - count)))
  }
  ror(size: Size, a: bigint, count: bigint): bigint {
    return truncate(size, (a >> count) | (a << (integers.bitsOf(size) - count)))
  }
  mul(size: Size, a: bigint, b: bigint): bigint {
    return truncate(size, a * b)
  }
  mulHigh(size: Size, isSigned: boolean, a: bigint, b: bigint): bigint {
    const product = isSigned ? signed(size, a) * signed(size, b) : a * b
    return truncate(size, product >> integers.bitsOf(size))
  }

  divide(
    size: Size,
    isSigned: boolean,
    high: bigint,
    low: bigint,
    divisor: bigint,
  ): { valid: boolean; quotient: bigint; remainder: bigint } {
    const invalid = { valid: false, quotient: 0n, remainder: 0n }
    if (divisor === 0n) return invalid
    const bits = integers.bitsOf(size)
    const dividend = ((isSigned ? signed(size, high) : high) << bits) | low
    const by = isSigned ? signed(size, divisor) : divisor
    const quotient = dividend / by
    const fits = isSigned ? signed(size, quotient) === quotient : quotient >> bits === 0n
    if (!fits) return invalid
    return { valid: true, quotient: truncate(size, quotient), remainder: truncate(size, dividend % by) }
  }

  signExtend(from: Size, to: Size, a: bigint): bigint {
    return truncate(to, signed(from, a))
  }
  truncate(size: Size, a: bigint): bigint {
    return truncate(size, a)
  }
  byteSwap(size: 4 | 8, a: bigint): bigint {
    return integers.byteSwap(size, a)
  }
  countLeadingZeros(size: Size, a: bigint): bigint {
    return integers.countLeadingZeros(size, a)
  }
  countTrailingZeros(size: Size, a: bigint): bigint {
    return integers.countTrailingZeros(size, a)
  }
  countOnes(a: bigint): bigint {
    return integers.countOnes(a)
  }

  equal(a: bigint, b: bigint): boolean {
    return a === b
  }
  isZero(a: bigint): boolean {
    return a === 0n
  }
  lessUnsigned(a: bigint, b: bigint): boolean {
    return a < b
  }
  lessSigned(size: Size, a: bigint, b: bigint): boolean {
    return signed(size, a) < signed(size, b)
  }
  bit(a: bigint, index: number | bigint): boolean {
    return ((a >> BigInt(index)) & 1n) !== 0n
  }
  negate(c: boolean): boolean {
    return !c
  }
  both(a: boolean, b: boolean): boolean {
    return a && b
  }
  either(a: boolean, b: boolean): boolean {
    return a || b
  }
  select(c: boolean, whenTrue: bigint, whenFalse: bigint): bigint {
    return c ? whenTrue : whenFalse
  }
  toValue(c: boolean): bigint {
    return c ? 1n : 0n
  }

  if(c: boolean, then: () => void, otherwise?: () => void): void {
    if (c) then()
    else otherwise?.()
  }

  next(): bigint {
    return truncateRip(this.#state, this.#state.rip + BigInt(this.instruction.length))
  }

  jumpRelative(n: number): void {
    const operand = this.instruction.operands[n]
    if (operand.kind !== 'relative')
      throw new TypeError(`Operand ${n} of ${this.instruction.mnemonic} is no displacement`)
    this.jump(this.next() + operand.displacement, this.instruction.operandSize)
  }

  jump(target: bigint, size: Size): void {
    const offset = truncate(size, target)
    const state = this.#state
    if ((state.mode & MODE.codeSize) === 2) {
      if (offset >= SURELY_FLAT && !isCanonical(offset, linearBits(state))) generalProtection()
    } else if (Number(offset) > state.segments[CS].limit) generalProtection()
    this.target = offset
  }

  again(): void {
    this.target = this.#state.rip
    noteIteration(this.#state)
  }

  raise(vector: number, errorCode = -1): void {
    throw new Fault(vector, errorCode)
  }
}
