/**
 * WebAssembly expressions of one instruction, as a graph: a node used twice is computed once and kept in a local.
 * Constants are folded as nodes are made, so that semantics may be written for the general case.
 */
import { OP, TYPE, type Opcode, type ValueType } from './opcodes.ts'

/** What is no opcode: a constant, the value a local has when the node is made, and a value that a statement leaves behind. */
export const LEAF = { constant: -1, local: -2, result: -3 } as const

export interface Node {
  readonly op: number
  readonly type: ValueType
  readonly operands: readonly Node[]
  /** Value of a constant, unsigned; 0 elsewhere. */
  readonly value: bigint
  /** Number of the local, or offset of a load. */
  readonly index: number
  /** An i64 node's value is below 2^(8 * bytes). */
  readonly bytes: number
  /** Position in the program order of nodes and statements. */
  readonly order: number
  /** Uses that have not been emitted yet. */
  uses: number
  /** Local that holds the value once it is computed, else -1. */
  local: number
}

const NONE: readonly Node[] = []

/** The nodes made since recordNodes(), in program order. */
let recorded: Node[] = []
/** Starts collecting the nodes of an instruction. */
export function recordNodes(): Node[] {
  recorded = []
  return recorded
}

let lastOrder = 0
/** The next position in program order. */
export function nextOrder(): number {
  return ++lastOrder
}

function make(
  op: number,
  type: ValueType,
  operands: readonly Node[],
  value: bigint,
  index: number,
  bytes: number,
): Node {
  for (const operand of operands) operand.uses++
  const node = { op, type, operands, value, index, bytes, order: nextOrder(), uses: 0, local: -1 }
  recorded.push(node)
  return node
}

function bytesOf(value: bigint): number {
  if (value < 0x100n) return 1
  if (value < 0x1_0000n) return 2
  return value < 0x1_0000_0000n ? 4 : 8
}

export function constant64(value: bigint): Node {
  const unsigned = BigInt.asUintN(64, value)
  return make(LEAF.constant, TYPE.i64, NONE, unsigned, 0, bytesOf(unsigned))
}

export function constant32(value: number): Node {
  return make(LEAF.constant, TYPE.i32, NONE, BigInt(value >>> 0), 0, 4)
}

export function isConstant(node: Node): boolean {
  return node.op === LEAF.constant
}

export function localValue(local: number, type: ValueType, bytes: number = type === TYPE.i32 ? 4 : 8): Node {
  return make(LEAF.local, type, NONE, 0n, local, bytes)
}

export function resultOf(type: ValueType): Node {
  return make(LEAF.result, type, NONE, 0n, 0, type === TYPE.i32 ? 4 : 8)
}

/** A load from the WebAssembly memory at `address` + `offset`. */
export function load(op: Opcode, type: ValueType, address: Node, offset: number, bytes: number): Node {
  return make(op, type, [address], 0n, offset, bytes)
}

export function isLoad(op: number): boolean {
  return op >= OP.i32Load && op <= OP.i64Load32U
}

/** A call without effect, of function `index`. Kept apart from opcodes with operands by its opcode. */
export function call(index: number, type: ValueType, operands: readonly Node[], bytes: number): Node {
  return make(OP.call, type, operands, 0n, index, bytes)
}

const signed = (value: bigint): bigint => BigInt.asIntN(64, value)
const flag = (condition: boolean): bigint => (condition ? 1n : 0n)

/** How constants fold. Division is absent: it may trap. */
const FOLD: Readonly<Record<number, ((a: bigint, b: bigint) => bigint) | undefined>> = {
  [OP.i64Add]: (a, b) => a + b,
  [OP.i64Sub]: (a, b) => a - b,
  [OP.i64Mul]: (a, b) => a * b,
  [OP.i64And]: (a, b) => a & b,
  [OP.i64Or]: (a, b) => a | b,
  [OP.i64Xor]: (a, b) => a ^ b,
  [OP.i64Shl]: (a, b) => a << (b & 63n),
  [OP.i64ShrU]: (a, b) => a >> (b & 63n),
  [OP.i64ShrS]: (a, b) => signed(a) >> (b & 63n),
  [OP.i64Eq]: (a, b) => flag(a === b),
  [OP.i64Ne]: (a, b) => flag(a !== b),
  [OP.i64LtU]: (a, b) => flag(a < b),
  [OP.i64LeU]: (a, b) => flag(a <= b),
  [OP.i64LtS]: (a, b) => flag(signed(a) < signed(b)),
  [OP.i64LeS]: (a, b) => flag(signed(a) <= signed(b)),
  [OP.i64Eqz]: (a) => flag(a === 0n),
  [OP.i32Eqz]: (a) => flag(a === 0n),
  [OP.i32And]: (a, b) => a & b,
  [OP.i32Or]: (a, b) => a | b,
  [OP.i32Ne]: (a, b) => flag(a !== b),
  [OP.i32WrapI64]: (a) => BigInt.asUintN(32, a),
  [OP.i64ExtendI32U]: (a) => a,
  [OP.i64Extend8S]: (a) => BigInt.asIntN(8, a),
  [OP.i64Extend16S]: (a) => BigInt.asIntN(16, a),
  [OP.i64Extend32S]: (a) => BigInt.asIntN(32, a),
}

/** True when `node op right` is `node` itself for a constant `right`. */
function isNeutral(op: number, right: bigint): boolean {
  switch (op) {
    case OP.i64Add:
    case OP.i64Sub:
    case OP.i64Or:
    case OP.i64Xor:
    case OP.i64Shl:
    case OP.i64ShrU:
    case OP.i64ShrS:
      return right === 0n
    default:
      return op === OP.i64And && right === 0xffff_ffff_ffff_ffffn
  }
}

/** Comparisons leave an i32; conversions and i32 arithmetic say so by their opcode. */
function resultType(op: number): ValueType {
  const comparison = op >= OP.i32Eqz && op <= 0x66
  const arithmetic32 = op >= 0x67 && op < OP.i64Clz
  return comparison || arithmetic32 || op === OP.i32WrapI64 ? TYPE.i32 : TYPE.i64
}

/** An operation on one or two operands. `bytes`: the result, if i64, is below 2^(8 * bytes). */
export function operation(op: Opcode, operands: readonly Node[], bytes = 8): Node {
  const type = resultType(op)
  const fold = FOLD[op]
  if (fold !== undefined && operands.every(isConstant)) {
    const value = fold(operands[0].value, operands.length === 2 ? operands[1].value : 0n)
    return type === TYPE.i32 ? constant32(Number(BigInt.asUintN(32, value))) : constant64(value)
  }
  const [left, right] = operands
  if (operands.length === 2 && isConstant(right) && isNeutral(op, right.value)) return left
  return make(op, type, operands, 0n, 0, type === TYPE.i32 ? 4 : bytes)
}

/** One of two nodes of the same type. */
export function choose(condition: Node, whenTrue: Node, whenFalse: Node): Node {
  if (isConstant(condition)) return condition.value !== 0n ? whenTrue : whenFalse
  return make(
    OP.select,
    whenTrue.type,
    [whenTrue, whenFalse, condition],
    0n,
    0,
    Math.max(whenTrue.bytes, whenFalse.bytes),
  )
}

/** The low `bytes` bytes of an i64 node. */
export function truncated(node: Node, bytes: number): Node {
  if (node.bytes <= bytes) return node
  if (bytes === 4) return operation(OP.i64ExtendI32U, [operation(OP.i32WrapI64, [node])], 4)
  return operation(OP.i64And, [node, constant64((1n << BigInt(8 * bytes)) - 1n)], bytes)
}

/** An i64 node sign-extended from `bytes` bytes to 64 bits. */
export function signExtended(node: Node, bytes: number): Node {
  switch (bytes) {
    case 1:
      return operation(OP.i64Extend8S, [node])
    case 2:
      return operation(OP.i64Extend16S, [node])
    case 4:
      return operation(OP.i64Extend32S, [node])
    default:
      return node
  }
}
