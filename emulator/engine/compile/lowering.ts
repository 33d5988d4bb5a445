/**
 * Writes the statements of an instruction as WebAssembly. A node is written where it is first used and kept in a local if it
 * has more uses; before a local changes or control splits, what still needs the old state is computed.
 */
import type { Emitter, Label } from './emitter.ts'
import { isConstant, isLoad, LEAF, type Node } from './expression.ts'
import { FUNCTION, LOCAL } from './frame.ts'
import { OP, TYPE, type ValueType } from './opcodes.ts'
import { TAG, TAG_INDEX_MASK, TAG_INDEX_SHIFT } from './tags.ts'
import { hasEffect, type Edge, type Statement, type StatementList } from './statement.ts'

export class Lowering {
  readonly out: Emitter
  /** Types of the temporary locals so far. */
  readonly temporaries: ValueType[] = []
  readonly #firstTemporary: number
  #free: number[] = []
  /** All nodes of the current instruction that may have to be computed before a change of state, oldest first. */
  #nodes: Node[] = []
  readonly #bail: Label
  readonly #leave: (edge: Edge) => void

  /** `bail`: where to branch, with the site set, to leave before the instruction. `leave` writes a transfer of control. */
  constructor(out: Emitter, firstTemporary: number, bail: Label, leave: (edge: Edge) => void) {
    this.out = out
    this.#firstTemporary = firstTemporary
    this.#bail = bail
    this.#leave = leave
  }

  /** Writes one instruction. `nodes`: all nodes made for it. `withFlags` false leaves out what only keeps flags. */
  instruction(list: StatementList, nodes: Node[], withFlags: boolean): void {
    this.#nodes = nodes
    this.#free = this.temporaries.map((_, n) => n)
    this.#list(list, withFlags)
  }

  #temporary(type: ValueType): number {
    const at = this.#free.findIndex((n) => this.temporaries[n] === type)
    if (at >= 0) return this.#firstTemporary + this.#free.splice(at, 1)[0]
    return this.#firstTemporary + this.temporaries.push(type) - 1
  }

  /** Pushes a node's value, and keeps it if it is used again. */
  node(node: Node): void {
    node.uses--
    if (node.local >= 0) {
      this.out.get(node.local)
      return
    }
    this.#compute(node)
    if (node.uses > 0 && node.op >= 0) {
      node.local = this.#temporary(node.type)
      this.out.tee(node.local)
    }
  }

  #compute(node: Node): void {
    switch (node.op) {
      case LEAF.constant:
        if (node.type === TYPE.i32) this.out.i32(Number(node.value))
        else this.out.i64(node.value)
        return
      case LEAF.local:
        this.out.get(node.index)
        return
    }
    for (const operand of node.operands) this.node(operand)
    if (node.op === OP.call) this.out.call(node.index)
    else if (isLoad(node.op)) this.out.memory(node.op, node.index)
    else this.out.byte(node.op)
  }

  /** Computes a node now, if it is needed later. */
  #keep(node: Node): void {
    if (node.uses <= 0 || node.local >= 0 || isConstant(node) || node.op === LEAF.result) return
    this.#compute(node)
    node.local = this.#temporary(node.type)
    this.out.set(node.local)
  }

  #list(list: StatementList, withFlags: boolean): void {
    for (const statement of list.statements) this.#statement(statement, withFlags)
    for (const { condition, edge } of list.exits) {
      if (condition !== undefined) {
        this.node(condition)
        this.out.if()
      }
      if (edge.kind === 'target') {
        this.node(edge.rip)
        this.out.set(LOCAL.target)
      }
      this.#leave(edge)
      if (condition !== undefined) this.out.end()
    }
  }

  #statement(statement: Statement, withFlags: boolean): void {
    const { out } = this
    switch (statement.kind) {
      case 'set': {
        if (statement.flags && !withFlags) return
        this.node(statement.value)
        for (const node of this.#nodes) {
          if (node.op !== LEAF.local || node.index !== statement.local || node.order > statement.order)
            continue
          this.#keep(node)
        }
        out.set(statement.local)
        return
      }
      case 'compute':
        this.#keep(statement.node)
        return
      case 'store':
        this.node(statement.address)
        this.node(statement.value)
        out.memory(statement.op, statement.offset)
        return
      case 'bail':
        this.node(statement.condition)
        out.branchIf(this.#bail)
        return
      case 'probe':
        this.#probe(statement.linear, statement.size, statement.write)
        if (statement.host.uses > 0) {
          statement.host.local = this.#temporary(TYPE.i32)
          out.set(statement.host.local)
        } else out.byte(OP.drop)
        return
      case 'if':
        this.#if(statement, withFlags)
    }
  }

  /** Whatever exists before the branches is computed before them, so that it is there on every path. */
  #if(statement: Extract<Statement, { kind: 'if' }>, withFlags: boolean): void {
    const { out } = this
    if (!withFlags && !hasEffect(statement.then) && !hasEffect(statement.otherwise)) return
    this.node(statement.condition)
    for (let n = this.#nodes.length - 1; n >= 0; n--) {
      if (this.#nodes[n].order < statement.splits) this.#keep(this.#nodes[n])
    }
    out.if()
    this.#list(statement.then, withFlags)
    if (!statement.otherwise.isEmpty) {
      out.else()
      this.#list(statement.otherwise, withFlags)
    }
    out.end()
  }

  /**
   * Pushes the offset in the WebAssembly memory of a linear address. One comparison tests the page, the permission and that
   * the access does not cross the end of the page:
   *   (linear + size - 1) | 0xfff == tag
   */
  #probe(linear: Node, size: number, write: boolean): void {
    const { out } = this
    this.node(linear)
    out.tee(LOCAL.linear)
    if (size > 1) {
      out.i64(BigInt(size - 1))
      out.byte(OP.i64Add)
    }
    out.i64(0xfffn)
    out.byte(OP.i64Or)
    out.get(LOCAL.linear)
    out.byte(OP.i32WrapI64)
    out.i32(TAG_INDEX_SHIFT)
    out.byte(OP.i32ShrU)
    out.i32(TAG_INDEX_MASK)
    out.byte(OP.i32And)
    out.get(LOCAL.fastTags)
    out.byte(OP.i32Add)
    out.tee(LOCAL.tag)
    out.memory(OP.i64Load, write ? TAG.write : TAG.read)
    out.byte(OP.i64Eq)
    out.if(TYPE.i32)
    out.get(LOCAL.tag)
    out.memory(OP.i32Load, TAG.host)
    out.else()
    out.get(LOCAL.vcpu)
    if (write) out.get(LOCAL.tag)
    out.get(LOCAL.linear)
    out.i32(size)
    out.call(write ? FUNCTION.probeStore : FUNCTION.missLoad)
    out.tee(LOCAL.host)
    out.byte(OP.i32Eqz)
    out.branchIf(this.#bail)
    out.get(LOCAL.host)
    out.end()
    out.get(LOCAL.linear)
    out.byte(OP.i32WrapI64)
    out.i32(0xfff)
    out.byte(OP.i32And)
    out.byte(OP.i32Add)
  }
}
