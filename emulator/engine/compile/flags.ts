/**
 * Arithmetic flags in compiled code. They are lazy as in state/flags.ts, in locals: a flags word, two operands and a result.
 * Instructions that set some flags and keep the others (rotates, bit tests) put theirs into an override, so that the others
 * stay lazy too. The flags word (frame.ts) is current whenever an instruction may leave the region; what it holds is mostly
 * known while compiling, and a condition becomes one comparison of the operands then.
 */
import type { Size } from '../../isa/instruction.ts'
import { AF, ARITHMETIC_FLAGS, CF, DF, OF, PF, SF, ZF } from '../../isa/registers.ts'
import { FLAGS, type FlagsKind } from '../../state/flags.ts'
import { OFFSET } from '../../state/layout.ts'
import {
  call,
  constant32,
  constant64,
  load,
  localValue,
  operation,
  signExtended,
  type Node,
} from './expression.ts'
import { FUNCTION, LOCAL, OVERRIDE_SHIFT } from './frame.ts'
import { OP, TYPE } from './opcodes.ts'
import type { StatementList } from './statement.ts'

/** What is known of the flags at a point of the program; undefined: nothing. */
export interface KnownFlags {
  readonly kind: FlagsKind
  readonly size: Size
  /** Flags that the override holds. */
  readonly override: number
}

function flagsWord({ kind, size, override }: KnownFlags): number {
  return kind | (size << 4) | (override << OVERRIDE_SHIFT)
}

function isNonZero(value: Node): Node {
  return operation(OP.i64Ne, [value, constant64(0n)])
}

/** Bit `n` of an i64 as a condition. */
function bitOf(value: Node, n: number): Node {
  return operation(OP.i32WrapI64, [
    operation(OP.i64And, [operation(OP.i64ShrU, [value, constant64(BigInt(n))]), constant64(1n)], 1),
  ])
}

function not(condition: Node): Node {
  return operation(OP.i32Eqz, [condition])
}

export class CompiledFlags {
  known: KnownFlags | undefined
  /** Set when the instruction looked at the flags. */
  wereRead = false
  /** Set when the instruction gave all six flags new values whatever happens. */
  wereReplaced = false
  readonly #list: () => StatementList
  readonly #inBranch: () => boolean

  constructor(list: () => StatementList, inBranch: () => boolean) {
    this.#list = list
    this.#inBranch = inBranch
  }

  /** Forgets what the last instruction did, but not what is known. */
  begin(): void {
    this.wereRead = false
    this.wereReplaced = false
  }

  #set(local: number, value: Node): void {
    this.#list().add({ kind: 'set', local, value, flags: true })
  }

  #know(known: KnownFlags): void {
    this.known = known
    this.#set(LOCAL.flagsWord, constant32(flagsWord(known)))
  }

  lazy(kind: FlagsKind, size: Size, left: Node, right: Node, result: Node): void {
    if (kind !== FLAGS.logic) {
      this.#set(LOCAL.flagsLeft, left)
      this.#set(LOCAL.flagsRight, right)
    }
    this.#set(LOCAL.flagsResult, result)
    this.#know({ kind, size, override: 0 })
    if (!this.#inBranch()) this.wereReplaced = true
  }

  set(mask: number, image: Node): void {
    if ((mask & ARITHMETIC_FLAGS) === ARITHMETIC_FLAGS) {
      this.#set(LOCAL.flagsResult, image)
      this.#know({ kind: FLAGS.explicit, size: 8, override: 0 })
      if (!this.#inBranch()) this.wereReplaced = true
      return
    }
    const known = this.known
    if (known !== undefined && !(known.override & ~mask)) this.#set(LOCAL.flagsOverride, image)
    else {
      const kept = operation(OP.i64And, [
        this.#local(LOCAL.flagsOverride),
        constant64(BigInt(~mask & 0xffff)),
      ])
      const fresh = operation(OP.i64And, [image, constant64(BigInt(mask))])
      this.#set(LOCAL.flagsOverride, operation(OP.i64Or, [kept, fresh]))
    }
    if (known !== undefined) this.#know({ ...known, override: known.override | mask })
    else {
      const word = localValue(LOCAL.flagsWord, TYPE.i32)
      this.#set(LOCAL.flagsWord, operation(OP.i32Or, [word, constant32(mask << OVERRIDE_SHIFT)]))
    }
  }

  image(): Node {
    this.wereRead = true
    const word =
      this.known === undefined ? localValue(LOCAL.flagsWord, TYPE.i32) : constant32(flagsWord(this.known))
    const operands = [LOCAL.flagsLeft, LOCAL.flagsRight, LOCAL.flagsResult, LOCAL.flagsOverride]
    return call(FUNCTION.flagsImage, TYPE.i64, [word, ...operands.map((local) => this.#local(local))], 2)
  }

  #local(local: number): Node {
    return localValue(local, TYPE.i64)
  }

  /** One of the lazy operands, with what is known of its width. */
  #operand(local: number): Node {
    return localValue(local, TYPE.i64, this.known?.size ?? 8)
  }

  get(flag: number): Node {
    this.wereRead = true
    const known = this.known
    const position = Math.log2(flag)
    if (known === undefined) return bitOf(this.image(), position)
    if (known.override & flag) return bitOf(this.#local(LOCAL.flagsOverride), position)
    if (known.kind === FLAGS.explicit) return bitOf(this.#local(LOCAL.flagsResult), position)
    return this.#lazyFlag(known, flag)
  }

  #lazyFlag({ kind, size }: KnownFlags, flag: number): Node {
    const result = this.#operand(LOCAL.flagsResult)
    const top = size * 8 - 1
    switch (flag) {
      case ZF:
        return operation(OP.i64Eqz, [result])
      case SF:
        return bitOf(result, top)
      case PF: {
        const low = operation(OP.i64And, [result, constant64(0xffn)], 1)
        return not(bitOf(operation(OP.i64Popcnt, [low], 1), 0))
      }
      case CF:
        return this.#carry(kind, top)
      case OF:
        return this.#overflow(kind, top)
      default:
        return bitOf(this.image(), Math.log2(AF))
    }
  }

  #carry(kind: FlagsKind, top: number): Node {
    switch (kind) {
      case FLAGS.add:
        return operation(OP.i64LtU, [this.#operand(LOCAL.flagsResult), this.#operand(LOCAL.flagsLeft)])
      case FLAGS.sub:
        return operation(OP.i64LtU, [this.#operand(LOCAL.flagsLeft), this.#operand(LOCAL.flagsRight)])
      case FLAGS.logic:
        return constant32(0)
      case FLAGS.inc:
      case FLAGS.dec:
        return isNonZero(this.#local(LOCAL.flagsRight))
      default:
        return bitOf(this.#carries(kind), top)
    }
  }

  /** Carries out of (ADC) or borrows into (SBB) every bit: (left & right) | ((left | right) & ~result), left and result swapped. */
  #carries(kind: FlagsKind): Node {
    const invert = (value: Node): Node => operation(OP.i64Xor, [value, constant64(0xffff_ffff_ffff_ffffn)])
    const left = this.#local(LOCAL.flagsLeft)
    const right = this.#local(LOCAL.flagsRight)
    const result = this.#local(LOCAL.flagsResult)
    const [first, last] = kind === FLAGS.adc ? [left, invert(result)] : [invert(left), result]
    return operation(OP.i64Or, [
      operation(OP.i64And, [first, right]),
      operation(OP.i64And, [operation(OP.i64Or, [first, right]), last]),
    ])
  }

  #overflow(kind: FlagsKind, top: number): Node {
    const result = this.#operand(LOCAL.flagsResult)
    const lowest = 1n << BigInt(top)
    const differ = (a: number, b: number): Node => operation(OP.i64Xor, [this.#operand(a), this.#operand(b)])
    switch (kind) {
      case FLAGS.logic:
        return constant32(0)
      case FLAGS.inc:
        return operation(OP.i64Eq, [result, constant64(lowest)])
      case FLAGS.dec:
        return operation(OP.i64Eq, [result, constant64(lowest - 1n)])
      case FLAGS.add:
      case FLAGS.adc: {
        const signs = [
          differ(LOCAL.flagsLeft, LOCAL.flagsResult),
          differ(LOCAL.flagsRight, LOCAL.flagsResult),
        ]
        return bitOf(operation(OP.i64And, signs), top)
      }
      default: {
        const signs = [differ(LOCAL.flagsLeft, LOCAL.flagsRight), differ(LOCAL.flagsLeft, LOCAL.flagsResult)]
        return bitOf(operation(OP.i64And, signs), top)
      }
    }
  }

  /** Condition code 0..15 (APM vol 1 §3.1.4, vol 3 §1.5): odd codes negate even ones. */
  condition(code: number): Node {
    this.wereRead = true
    const condition = this.#fused(code >> 1) ?? this.#evenCondition(code >> 1)
    return code & 1 ? not(condition) : condition
  }

  /** BE, L and LE after a comparison are one comparison of its operands. */
  #fused(pair: number): Node | undefined {
    const known = this.known
    if (known?.kind !== FLAGS.sub || known.override !== 0) return undefined
    const left = this.#operand(LOCAL.flagsLeft)
    const right = this.#operand(LOCAL.flagsRight)
    const signed = [signExtended(left, known.size), signExtended(right, known.size)]
    switch (pair) {
      case 2:
        return operation(OP.i64Eq, [left, right])
      case 3:
        return operation(OP.i64LeU, [left, right])
      case 6:
        return operation(OP.i64LtS, signed)
      case 7:
        return operation(OP.i64LeS, signed)
      default:
        return undefined
    }
  }

  /** O, B, Z, BE, S, P, L, LE. */
  #evenCondition(pair: number): Node {
    switch (pair) {
      case 0:
        return this.get(OF)
      case 1:
        return this.get(CF)
      case 2:
        return this.get(ZF)
      case 3:
        return this.#any([CF, ZF])
      case 4:
        return this.get(SF)
      case 5:
        return this.get(PF)
      case 6:
        return this.#less()
      default:
        return operation(OP.i32Or, [this.get(ZF), this.#less()])
    }
  }

  #any(flags: readonly [number, number]): Node {
    if (this.known !== undefined) return operation(OP.i32Or, [this.get(flags[0]), this.get(flags[1])])
    const mask = constant64(BigInt(flags[0] | flags[1]))
    return isNonZero(operation(OP.i64And, [this.image(), mask]))
  }

  #less(): Node {
    if (this.known !== undefined) return operation(OP.i32Xor, [this.get(SF), this.get(OF)])
    const image = this.image()
    return operation(OP.i32Xor, [bitOf(image, Math.log2(SF)), bitOf(image, Math.log2(OF))])
  }

  /** rFLAGS.DF lies in the vCPU block, not in a local: it changes rarely. */
  direction(): Node {
    return bitOf(operation(OP.i64ExtendI32U, [this.#other()], 4), Math.log2(DF))
  }

  #other(): Node {
    return load(OP.i32Load, TYPE.i32, localValue(LOCAL.vcpu, TYPE.i32), OFFSET.flagsOther, 4)
  }

  setDirection(set: boolean): void {
    const value = set
      ? operation(OP.i32Or, [this.#other(), constant32(DF)])
      : operation(OP.i32And, [this.#other(), constant32(~DF)])
    this.#list().add({
      kind: 'store',
      op: OP.i32Store,
      address: localValue(LOCAL.vcpu, TYPE.i32),
      offset: OFFSET.flagsOther,
      value,
    })
  }
}
