/** The functions that every region's module contains beside the region itself. They are compiled by the browser when first called. */
import { AF, ARITHMETIC_FLAGS, CF, OF, PF, SF, ZF } from '../../isa/registers.ts'
import { FLAGS } from '../../state/flags.ts'
import { Emitter } from './emitter.ts'
import {
  choose,
  constant32,
  constant64,
  load,
  localValue,
  operation,
  recordNodes,
  type Node,
} from './expression.ts'
import { FUNCTION, OVERRIDE_SHIFT } from './frame.ts'
import { Lowering } from './lowering.ts'
import type { FunctionBody, Signature } from './module.ts'
import { OP, TYPE, type ValueType } from './opcodes.ts'
import { TAG } from './tags.ts'

/** (vCPU block, linear address, size) -> offset in the WebAssembly memory of the page, or 0 to bail. */
export const MISS_SIGNATURE: Signature = { parameters: [TYPE.i32, TYPE.i64, TYPE.i32], results: [TYPE.i32] }

/** A function that computes the result of `expression` from its parameters. */
function expressionFunction(
  parameters: readonly ValueType[],
  result: ValueType,
  expression: (parameters: readonly Node[]) => Node,
): FunctionBody {
  recordNodes()
  const code = new Emitter()
  const node = expression(parameters.map((type, local) => localValue(local, type)))
  const lowering = new Lowering(code, parameters.length, 0, () => undefined)
  node.uses++
  lowering.node(node)
  return {
    signature: { parameters, results: [result] },
    locals: lowering.temporaries,
    code: code.bytes().slice(),
  }
}

const and = (a: Node, b: Node): Node => operation(OP.i64And, [a, b])
const or = (a: Node, b: Node): Node => operation(OP.i64Or, [a, b])
const xor = (a: Node, b: Node): Node => operation(OP.i64Xor, [a, b])
const shiftRight = (a: Node, by: Node): Node => operation(OP.i64ShrU, [a, by])
const number = (value: number): Node => constant64(BigInt(value))

/** All six flags, from (flags word, left, right, result, override): state/flags.ts in WebAssembly. */
export const flagsImage: FunctionBody = expressionFunction(
  [TYPE.i32, TYPE.i64, TYPE.i64, TYPE.i64, TYPE.i64],
  TYPE.i64,
  ([packed, left, right, result, override]) => {
    const word = operation(OP.i64ExtendI32U, [packed], 4)
    const kind = and(word, number(15))
    const size = and(shiftRight(word, number(4)), number(15))
    const top = operation(OP.i64Sub, [operation(OP.i64Shl, [size, number(3)]), number(1)])
    const is = (value: number): Node => operation(OP.i64Eq, [kind, number(value)])
    const atLeast = (value: number): Node => operation(OP.i64LeU, [number(value), kind])
    const flag = (condition: Node, mask: number): Node => choose(condition, number(mask), number(0))
    const bit = (value: Node, index: Node): Node =>
      operation(OP.i32WrapI64, [and(shiftRight(value, index), number(1))])

    const addition = operation(OP.i32Or, [is(FLAGS.inc), operation(OP.i32Or, [is(FLAGS.add), is(FLAGS.adc)])])
    const keepsCarry = atLeast(FLAGS.inc)
    const operand = choose(keepsCarry, number(1), right)
    // carries = (x & operand) | ((x | operand) & y) with x = left, y = ~result for additions, both inverted for subtractions
    const inverted = choose(addition, number(0), constant64(0xffff_ffff_ffff_ffffn))
    const x = xor(left, inverted)
    const y = xor(xor(result, inverted), constant64(0xffff_ffff_ffff_ffffn))
    const carries = choose(is(FLAGS.logic), number(0), or(and(x, operand), and(or(x, operand), y)))
    const carry = choose(keepsCarry, operation(OP.i64Ne, [right, number(0)]), bit(carries, top))
    const beside = operation(OP.i64Sub, [top, number(1)])
    const overflow = operation(OP.i32Xor, [bit(carries, top), bit(carries, beside)])
    const ones = operation(OP.i64Popcnt, [and(result, number(0xff))])
    const even = operation(OP.i32Eqz, [bit(ones, number(0))])
    const computed = [
      flag(carry, CF),
      flag(even, PF),
      flag(bit(carries, number(3)), AF),
      flag(operation(OP.i64Eqz, [result]), ZF),
      flag(bit(result, top), SF),
      flag(overflow, OF),
    ].reduce(or)
    const base = choose(is(FLAGS.explicit), and(result, number(ARITHMETIC_FLAGS)), computed)
    const mask = shiftRight(word, number(OVERRIDE_SHIFT))
    return or(and(base, xor(mask, constant64(0xffff_ffff_ffff_ffffn))), and(override, mask))
  },
)

/**
 * Where a store goes that the write tag does not allow, from (vCPU block, fast tag, linear address, size): to a page with
 * translated code, directly if it leaves that code alone; else whatever missStore says.
 */
export const probeStore: FunctionBody = probeStoreFunction()

function probeStoreFunction(): FunctionBody {
  recordNodes()
  const parameters = [TYPE.i32, TYPE.i32, TYPE.i64, TYPE.i32]
  const code = new Emitter()
  const lowering = new Lowering(code, parameters.length, 0, () => undefined)
  const [vcpu, tag, linear, size] = parameters.map((type, local) => localValue(local, type))
  const push = (node: Node): void => {
    node.uses++
    lowering.node(node)
  }
  const lastByte = operation(OP.i64Add, [
    linear,
    operation(OP.i64ExtendI32U, [operation(OP.i32Sub, [size, constant32(1)])]),
  ])
  push(operation(OP.i64Eq, [or(lastByte, number(0xfff)), load(OP.i64Load, TYPE.i64, tag, TAG.code, 8)]))
  code.if()
  const granules = load(OP.i64Load, TYPE.i64, load(OP.i32Load, TYPE.i32, tag, TAG.granules, 4), 0, 8)
  // The count of a shift is taken modulo 64, which is just the granule's number within the page.
  const granuleOf = (address: Node): Node => shiftRight(address, number(6))
  const last = operation(OP.i64Add, [
    linear,
    operation(OP.i64ExtendI32U, [operation(OP.i32Sub, [size, constant32(1)])]),
  ])
  const touched = or(shiftRight(granules, granuleOf(linear)), shiftRight(granules, granuleOf(last)))
  push(operation(OP.i64Eqz, [and(touched, number(1))]))
  code.if()
  push(load(OP.i32Load, TYPE.i32, tag, TAG.host, 4))
  code.byte(OP.return)
  code.end()
  code.end()
  push(vcpu)
  push(linear)
  push(size)
  code.call(FUNCTION.missStore)
  return {
    signature: { parameters, results: [TYPE.i32] },
    locals: lowering.temporaries,
    code: code.bytes().slice(),
  }
}
