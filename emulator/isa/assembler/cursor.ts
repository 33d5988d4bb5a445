/** A position in the tokens of one line, for parsers that read from left to right. */
import { Problem, type Range } from './diagnostics.ts'
import type { Token } from './lexer.ts'

export class Cursor {
  readonly tokens: readonly Token[]
  private index: number

  constructor(tokens: readonly Token[], index = 0) {
    this.tokens = tokens
    this.index = index
  }

  /** The token `ahead` places further, or undefined after the last. */
  peek(ahead = 0): Token | undefined {
    return this.tokens[this.index + ahead]
  }

  /** Takes the next token; the line must not be at its end. */
  next(): Token {
    return this.tokens[this.index++]
  }

  get atEnd(): boolean {
    return this.index >= this.tokens.length
  }

  /** The tokens not yet taken. */
  rest(): readonly Token[] {
    return this.tokens.slice(this.index)
  }

  isOperator(text: string, ahead = 0): boolean {
    const token = this.peek(ahead)
    return token !== undefined && token.kind === 'operator' && token.text === text
  }

  takeOperator(text: string): boolean {
    if (!this.isOperator(text)) return false
    this.index++
    return true
  }

  /** Takes the next token if it is this word, in any case. */
  takeWord(word: string): boolean {
    const token = this.peek()
    if (token === undefined || token.kind !== 'identifier' || token.lower !== word) return false
    this.index++
    return true
  }

  expectOperator(text: string, where: string): void {
    if (!this.takeOperator(text))
      this.fail('syntax-error', `expected '${text}' ${where}, found ${this.describe()}`)
  }

  /** Takes an identifier; `what` says for which one the message asks. */
  expectName(what: string): Token {
    const token = this.peek()
    if (token?.kind !== 'identifier') this.fail('syntax-error', `expected ${what}, found ${this.describe()}`)
    this.index++
    return token
  }

  /** From `start` to the last token taken, as far as that stands on the same line. */
  spanFrom(start: Token): Range {
    const last = this.peek(-1) ?? start
    const endColumn = last.line === start.line ? Math.max(last.endColumn, start.endColumn) : start.endColumn
    return { line: start.line, column: start.column, endColumn }
  }

  /** Nothing may follow. */
  expectEnd(): void {
    if (!this.atEnd) this.fail('unexpected-text', `expected the end of the line, found ${this.describe()}`)
  }

  /** The next token in words. */
  describe(): string {
    const token = this.peek()
    return token === undefined ? 'the end of the line' : `'${token.text}'`
  }

  /** The next token's range, or the last one's at the end of the line. */
  here(): Range {
    return this.peek() ?? this.tokens.at(-1)!
  }

  fail(code: string, message: string, hint = ''): never {
    throw new Problem(this.here(), code, message, hint)
  }
}

/** From the first token to the last, as far as they stand on the first one's line. */
export function rangeOf(tokens: readonly Token[]): Range {
  const { line, column, endColumn } = tokens[0]
  return {
    line,
    column,
    endColumn: tokens.reduce((end, t) => (t.line === line ? Math.max(end, t.endColumn) : end), endColumn),
  }
}
