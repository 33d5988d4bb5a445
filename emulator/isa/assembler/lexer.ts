/** Source text to tokens, one line at a time (NASM manual §3.1 to §3.4: layout of a line, numbers, strings). */
import type { Range } from './diagnostics.ts'

export type TokenKind =
  | 'identifier'
  | 'number'
  | 'string'
  | 'operator'
  /** `%name`: a preprocessor directive. */
  | 'directive'
  /** `%1`, `%0`, `%{2}`, and `%%name`, which names a label of this expansion only. */
  | 'parameter'
  | 'local'
  | 'comment'
  /** Not a token of the language; `problem` says why. */
  | 'invalid'

export interface Token extends Range {
  readonly kind: TokenKind
  /** As written; for strings the content with escapes resolved, for `$name` the name, for parameters the number. */
  readonly text: string
  /** Lower case, for words that NASM reads in any case; `$name` keeps its `$` here so that it is never a keyword. */
  readonly lower: string
  /** Numbers: the value, 0 to 2^64 - 1. */
  readonly value: bigint
  /** True if no space separates it from the token before; macro parameters then join with their neighbours. */
  readonly glued: boolean
  /** Kind 'invalid': the message. */
  readonly problem: string
}

/** A line of source after joining lines that end in `\`; comments are left out. */
export interface SourceLine {
  readonly file: string
  readonly line: number
  readonly tokens: readonly Token[]
}

const SPACE = 1
const DIGIT = 2
const NAME_START = 4
const NAME_PART = 8

/** What each ASCII character may be; characters outside ASCII may be part of a name, as in NASM. */
const CLASSES = new Uint8Array(128)
for (const c of ' \t\r\f\v') CLASSES[c.charCodeAt(0)] = SPACE
for (const c of '0123456789') CLASSES[c.charCodeAt(0)] = DIGIT | NAME_PART
for (const c of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.?@')
  CLASSES[c.charCodeAt(0)] = NAME_START | NAME_PART
for (const c of '$#~') CLASSES[c.charCodeAt(0)] = NAME_PART

/** `code` is NaN behind the end of a line. */
function classOf(code: number): number {
  if (code < 128) return CLASSES[code]!
  return code >= 128 ? NAME_START | NAME_PART : 0
}

function endOfName(text: string, from: number): number {
  let end = from
  while (end < text.length && (classOf(text.charCodeAt(end)) & NAME_PART) !== 0) end++
  return end
}

/** Operators longer than one character, longest first. */
const LONG_OPERATORS = [
  '<<<',
  '>>>',
  '<=>',
  '<<',
  '>>',
  '//',
  '%%',
  '==',
  '!=',
  '<>',
  '<=',
  '>=',
  '&&',
  '||',
  '^^',
  '$$',
  '%+',
]
const ONE_CHARACTER_OPERATORS = '+-*/%&|^~!()[]{},:=<>$\\'

const MAX_VALUE = (1n << 64n) - 1n

/** Radix letters, as prefix (`0x1f`) and, x apart, as suffix (`1fh`). */
const RADIX: Readonly<Record<string, number>> = { x: 16, h: 16, d: 10, t: 10, o: 8, q: 8, b: 2, y: 2 }
const DIGITS_OF: Readonly<Record<number, RegExp>> = {
  16: /^[0-9a-f]+$/,
  10: /^[0-9]+$/,
  8: /^[0-7]+$/,
  2: /^[01]+$/,
}
const BIGINT_PREFIX: Readonly<Record<number, string>> = { 16: '0x', 10: '', 8: '0o', 2: '0b' }

/** The value of a NASM number, or what is wrong with it. Where prefix and suffix both name a radix, the larger wins. */
function readNumber(written: string): bigint | string {
  const text = written.toLowerCase().replaceAll('_', '')
  const prefix = text[0] === '0' && text.length > 2 ? (RADIX[text[1]!] ?? 0) : 0
  const suffix = text.endsWith('x') ? 0 : (RADIX[text.at(-1)!] ?? 0)
  const isPrefixed = text[0] === '$' || (prefix !== 0 && prefix >= suffix)
  const radix = text[0] === '$' ? 16 : isPrefixed ? prefix : suffix === 0 ? 10 : suffix
  const digits =
    text[0] === '$' ? text.slice(1) : isPrefixed ? text.slice(2) : suffix === 0 ? text : text.slice(0, -1)
  if (!DIGITS_OF[radix]!.test(digits)) {
    if (/^[0-9]+\.|^[0-9]+e[+-]?[0-9]+$/.test(text))
      return `'${written}' is a floating-point number; only integers are supported`
    return `'${written}' is not a number of base ${radix}`
  }
  if (digits.length > 70) return `'${written.slice(0, 20)}...' does not fit 64 bits`
  const value = BigInt(BIGINT_PREFIX[radix]! + digits)
  return value > MAX_VALUE ? `'${written}' does not fit 64 bits` : value
}

/** Escapes of back-quoted strings (NASM manual §3.4.1). */
const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  e: '\x1b',
  '0': '\0',
}

function unescape(content: string): string {
  return content.replace(/\\(?:x([0-9a-fA-F]{1,2})|(.))/gs, (_, hex: string | undefined, char: string) =>
    hex === undefined ? (ESCAPES[char] ?? char) : String.fromCharCode(parseInt(hex, 16)),
  )
}

/** Index after the closing quote, or -1. Only back quotes know `\` escapes. */
function endOfString(text: string, from: number): number {
  const quote = text[from]!
  for (let i = from + 1; i < text.length; i++) {
    if (text[i] === '\\' && quote === '`') i++
    else if (text[i] === quote) return i + 1
  }
  return -1
}

/** Appends the tokens of one physical line, comments included. Columns count from 1. */
function scan(text: string, line: number, out: Token[]): void {
  let at = 0
  let lastEnd = -1
  const push = (
    kind: TokenKind,
    end: number,
    content: string,
    lower = content,
    value = 0n,
    problem = '',
  ): void => {
    out.push({
      kind,
      text: content,
      lower,
      value,
      line,
      column: at + 1,
      endColumn: end + 1,
      glued: at === lastEnd,
      problem,
    })
    at = lastEnd = end
  }
  while (at < text.length) {
    const code = text.charCodeAt(at)
    const kind = classOf(code)
    if (kind === SPACE) {
      at++
    } else if ((kind & NAME_START) !== 0) {
      const end = endOfName(text, at)
      const name = text.slice(at, end)
      push('identifier', end, name, name.toLowerCase())
    } else if ((kind & DIGIT) !== 0) {
      scanNumber(endOfName(text, at))
    } else if (code === 0x3b /* ; */) {
      push('comment', text.length, text.slice(at))
    } else if (code === 0x27 || code === 0x22 || code === 0x60 /* ' " ` */) {
      scanString()
    } else if (code === 0x25 /* % */) {
      scanPercent()
    } else if (code === 0x24 /* $ */) {
      scanDollar()
    } else {
      scanOperator()
    }
  }

  function scanNumber(end: number): void {
    const written = text.slice(at, end)
    const value = readNumber(written)
    if (typeof value === 'string') push('invalid', end, written, written, 0n, value)
    else push('number', end, written, written, value)
  }

  function scanString(): void {
    const end = endOfString(text, at)
    if (end < 0) {
      push('invalid', text.length, text.slice(at), '', 0n, `this string has no closing ${text[at]}`)
      return
    }
    const content = text.slice(at + 1, end - 1)
    push('string', end, text[at] === '`' ? unescape(content) : content, '')
  }

  /** `%name`, `%1`, `%{1}`, `%{name}`, `%%name`; otherwise an operator. */
  function scanPercent(): void {
    const next = text.charCodeAt(at + 1)
    const second = text[at + 1] === '%' ? text.charCodeAt(at + 2) : NaN
    if (text[at + 1] === '{') {
      const close = text.indexOf('}', at)
      const inner = close < 0 ? '' : text.slice(at + 2, close)
      if (/^[0-9]{1,4}$/.test(inner)) push('parameter', close + 1, inner)
      else if (/^%[A-Za-z_.?@]/.test(inner)) push('local', close + 1, inner.slice(1))
      else
        push(
          'invalid',
          close < 0 ? text.length : close + 1,
          inner,
          '',
          0n,
          `'%{' wants a parameter number and '}'`,
        )
    } else if ((classOf(next) & DIGIT) !== 0) {
      let end = at + 2
      while ((classOf(text.charCodeAt(end)) & DIGIT) !== 0 && end < text.length) end++
      push('parameter', end, text.slice(at + 1, end))
    } else if ((classOf(next) & NAME_START) !== 0) {
      const end = endOfName(text, at + 1)
      push('directive', end, text.slice(at, end), text.slice(at, end).toLowerCase())
    } else if ((classOf(second) & NAME_START) !== 0) {
      const end = endOfName(text, at + 2)
      push('local', end, text.slice(at + 2, end))
    } else {
      scanOperator()
    }
  }

  /** `$1f` is a hexadecimal number, `$name` a symbol that may look like a keyword, `$` and `$$` are positions. */
  function scanDollar(): void {
    const next = text.charCodeAt(at + 1)
    if ((classOf(next) & DIGIT) !== 0) scanNumber(endOfName(text, at + 1))
    else if ((classOf(next) & NAME_START) !== 0) {
      const end = endOfName(text, at + 1)
      push('identifier', end, text.slice(at + 1, end), text.slice(at, end))
    } else scanOperator()
  }

  function scanOperator(): void {
    const long = LONG_OPERATORS.find((operator) => text.startsWith(operator, at))
    if (long !== undefined) push('operator', at + long.length, long)
    else if (ONE_CHARACTER_OPERATORS.includes(text[at]!)) push('operator', at + 1, text[at]!)
    else push('invalid', at + 1, text[at]!, '', 0n, `the character '${text[at]}' means nothing here`)
  }
}

/** The tokens of one line, the comment included as a token of kind 'comment': what a highlighter needs. */
export function tokenize(text: string, line = 1): Token[] {
  const tokens: Token[] = []
  scan(text, line, tokens)
  return tokens
}

/** The lines of a file that hold tokens. A line that ends in `\` goes on in the next. */
export function lexFile(file: string, text: string): SourceLine[] {
  const physical = text.split('\n')
  const lines: SourceLine[] = []
  for (let i = 0; i < physical.length; i++) {
    const line = i + 1
    const tokens = tokenize(physical[i]!, line)
    while (tokens.at(-1)?.lower === '\\' && tokens.at(-1)!.kind === 'operator') {
      tokens.pop()
      if (i + 1 < physical.length) scan(physical[++i]!, i + 1, tokens)
    }
    if (tokens.at(-1)?.kind === 'comment') tokens.pop()
    if (tokens.length > 0) lines.push({ file, line, tokens })
  }
  return lines
}
