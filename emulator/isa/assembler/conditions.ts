/** %if, %ifdef and their relatives: which lines of the source count (NASM manual §4.4). */
import { Problem, type Place } from './diagnostics.ts'
import type { Token } from './lexer.ts'

/** What `%if...` and `%elif...` ask. Each may be negated by an `n` after `if`: %ifndef, %ifnidn. */
export type Question = '' | 'def' | 'macro' | 'idn' | 'idni' | 'num' | 'id' | 'str' | 'empty'

export interface ConditionDirective {
  readonly isElse: boolean
  readonly negated: boolean
  readonly question: Question
}

/** Takes `%ifndef` apart; undefined if it is no condition. */
export function parseConditionName(name: string): ConditionDirective | undefined {
  const match = /^%(el)?if(n?)(def|macro|idni?|num|id|str|empty|)$/.exec(name)
  return match === null
    ? undefined
    : { isElse: match[1] === 'el', negated: match[2] === 'n', question: match[3] as Question }
}

interface Level {
  readonly place: Place
  readonly opener: Token
  /** The lines of the current branch count. */
  active: boolean
  /** Some branch has counted, or the whole block is inside lines that do not count. */
  taken: boolean
  elseSeen: boolean
}

/** The open conditions, innermost last. */
export class Conditions {
  private levels: Level[] = []

  /** True if lines count here. */
  get active(): boolean {
    return this.levels.at(-1)?.active ?? true
  }

  get depth(): number {
    return this.levels.length
  }

  /** Forgets the conditions opened since `depth`, when %exitrep leaves them. A stray %endif may have closed more already. */
  truncate(depth: number): void {
    this.levels.length = Math.min(this.levels.length, depth)
  }

  /** `holds` is asked only where the answer matters. */
  open(place: Place, opener: Token, holds: () => boolean): void {
    const outer = this.active
    const level = { place, opener, active: false, taken: true, elseSeen: false }
    this.levels.push(level)
    if (!outer) return
    const active = holds()
    level.active = active
    level.taken = active
  }

  alternative(token: Token, holds: () => boolean): void {
    const level = this.innermost(token)
    if (level.elseSeen)
      throw new Problem(
        token,
        'syntax-error',
        `${token.text} after %else`,
        `the block begins at line ${level.opener.line}`,
      )
    level.active = false
    if (level.taken) return
    level.taken = true
    level.active = holds()
    level.taken = level.active
  }

  otherwise(token: Token): void {
    const level = this.innermost(token)
    if (level.elseSeen)
      throw new Problem(
        token,
        'syntax-error',
        'a second %else',
        `the block begins at line ${level.opener.line}`,
      )
    level.elseSeen = true
    level.active = !level.taken
    level.taken = true
  }

  close(token: Token): void {
    this.innermost(token)
    this.levels.pop()
  }

  /** The blocks that the end of the source leaves open. */
  unclosed(): readonly { readonly place: Place; readonly opener: Token }[] {
    return this.levels
  }

  private innermost(token: Token): Level {
    const level = this.levels.at(-1)
    if (level === undefined) throw new Problem(token, 'unbalanced-block', `${token.text} without %if`)
    return level
  }
}
