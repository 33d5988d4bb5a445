/** Single-line macros: %define, %xdefine, %assign (NASM manual §4.1), and how a line is expanded with them. */
import type { Cursor } from './cursor.ts'
import { Problem, type Range } from './diagnostics.ts'
import { tokenize, type Token } from './lexer.ts'

export interface Define {
  readonly name: string
  /** Names of the parameters; undefined if it takes no parenthesis at all. */
  readonly parameters: readonly string[] | undefined
  readonly body: readonly Token[]
}

/** Parses what follows %define: name, parameters, text. With `expand` the text is expanded now, as %xdefine does. */
export function parseDefine(
  cursor: Cursor,
  expand = (tokens: readonly Token[]): readonly Token[] => tokens,
): Define {
  const { text: name } = cursor.expectName('the name to define')
  if (!cursor.isOperator('(') || !cursor.peek()!.glued) {
    return { name, parameters: undefined, body: expand(cursor.rest()) }
  }
  cursor.next()
  const parameters: string[] = []
  while (!cursor.takeOperator(')')) {
    parameters.push(cursor.expectName("a parameter's name").text)
    if (!cursor.isOperator(')')) cursor.expectOperator(',', 'between parameters')
  }
  return { name, parameters, body: expand(cursor.rest()) }
}

/** The definition that %assign makes. */
export function numberDefine(name: Token, value: bigint): Define {
  const magnitude = value < 0n ? -value : value
  const digits = `${magnitude}`
  const number: Token = { ...name, kind: 'number', text: digits, lower: digits, value: magnitude }
  const minus: Token = { ...name, kind: 'operator', text: '-', lower: '-' }
  return { name: name.text, parameters: undefined, body: value < 0n ? [minus, number] : [number] }
}

/** Work that expansion may do in one assembly: doubling definitions and endless loops stop here. */
export interface ExpansionBudget {
  tokens: number
}

export function spend(budget: ExpansionBudget, tokens: number, at: Range): void {
  budget.tokens -= tokens
  if (budget.tokens < 0) {
    throw new Problem(
      at,
      'expansion-too-large',
      'macros and repetitions expand to too much text',
      'look for a %rep or a macro that never ends',
    )
  }
}

/** The token with the place of `site`, so that errors in expanded text point at what the reader wrote. */
export function moveTo(site: Token, token: Token, glued = token.glued): Token {
  return { ...token, line: site.line, column: site.column, endColumn: site.endColumn, glued }
}

/** One token out of two that stand side by side (`isr%1`, `a %+ b`); undefined if they do not make one. */
export function joined(left: Token, right: Token): Token | undefined {
  const tokens = tokenize(left.text + right.text)
  const token = tokens.at(0)
  const isWord = token?.kind === 'identifier' || token?.kind === 'number'
  return isWord && tokens.length === 1 ? moveTo(left, token, left.glued) : undefined
}

/** The line's tokens with all definitions expanded and `%+` applied. Returns `tokens` itself if there is nothing to do. */
export function expandDefines(
  tokens: readonly Token[],
  defines: ReadonlyMap<string, Define>,
  budget: ExpansionBudget,
): readonly Token[] {
  const isPlain = tokens.every(
    (t) => !(t.kind === 'identifier' && defines.has(t.text)) && !(t.kind === 'operator' && t.text === '%+'),
  )
  return isPlain ? tokens : applyPaste(expand(tokens, defines, new Set(), budget))
}

function expand(
  tokens: readonly Token[],
  defines: ReadonlyMap<string, Define>,
  active: ReadonlySet<string>,
  budget: ExpansionBudget,
): Token[] {
  const out: Token[] = []
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]
    const define =
      token.kind === 'identifier' && !active.has(token.text) ? defines.get(token.text) : undefined
    spend(budget, 1, token)
    if (define === undefined) {
      out.push(token)
      continue
    }
    let body = define.body
    if (define.parameters !== undefined) {
      const call = readArguments(tokens, i + 1)
      if (call === undefined) {
        out.push(token)
        continue
      }
      i = call.end
      const values = call.list.map((argument) => expand(argument, defines, active, budget))
      body = substitute(define, token, values, budget)
    } else {
      body = body.map((part) => moveTo(token, part))
    }
    const inner = expand(body, defines, new Set(active).add(define.name), budget)
    for (const part of inner) out.push(part)
  }
  return out
}

/** The arguments between the parenthesis at `start` and its partner, and the partner's index. */
function readArguments(
  tokens: readonly Token[],
  start: number,
): { list: Token[][]; end: number } | undefined {
  const isOperator = (token: Token, text: string): boolean => token.kind === 'operator' && token.text === text
  if (start >= tokens.length || !isOperator(tokens[start], '(')) return undefined
  const list: Token[][] = [[]]
  let depth = 0
  for (let i = start; i < tokens.length; i++) {
    const token = tokens[i]
    if (isOperator(token, '(') && depth++ === 0) continue
    if (isOperator(token, ')') && --depth === 0) return { list, end: i }
    if (isOperator(token, ',') && depth === 1) list.push([])
    else list.at(-1)!.push(token)
  }
  throw new Problem(tokens[start], 'syntax-error', "this '(' has no ')'")
}

function substitute(
  define: Define,
  site: Token,
  values: readonly Token[][],
  budget: ExpansionBudget,
): Token[] {
  const parameters = define.parameters!
  const given = parameters.length === 0 && values.length === 1 && values[0].length === 0 ? 0 : values.length
  if (given !== parameters.length) {
    throw new Problem(
      site,
      'wrong-argument-count',
      `'${define.name}' takes ${parameters.length} arguments, ${given} given`,
    )
  }
  const out: Token[] = []
  for (const part of define.body) {
    const index = part.kind === 'identifier' ? parameters.indexOf(part.text) : -1
    if (index < 0) out.push(moveTo(site, part))
    else for (const token of values[index]) out.push(token)
    spend(budget, 1 + (index < 0 ? 0 : values[index].length), site)
  }
  return out
}

/** `a %+ b` becomes `ab`. */
function applyPaste(tokens: readonly Token[]): Token[] {
  const out: Token[] = []
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]
    const left = out.at(-1)
    const right = tokens.at(i + 1)
    if (token.kind !== 'operator' || token.text !== '%+') {
      out.push(token)
      continue
    }
    const word = left && right && joined(left, right)
    if (word === undefined)
      throw new Problem(token, 'syntax-error', "'%+' joins two names or numbers into one; these do not join")
    out[out.length - 1] = word
    i++
  }
  return out
}
