/** Multi-line macros: %macro, its parameters and how a line of its body is filled in (NASM manual §4.3). */
import { Cursor } from './cursor.ts'
import { joined, moveTo } from './defines.ts'
import { Problem } from './diagnostics.ts'
import type { SourceLine, Token } from './lexer.ts'

export interface Macro {
  readonly name: string
  readonly file: string
  readonly line: number
  /** How many parameters it takes; `most` is Infinity for `2-*`. */
  readonly least: number
  readonly most: number
  /** `+`: the last parameter takes the rest of the line, commas included. */
  readonly greedy: boolean
  /** Values of parameters that are left out, for the last ones of 1..most. */
  readonly defaults: readonly (readonly Token[])[]
  readonly body: readonly SourceLine[]
}

/** One expansion of a macro. */
export interface MacroCall {
  readonly macro: Macro
  /** The name in the invocation; text of the body takes its place in diagnostics. */
  readonly site: Token
  /** Makes `%%name` unique. */
  readonly serial: number
  /** %rotate turns this list. */
  arguments: readonly (readonly Token[])[]
}

/** Reads what follows `%macro`: name, parameter count, defaults. */
export function parseMacroHeader(line: SourceLine, body: readonly SourceLine[]): Macro {
  const cursor: Cursor = new Cursor(line.tokens, 1)
  const name = cursor.peek()
  if (name?.kind !== 'identifier')
    cursor.fail('syntax-error', `%macro wants a name, found ${cursor.describe()}`)
  cursor.next()
  const least = parseCount(cursor)
  const most = !cursor.takeOperator('-') ? least : cursor.takeOperator('*') ? Infinity : parseCount(cursor)
  if (most < least)
    cursor.fail(
      'syntax-error',
      `the parameter range ${least}-${most} is empty`,
      'write the smaller number first',
    )
  const greedy = cursor.takeOperator('+')
  cursor.takeWord('.nolist')
  const defaults = cursor.atEnd ? [] : splitAtCommas(cursor.rest())
  return { name: name.text, file: line.file, line: line.line, least, most, greedy, defaults, body }
}

function parseCount(cursor: Cursor): number {
  const token = cursor.peek()
  if (token?.kind !== 'number' || token.value > 1000n) {
    cursor.fail(
      'syntax-error',
      `%macro wants a parameter count, found ${cursor.describe()}`,
      "for example '%macro name 2' or '%macro name 1-3'",
    )
  }
  return Number(cursor.next().value)
}

/** Splits at commas that are not inside braces, and drops the braces around an argument. */
export function splitAtCommas(tokens: readonly Token[]): Token[][] {
  if (tokens.length === 0) return []
  const list: Token[][] = [[]]
  let depth = 0
  for (const token of tokens) {
    const operator = token.kind === 'operator' ? token.text : ''
    if (operator === ',' && depth === 0) {
      list.push([])
      continue
    }
    if (operator === '{' && depth++ === 0) continue
    if (operator === '}' && --depth === 0) continue
    list.at(-1)!.push(token)
  }
  return list
}

/** The macro of this name that takes so many arguments. */
export function selectMacro(overloads: readonly Macro[], count: number): Macro | undefined {
  return overloads.find((macro) => count >= macro.least && (count <= macro.most || macro.greedy))
}

/** "2", "1 to 3", "2 or more": for messages. */
export function describeCount(macro: Macro): string {
  if (macro.greedy || macro.most === Infinity) return `${macro.least} or more`
  return macro.least === macro.most ? `${macro.least}` : `${macro.least} to ${macro.most}`
}

/** The arguments of a call: defaults filled in, the rest of the line gathered in the last one of a greedy macro. */
export function bindArguments(
  macro: Macro,
  given: readonly (readonly Token[])[],
  rest: readonly Token[],
): readonly (readonly Token[])[] {
  const bound = [...given]
  if (macro.greedy && given.length >= macro.most && macro.most > 0) {
    const last = given[macro.most - 1].at(0)
    bound.length = macro.most - 1
    bound.push(last === undefined ? [] : rest.slice(rest.indexOf(last)))
  }
  return bound.length < macro.least ? bound : [...bound, ...macro.defaults.slice(bound.length - macro.least)]
}

/** A line of the body with %1, %0 and %%name replaced; the result stands at the invocation. */
export function fillIn(tokens: readonly Token[], call: MacroCall): Token[] {
  const out: Token[] = []
  for (const token of tokens) {
    for (const [i, part] of replacement(token, call).entries()) {
      const left = out.at(-1)
      const isJoint = i === 0 && token.glued && left !== undefined && isWord(left) && isWord(part)
      const word = isJoint ? joined(left, part) : undefined
      if (word === undefined) out.push(part)
      else out[out.length - 1] = word
    }
  }
  return out
}

function isWord(token: Token): boolean {
  return token.kind === 'identifier' || token.kind === 'number'
}

function replacement(token: Token, call: MacroCall): readonly Token[] {
  const { site, serial } = call
  if (token.kind === 'local') {
    const name = `..@${serial}.${token.text}`
    return [{ ...moveTo(site, token), kind: 'identifier', text: name, lower: name }]
  }
  if (token.kind !== 'parameter') return [moveTo(site, token)]
  const number = Number(token.text)
  if (number === 0) {
    const count = call.arguments.length
    return [
      { ...moveTo(site, token), kind: 'number', text: `${count}`, lower: `${count}`, value: BigInt(count) },
    ]
  }
  const argument = call.arguments.at(number - 1)
  if (argument === undefined && number > Math.max(call.macro.most, call.arguments.length)) {
    throw new Problem(
      site,
      'no-such-parameter',
      `%${number} is used, but '${call.macro.name}' has ${call.arguments.length} parameters`,
    )
  }
  return argument ?? []
}
