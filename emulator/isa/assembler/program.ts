/** The parser: preprocessed lines to statements. Holds what earlier lines set for later ones: code size, section, scope. */
import type { CodeBits } from '../instruction.ts'
import { Cursor } from './cursor.ts'
import { isDirective, isRepeatable, runDirective, directives, unsupported } from './directives.ts'
import { Problem, type Place, type Range } from './diagnostics.ts'
import { isConstant, parseExpression, type Expression, type ExpressionContext } from './expression.ts'
import { parseInstruction, prefixes } from './instructions.ts'
import type { Token } from './lexer.ts'
import { isMnemonic, mnemonics } from './mnemonics.ts'
import type { OperandContext } from './operands.ts'
import { registerNames } from './register-names.ts'
import { createSections, type Section } from './sections.ts'
import { sizeOfData, type Body, type Repeat, type Statement } from './statement.ts'
import { nearest, Suggestions } from './suggest.ts'
import type { SymbolTable } from './symbols.ts'

export class Program {
  readonly statements: Statement[] = []
  readonly sections: readonly Section[] = createSections()
  readonly symbols: SymbolTable
  readonly warn: (at: Range, code: string, message: string, hint: string) => void
  bits: CodeBits
  defaultRelative = false
  origin = 0n
  /** Where `org` stands; empty without. */
  originAt = ''
  section: Section
  /** The line being parsed. */
  place: Place = { file: '', line: 0, expansion: '' }
  private readonly suggestions = new Suggestions()
  /** The last label that is not local; `.name` belongs to it. */
  private scope = ''

  constructor(
    bits: CodeBits,
    symbols: SymbolTable,
    warn: (place: Place, at: Range, code: string, message: string, hint: string) => void,
  ) {
    this.bits = bits
    this.symbols = symbols
    this.section = this.sections[0]!
    this.warn = (at, code, message, hint) => warn(this.place, at, code, message, hint)
  }

  private readonly outside: ExpressionContext = {
    registersAllowed: false,
    symbol: (token) => this.reference(token),
    position: (token) => ({ kind: 'position', sectionStart: token.text === '$$' }),
  }
  private readonly inside: ExpressionContext = { ...this.outside, registersAllowed: true }

  /** What operands of the current line may use. */
  get operands(): OperandContext {
    return {
      bits: this.bits,
      defaultRelative: this.defaultRelative,
      outside: this.outside,
      inside: this.inside,
      segmentPrefix: -1,
    }
  }

  /** Parses one line. Throws a `Problem`. */
  parseLine(place: Place, tokens: readonly Token[]): void {
    this.place = place
    const invalid = tokens.find((token) => token.kind === 'invalid')
    if (invalid !== undefined) throw new Problem(invalid, 'invalid-token', invalid.problem)
    let cursor = new Cursor(tokens)
    if (cursor.isOperator('[')) cursor = this.bracketed(tokens)
    this.parseLabel(cursor)
    if (!cursor.atEnd) this.parseStatement(cursor, undefined)
  }

  /** `[bits 64]`: the primitive form of a directive (NASM manual chapter 7). */
  private bracketed(tokens: readonly Token[]): Cursor {
    const cursor = new Cursor(tokens.slice(1, -1))
    const name = cursor.peek()
    const last = tokens.at(-1)!
    if (last.text !== ']' || name === undefined || !isDirective(name.lower) || isRepeatable(name.lower)) {
      throw new Problem(
        tokens[0],
        'syntax-error',
        'a line cannot begin with a memory operand',
        'an instruction comes first',
      )
    }
    return cursor
  }

  /** A label at the start of the line, with or without colon, or a name that `equ` defines. */
  private parseLabel(cursor: Cursor): void {
    const name = cursor.peek()
    if (name?.kind !== 'identifier') return
    const hasColon = cursor.isOperator(':', 1)
    if (cursor.peek(hasColon ? 2 : 1)?.lower === 'equ') {
      this.parseEqu(cursor, hasColon)
      return
    }
    if (hasColon) {
      cursor.next()
      cursor.next()
      this.defineLabel(name)
      return
    }
    if (isStatementWord(name)) return
    const next = cursor.peek(1)
    if (next === undefined) this.orphan(name)
    else if (next.kind !== 'identifier' || !isStatementWord(next)) this.failUnknown(name)
    cursor.next()
    this.defineLabel(name)
  }

  /** A name alone on its line is a label in NASM; more often it is a misspelt instruction. */
  private orphan(name: Token): void {
    const meant = name.text.startsWith('.') ? '' : nearest(name.lower, mnemonics, 1)
    if (meant !== '') this.failUnknown(name)
    this.warn(
      name,
      'label-without-colon',
      `'${name.text}' alone on a line is taken as a label`,
      `write '${name.text}:'`,
    )
  }

  private failUnknown(name: Token): never {
    const instead = unsupported.get(name.lower)
    if (instead !== undefined)
      throw new Problem(name, 'unsupported', `'${name.text}' is not supported`, instead)
    throw new Problem(
      name,
      'unknown-mnemonic',
      `'${name.text}' is neither an instruction nor a directive`,
      this.suggestions.hint(
        name.lower,
        [mnemonics, directives, prefixes.keys()],
        "a label needs ':' after it",
      ),
    )
  }

  private parseEqu(cursor: Cursor, hasColon: boolean): void {
    const name = cursor.next()
    if (hasColon) cursor.next()
    const equ = cursor.next()
    if (cursor.atEnd) throw new Problem(equ, 'expression-expected', "'equ' wants a value")
    this.checkName(name)
    const value = parseExpression(cursor, this.outside)
    cursor.expectEnd()
    const fullName = this.fullName(name.text)
    if (isConstant(value)) {
      this.symbols.define(fullName, { kind: 'constant', value: value.value }, this.place, name)
    } else {
      this.symbols.define(fullName, { kind: 'equ', value: undefined }, this.place, name)
      this.add({ kind: 'equ', symbol: this.symbols.entries.get(fullName)!, value }, name, undefined)
    }
  }

  private defineLabel(name: Token): void {
    this.checkName(name)
    const statement = this.add({ kind: 'label' }, name, undefined)
    const fullName = this.fullName(name.text)
    this.symbols.define(fullName, { kind: 'label', position: statement }, this.place, name)
    if (!name.text.startsWith('.')) this.scope = fullName
  }

  private checkName(name: Token): void {
    if (registerNames.includes(name.lower) || isStatementWord(name)) {
      throw new Problem(
        name,
        'reserved-name',
        `'${name.text}' is a word of the language and cannot be a label`,
        `'$${name.text}' can`,
      )
    }
  }

  /** `.name` belongs to the last label; `..@name` of a macro belongs to none. */
  private fullName(name: string): string {
    return name.startsWith('.') && !name.startsWith('..') ? this.scope + name : name
  }

  private reference(token: Token): Expression {
    const name = this.fullName(token.text)
    const value = this.symbols.constant(name)
    if (value !== undefined) return { kind: 'number', value }
    return { kind: 'symbol', symbol: this.symbols.refer(name, this.place, token) }
  }

  /** Parses the rest of a line: an instruction, a directive, or `times` before one of them. */
  parseStatement(cursor: Cursor, repeat: Repeat | undefined): void {
    const name = cursor.peek()
    if (name?.kind !== 'identifier')
      cursor.fail('syntax-error', `expected an instruction or a directive, found ${cursor.describe()}`)
    if (name.lower === 'times') {
      if (repeat !== undefined)
        throw new Problem(name, 'syntax-error', "'times' cannot be repeated", 'multiply the counts')
      this.parseTimes(cursor)
      return
    }
    if (isDirective(name.lower)) {
      if (repeat !== undefined && !isRepeatable(name.lower)) {
        throw new Problem(
          name,
          'syntax-error',
          `'${name.text}' cannot be repeated`,
          'data and instructions can',
        )
      }
      cursor.next()
      runDirective(this, cursor, name, repeat)
    } else if (isMnemonic(name.lower) || prefixes.has(name.lower)) {
      this.add(parseInstruction(cursor, this.operands), name, repeat)
    } else {
      this.failUnknown(name)
    }
    cursor.expectEnd()
  }

  private parseTimes(cursor: Cursor): void {
    cursor.next()
    const start = cursor.peek()
    if (start === undefined) cursor.fail('syntax-error', "'times' wants a count and what to repeat")
    const count = parseExpression(cursor, this.outside)
    const at = cursor.spanFrom(start)
    if (cursor.atEnd) cursor.fail('syntax-error', "'times' wants something to repeat")
    this.parseStatement(cursor, { kind: 'times', count, at })
  }

  /** Adds an instruction without operands. */
  addInstruction(at: Token, mnemonic: string, repeat: Repeat): void {
    const word: Token = { ...at, text: mnemonic, lower: mnemonic }
    this.add(parseInstruction(new Cursor([word]), this.operands), at, repeat)
  }

  add(body: Body, at: Range, repeat: Repeat | undefined): Statement {
    if (body.kind === 'instruction' && this.section.name === '.bss') {
      throw new Problem(at, 'data-in-bss', 'the section .bss has no bytes in the file', 'put code in .text')
    }
    const { line, column, endColumn } = at
    const statement: Statement = {
      place: this.place,
      at: { line, column, endColumn },
      body,
      repeat,
      section: this.section,
      offset: -1,
      size: sizeOfData(body),
      count: 1,
    }
    this.statements.push(statement)
    return statement
  }
}

function isStatementWord(token: Token): boolean {
  return (
    isMnemonic(token.lower) || isDirective(token.lower) || prefixes.has(token.lower) || token.lower === 'equ'
  )
}
