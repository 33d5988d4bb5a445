/** What an instruction does, in program order, as the builder records it before any WebAssembly is written. */
import { nextOrder, type Node } from './expression.ts'
import type { Opcode } from './opcodes.ts'

/** Where control goes: an offset within the page of the code (possibly beyond it), or a computed rIP. */
export type Edge =
  { readonly kind: 'offset'; readonly offset: number } | { readonly kind: 'target'; readonly rip: Node }

/** A transfer of control that happens when everything else of its list is done. `condition` undefined: always. */
export interface Exit {
  readonly condition: Node | undefined
  readonly edge: Edge
}

export type Statement =
  /** `flags`: only keeps arithmetic flags, and is left out where nobody can see them. */
  | {
      readonly kind: 'set'
      readonly order: number
      readonly local: number
      readonly value: Node
      readonly flags: boolean
    }
  /** Computes the node here rather than at its first use. */
  | { readonly kind: 'compute'; readonly order: number; readonly node: Node }
  | {
      readonly kind: 'store'
      readonly order: number
      readonly op: Opcode
      readonly address: Node
      readonly offset: number
      readonly value: Node
    }
  /** Leaves the region before this instruction; evaluate executes it. */
  | { readonly kind: 'bail'; readonly order: number; readonly condition: Node }
  /** `host` becomes the offset in the WebAssembly memory of a linear address; bails when that takes more than a fast tag. */
  | {
      readonly kind: 'probe'
      readonly order: number
      readonly linear: Node
      readonly size: number
      readonly write: boolean
      readonly host: Node
    }
  | {
      readonly kind: 'if'
      readonly order: number
      /** Program order of the point where control splits: the branches lie between here and `order`. */
      readonly splits: number
      readonly condition: Node
      readonly then: StatementList
      readonly otherwise: StatementList
    }

type WithoutOrder<T> = T extends Statement ? Omit<T, 'order'> : never

/** Statements in order, then at most a few exits. */
export class StatementList {
  readonly statements: Statement[] = []
  readonly exits: Exit[] = []

  /** A branch of the last statement may leave: nothing can follow it. */
  #ended = false

  /** Throws when a branch before may already have left: semantics must commit everything by then. */
  add(statement: WithoutOrder<Statement>): void {
    if (this.#ended) throw new Error('A statement follows a branch that leaves the instruction')
    if (statement.kind === 'if')
      this.#ended = statement.then.exits.length > 0 || statement.otherwise.exits.length > 0
    for (const node of usedBy(statement)) node.uses++
    this.statements.push({ ...statement, order: nextOrder() })
  }

  exit(edge: Edge, condition?: Node): void {
    if (condition !== undefined) condition.uses++
    if (edge.kind === 'target') edge.rip.uses++
    this.exits.push({ condition, edge })
  }

  get isEmpty(): boolean {
    return this.statements.length === 0 && this.exits.length === 0
  }
}

/** False when a list does nothing once the statements that only keep flags are left out. */
export function hasEffect(list: StatementList): boolean {
  return (
    list.exits.length > 0 ||
    list.statements.some((statement) => {
      if (statement.kind === 'set') return !statement.flags
      return statement.kind !== 'if' || hasEffect(statement.then) || hasEffect(statement.otherwise)
    })
  )
}

function usedBy(statement: WithoutOrder<Statement>): readonly Node[] {
  switch (statement.kind) {
    case 'set':
      return [statement.value]
    case 'store':
      return [statement.address, statement.value]
    case 'bail':
    case 'if':
      return [statement.condition]
    case 'probe':
      return [statement.linear]
    case 'compute':
      return []
  }
}
