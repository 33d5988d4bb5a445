/**
 * The builder that emits: guest values are WebAssembly expressions, and an instruction becomes a list of statements. Nothing
 * slow is emitted. What a fast tag or a plain computation cannot do bails out: the region is left before the instruction,
 * nothing of it done, and evaluate executes it (semantics/builder.ts rule 1 makes that possible).
 */
import { RIP_BASE, type Instruction, type MemoryOperand, type Size } from '../../isa/instruction.ts'
import { CS, FS, RSP } from '../../isa/registers.ts'
import type { Builder, Condition, Value } from '../../semantics/builder.ts'
import { OFFSET, SEGMENT } from '../../state/layout.ts'
import { ATTRIBUTE, MODE, stackBytes } from '../../state/mode.ts'
import * as arithmetic from './arithmetic.ts'
import {
  choose,
  constant32,
  constant64,
  isConstant,
  load,
  localValue,
  nextOrder,
  operation,
  recordNodes,
  resultOf,
  signExtended,
  truncated,
  type Node,
} from './expression.ts'
import { CompiledFlags } from './flags.ts'
import { LOCAL } from './frame.ts'
import { OP, TYPE, type Opcode } from './opcodes.ts'
import { StatementList, type Edge } from './statement.ts'

/** The builder's interface with the opaque guest types replaced by what they are here. */
type Compiled<T> = T extends Value | Condition
  ? Node
  : T extends (...parameters: infer P) => infer R
    ? (...parameters: { [K in keyof P]: Compiled<P[K]> }) => Compiled<R>
    : T extends Instruction
      ? T
      : T extends object
        ? { [K in keyof T]: Compiled<T[K]> }
        : T

/** An instruction as statements. */
export interface CompiledInstruction {
  readonly list: StatementList
  readonly nodes: Node[]
  /** It may leave the region before it is done. */
  readonly mayBail: boolean
  readonly readsFlags: boolean
  readonly replacesFlags: boolean
}

const LOAD_OP: Readonly<Record<Size, Opcode>> = {
  1: OP.i64Load8U,
  2: OP.i64Load16U,
  4: OP.i64Load32U,
  8: OP.i64Load,
}
const STORE_OP: Readonly<Record<Size, Opcode>> = {
  1: OP.i64Store8,
  2: OP.i64Store16,
  4: OP.i64Store32,
  8: OP.i64Store,
}

const READABLE_CODE = ATTRIBUTE.P | ATTRIBUTE.code | ATTRIBUTE.readWrite
const PLAIN_DATA = ATTRIBUTE.P | ATTRIBUTE.code | ATTRIBUTE.conformingOrExpandDown

export class CompileBuilder implements Compiled<Builder> {
  instruction!: Instruction
  readonly stackSize: 2 | 4 | 8
  readonly flags: CompiledFlags
  /** General registers that the code so far uses and changes, as bit masks. */
  registersUsed = 0
  registersChanged = 0
  readonly #mode: number
  /** Offset of the instruction in its page. */
  #offset = 0
  #list = new StatementList()
  #depth = 0
  #mayBail = false

  /** `mode`: the mode word that the code runs in. */
  constructor(mode: number) {
    this.#mode = mode
    this.stackSize = stackBytes(mode)
    this.flags = new CompiledFlags(
      () => this.#list,
      () => this.#depth > 0,
    )
  }

  /** Records what `semantics` does for an instruction at `offset` of the page. */
  record(instruction: Instruction, offset: number, semantics: (b: Builder) => void): CompiledInstruction {
    const nodes = recordNodes()
    this.instruction = instruction
    this.#offset = offset
    this.#list = new StatementList()
    this.#mayBail = false
    this.flags.begin()
    semantics(this as unknown as Builder)
    return {
      list: this.#list,
      nodes,
      mayBail: this.#mayBail,
      readsFlags: this.flags.wereRead,
      replacesFlags: this.flags.wereReplaced,
    }
  }

  get #is64(): boolean {
    return (this.#mode & MODE.codeSize) === 2
  }

  constant(value: bigint | number): Node {
    return constant64(BigInt(value))
  }

  // Registers.

  register(index: number, size: Size, high = false): Node {
    const whole = this.#register(index)
    if (high)
      return operation(OP.i64And, [operation(OP.i64ShrU, [whole, constant64(8n)]), constant64(0xffn)], 1)
    return truncated(whole, size)
  }

  #register(index: number): Node {
    this.registersUsed |= 1 << index
    return localValue(LOCAL.registers + index, TYPE.i64)
  }

  setRegister(index: number, size: Size, value: Node, high = false): void {
    this.registersChanged |= 1 << index
    this.#list.add({
      kind: 'set',
      local: LOCAL.registers + index,
      value: size >= 4 ? value : this.#merged(index, size, value, high),
      flags: false,
    })
  }

  /** 8- and 16-bit results leave the rest of the register alone. */
  #merged(index: number, size: Size, value: Node, high: boolean): Node {
    const mask = ((1n << BigInt(8 * size)) - 1n) << (high ? 8n : 0n)
    const kept = operation(OP.i64And, [this.#register(index), constant64(~mask)])
    const placed = high ? operation(OP.i64Shl, [value, constant64(8n)], 2) : value
    return operation(OP.i64Or, [kept, placed])
  }

  selector(segment: number): Node {
    return operation(OP.i64ExtendI32U, [this.#segmentWord(segment, SEGMENT.selector)], 2)
  }

  #segmentWord(segment: number, field: number): Node {
    const at = OFFSET.segments + segment * SEGMENT.bytes + field
    return load(OP.i32Load, TYPE.i32, localValue(LOCAL.vcpu, TYPE.i32), at, 4)
  }

  #segmentBase(segment: number): Node {
    const at = OFFSET.segments + segment * SEGMENT.bytes + SEGMENT.base
    return load(OP.i64Load, TYPE.i64, localValue(LOCAL.vcpu, TYPE.i32), at, 8)
  }

  // Operands and memory.

  operand(
    n: number,
    access: 'read' | 'write' | 'update',
  ): { size: Size; get(): Node; set(value: Node): void } {
    const operand = this.instruction.operands[n]
    switch (operand.kind) {
      case 'register': {
        const { index, size, highByte } = operand
        return {
          size,
          get: () => this.register(index, size, highByte),
          set: (value) => {
            this.setRegister(index, size, value, highByte)
          },
        }
      }
      case 'immediate':
        return {
          size: operand.size,
          get: () => constant64(operand.value),
          set: () => {
            throw new TypeError('An immediate operand is never written')
          },
        }
      case 'memory': {
        const size = operand.size as Size
        const host = this.#probe(operand.segment, this.address(n), size, access !== 'read')
        return {
          size,
          get: () => this.#loadFrom(host, size),
          set: (value) => {
            this.#list.add({ kind: 'store', op: STORE_OP[size], address: host, offset: 0, value })
          },
        }
      }
      default:
        throw new TypeError(`Operand ${n} of ${this.instruction.mnemonic} has no value`)
    }
  }

  address(n: number, adjust = 0): Node {
    const { base, index, scale, displacement, addressSize } = this.instruction.operands[n] as MemoryOperand
    let sum: Node | undefined
    if (base >= 0 && base !== RIP_BASE) sum = this.#register(base)
    if (index >= 0) {
      const scaled = operation(OP.i64Shl, [this.#register(index), constant64(BigInt(Math.log2(scale)))])
      sum = sum === undefined ? scaled : operation(OP.i64Add, [sum, scaled])
    }
    const constant = displacement + BigInt(base === RSP ? adjust : 0)
    if (base === RIP_BASE) {
      const relative = constant64(constant + BigInt(this.#offset + this.instruction.length))
      return truncated(operation(OP.i64Add, [this.#ripBase(), relative]), addressSize)
    }
    if (sum === undefined) return truncated(constant64(constant), addressSize)
    return truncated(operation(OP.i64Add, [sum, constant64(constant)]), addressSize)
  }

  /** `ripBase` + `offset` is the rIP of the byte at that offset of the page. */
  #ripBase(): Node {
    return localValue(LOCAL.ripBase, TYPE.i64)
  }

  load(segment: number, offset: Node, size: Size): Node {
    return this.#loadFrom(this.#probe(segment, offset, size, false), size)
  }

  #loadFrom(host: Node, size: Size): Node {
    const node = load(LOAD_OP[size], TYPE.i64, host, 0, size)
    this.#list.add({ kind: 'compute', node })
    return node
  }

  store(segment: number, offset: Node, size: Size, value: Node): void {
    const address = this.#probe(segment, offset, size, true)
    this.#list.add({ kind: 'store', op: STORE_OP[size], address, offset: 0, value })
  }

  probeWrite(segment: number, offset: Node, size: Size | 16): void {
    // CMPXCHG16B wants an aligned operand.
    if (size === 16) {
      const linear = this.#linear(segment, offset, size, true)
      this.#bailIf(operation(OP.i64Ne, [operation(OP.i64And, [linear, constant64(15n)]), constant64(0n)]))
    }
    this.#probe(segment, offset, size, true)
  }

  /** The offset in the WebAssembly memory where `size` bytes at an effective address lie. */
  #probe(segment: number, offset: Node, size: number, write: boolean): Node {
    this.#mayBail = true
    const linear = this.#linear(segment, offset, size, write)
    const host = resultOf(TYPE.i32)
    this.#list.add({ kind: 'probe', linear, size, write, host })
    return host
  }

  /** Linear addresses that are not canonical or beyond 4 GiB match no fast tag. */
  #linear(segment: number, offset: Node, size: number, write: boolean): Node {
    if (this.#is64) return segment >= FS ? operation(OP.i64Add, [offset, this.#segmentBase(segment)]) : offset
    if (segment < FS && this.#mode & MODE.flat && !(write && segment === CS)) return offset
    this.#testSegment(segment, offset, size, write)
    return truncated(operation(OP.i64Add, [offset, this.#segmentBase(segment)]), 4)
  }

  /** Bails unless the segment plainly allows the access: present, of a simple type, and within the limit. */
  #testSegment(segment: number, offset: Node, size: number, write: boolean): void {
    const attributes = this.#segmentWord(segment, SEGMENT.attributes)
    const has = (mask: number, value: number): Node =>
      operation(OP.i32Eq, [operation(OP.i32And, [attributes, constant32(mask)]), constant32(value)])
    const allowed = write
      ? has(PLAIN_DATA | ATTRIBUTE.readWrite, ATTRIBUTE.P | ATTRIBUTE.readWrite)
      : operation(OP.i32Or, [has(READABLE_CODE, READABLE_CODE), has(PLAIN_DATA, ATTRIBUTE.P)])
    this.#bailIf(operation(OP.i32Eqz, [allowed]))
    const limit = this.#segmentLimit(segment)
    const last = operation(OP.i64Add, [offset, constant64(BigInt(size - 1))])
    this.#bailIf(operation(OP.i64LtU, [limit, last]))
  }

  #segmentLimit(segment: number): Node {
    return operation(OP.i64ExtendI32U, [this.#segmentWord(segment, SEGMENT.limit)], 4)
  }

  #bailIf(condition: Node): void {
    this.#mayBail = true
    this.#list.add({ kind: 'bail', condition })
  }

  // Arithmetic and logic.

  add(size: Size, a: Node, b: Node): Node {
    return truncated(operation(OP.i64Add, [a, b]), size)
  }
  sub(size: Size, a: Node, b: Node): Node {
    return truncated(operation(OP.i64Sub, [a, b]), size)
  }
  and(a: Node, b: Node): Node {
    return operation(OP.i64And, [a, b], Math.min(a.bytes, b.bytes))
  }
  or(a: Node, b: Node): Node {
    return operation(OP.i64Or, [a, b], Math.max(a.bytes, b.bytes))
  }
  xor(a: Node, b: Node): Node {
    return operation(OP.i64Xor, [a, b], Math.max(a.bytes, b.bytes))
  }
  not(size: Size, a: Node): Node {
    return operation(OP.i64Xor, [a, constant64((1n << BigInt(8 * size)) - 1n)], size)
  }
  shl(size: Size, a: Node, count: Node): Node {
    return truncated(operation(OP.i64Shl, [a, count]), size)
  }
  shr(_size: Size, a: Node, count: Node): Node {
    return operation(OP.i64ShrU, [a, count], a.bytes)
  }
  sar(size: Size, a: Node, count: Node): Node {
    return truncated(operation(OP.i64ShrS, [signExtended(a, size), count]), size)
  }
  rol(size: Size, a: Node, count: Node): Node {
    return arithmetic.rotate(size, true, a, count)
  }
  ror(size: Size, a: Node, count: Node): Node {
    return arithmetic.rotate(size, false, a, count)
  }
  mul(size: Size, a: Node, b: Node): Node {
    return truncated(operation(OP.i64Mul, [a, b]), size)
  }
  mulHigh(size: Size, signed: boolean, a: Node, b: Node): Node {
    return arithmetic.multiplyHigh(size, signed, a, b)
  }
  divide(
    size: Size,
    signed: boolean,
    high: Node,
    low: Node,
    divisor: Node,
  ): { valid: Node; quotient: Node; remainder: Node } {
    return arithmetic.divide(size, signed, high, low, divisor, (condition) => {
      this.#bailIf(condition)
    })
  }
  signExtend(from: Size, to: Size, a: Node): Node {
    return truncated(signExtended(a, from), to)
  }
  truncate(size: Size, a: Node): Node {
    return truncated(a, size)
  }
  byteSwap(size: 4 | 8, a: Node): Node {
    return arithmetic.byteSwap(size, a)
  }
  countLeadingZeros(size: Size, a: Node): Node {
    return operation(OP.i64Sub, [operation(OP.i64Clz, [a], 1), constant64(BigInt(64 - 8 * size))], 1)
  }
  countTrailingZeros(size: Size, a: Node): Node {
    const bounded = size === 8 ? a : operation(OP.i64Or, [a, constant64(1n << BigInt(8 * size))])
    return operation(OP.i64Ctz, [bounded], 1)
  }
  countOnes(a: Node): Node {
    return operation(OP.i64Popcnt, [a], 1)
  }

  // Conditions are i32 nodes of value 0 or 1.

  equal(a: Node, b: Node): Node {
    return operation(OP.i64Eq, [a, b])
  }
  isZero(a: Node): Node {
    return operation(OP.i64Eqz, [a])
  }
  lessUnsigned(a: Node, b: Node): Node {
    return operation(OP.i64LtU, [a, b])
  }
  lessSigned(size: Size, a: Node, b: Node): Node {
    return operation(OP.i64LtS, [signExtended(a, size), signExtended(b, size)])
  }
  bit(a: Node, index: number | Node): Node {
    const count = typeof index === 'number' ? constant64(BigInt(index)) : index
    return operation(OP.i32WrapI64, [
      operation(OP.i64And, [operation(OP.i64ShrU, [a, count]), constant64(1n)], 1),
    ])
  }
  negate(c: Node): Node {
    return operation(OP.i32Eqz, [c])
  }
  both(a: Node, b: Node): Node {
    return operation(OP.i32And, [a, b])
  }
  either(a: Node, b: Node): Node {
    return operation(OP.i32Or, [a, b])
  }
  select(c: Node, whenTrue: Node, whenFalse: Node): Node {
    return choose(c, whenTrue, whenFalse)
  }
  toValue(c: Node): Node {
    return operation(OP.i64ExtendI32U, [c], 1)
  }

  // Control within the instruction.

  if(condition: Node, then: () => void, otherwise?: () => void): void {
    if (isConstant(condition)) {
      if (condition.value !== 0n) then()
      else otherwise?.()
      return
    }
    const splits = nextOrder()
    const before = this.flags.known
    const thenList = this.#branch(then)
    const afterThen = this.flags.known
    this.flags.known = before
    const otherwiseList = this.#branch(otherwise)
    if (this.flags.known !== afterThen) this.flags.known = undefined
    this.#hoistExits(condition, thenList)
    this.#hoistExits(this.negate(condition), otherwiseList)
    if (thenList.isEmpty && otherwiseList.isEmpty) return
    this.#list.add({ kind: 'if', splits, condition, then: thenList, otherwise: otherwiseList })
  }

  #branch(body: (() => void) | undefined): StatementList {
    const outer = this.#list
    const list = new StatementList()
    this.#list = list
    this.#depth++
    body?.()
    this.#depth--
    this.#list = outer
    return list
  }

  /** A branch that does nothing but leave happens at the end of the instruction, after the commits that follow it. */
  #hoistExits(condition: Node, list: StatementList): void {
    if (list.statements.length > 0) return
    for (const exit of list.exits.splice(0)) {
      const both = exit.condition === undefined ? condition : this.both(condition, exit.condition)
      this.#list.exit(exit.edge, both)
    }
  }

  // Control transfer.

  next(): Node {
    return operation(OP.i64Add, [this.#ripBase(), constant64(BigInt(this.#offset + this.instruction.length))])
  }

  jumpRelative(n: number): void {
    const operand = this.instruction.operands[n]
    if (operand.kind !== 'relative')
      throw new TypeError(`Operand ${n} of ${this.instruction.mnemonic} is no displacement`)
    const size = this.instruction.operandSize
    const offset = this.#offset + this.instruction.length + Number(operand.displacement)
    // Within the page nothing can wrap or fault, for rIP fits the code size wherever compiled code runs (dispatch.ts).
    const wraps = size < (this.#is64 ? 8 : this.#mode & 1 ? 4 : 2)
    if (offset >= 0 && offset < 4096 && !wraps) this.#leave({ kind: 'offset', offset })
    else this.jump(operation(OP.i64Add, [this.#ripBase(), constant64(BigInt(offset))]), size)
  }

  jump(target: Node, size: Size): void {
    const rip = truncated(target, size)
    if (this.#is64) {
      if (size === 8) {
        const upper = operation(OP.i64ShrS, [operation(OP.i64Shl, [rip, constant64(16n)]), constant64(16n)])
        this.#bailIf(operation(OP.i64Ne, [upper, rip]))
      }
    } else if (!(this.#mode & MODE.flat)) this.#bailIf(operation(OP.i64LtU, [this.#segmentLimit(CS), rip]))
    this.#leave({ kind: 'target', rip })
  }

  again(): void {
    this.#leave({ kind: 'offset', offset: this.#offset })
  }

  #leave(edge: Edge): void {
    this.#list.exit(edge)
  }

  /** The exception is raised by evaluate, which executes the instruction again from its start. */
  raise(): void {
    this.#bailIf(constant32(1))
  }
}
