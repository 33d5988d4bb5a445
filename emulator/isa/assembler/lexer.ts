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
  if (code < 128) return CLASSES[code]
  return code >= 128 ? NAME_START | NAME_PART : 0
}

function endOfName(text: string, from: number): number {
  let end = from
  while (end < text.length && (classOf(text.charCodeAt(end)) & NAME_PART) !== 0) end++
  return end
}

/** Operators longer than one character by the first one, the longest first. */
const LONG_OPERATORS: ReadonlyMap<string, readonly string[]> = new Map([
  ['<', ['<<<', '<=>', '<<', '<>', '<=']],
  ['>', ['>>>', '>>', '>=']],
  ['/', ['//']],
  ['%', ['%%', '%+']],
  ['=', ['==']],
  ['!', ['!=']],
  ['&', ['&&']],
  ['|', ['||']],
  ['^', ['^^']],
  ['$', ['$$']],
])
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
  const prefix = text[0] === '0' && text.length > 2 ? (RADIX[text[1]] ?? 0) : 0
  const suffix = text.endsWith('x') ? 0 : (RADIX[text.at(-1)!] ?? 0)
  const isPrefixed = text[0] === '$' || (prefix !== 0 && prefix >= suffix)
  const radix = text[0] === '$' ? 16 : isPrefixed ? prefix : suffix === 0 ? 10 : suffix
  const digits =
    text[0] === '$' ? text.slice(1) : isPrefixed ? text.slice(2) : suffix === 0 ? text : text.slice(0, -1)
  if (!DIGITS_OF[radix].test(digits)) {
    if (/^[0-9]+\.|^[0-9]+e[+-]?[0-9]+$/.test(text))
      return `'${written}' is a floating-point number; only integers are supported`
    return `'${written}' is not a number of base ${radix}`
  }
  if (digits.length > 70) return `'${written.slice(0, 20)}...' does not fit 64 bits`
  const value = BigInt(BIGINT_PREFIX[radix] + digits)
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
  const quote = text[from]
  for (let i = from + 1; i < text.length; i++) {
    if (text[i] === '\\' && quote === '`') i++
    else if (text[i] === quote) return i + 1
  }
  return -1
}

/** Appends the tokens of one physical line, comments included. Columns count from 1. */
class Scanner {
  private readonly text: string
  private readonly line: number
  private readonly out: Token[]
  private at = 0
  private lastEnd = -1

  constructor(text: string, line: number, out: Token[]) {
    this.text = text
    this.line = line
    this.out = out
  }

  scan(): void {
    const { text } = this
    while (this.at < text.length) {
      const code = text.charCodeAt(this.at)
      const kind = classOf(code)
      if (kind === SPACE) this.at++
      else if ((kind & NAME_START) !== 0) this.scanName()
      else if ((kind & DIGIT) !== 0) this.scanNumber(endOfName(text, this.at))
      else if (code === 0x3b /* ; */) this.push('comment', text.length, text.slice(this.at))
      else if (code === 0x27 || code === 0x22 || code === 0x60 /* ' " ` */) this.scanString()
      else if (code === 0x25 /* % */) this.scanPercent()
      else if (code === 0x24 /* $ */) this.scanDollar()
      else this.scanOperator()
    }
  }

  /** Adds the token from here to `end` and goes on behind it. */
  private push(kind: TokenKind, end: number, text: string, lower = text, value = 0n, problem = ''): void {
    const { line, at } = this
    const glued = at === this.lastEnd
    this.out.push({ kind, text, lower, value, line, column: at + 1, endColumn: end + 1, glued, problem })
    this.at = this.lastEnd = end
  }

  private pushInvalid(end: number, problem: string): void {
    this.push('invalid', end, this.text.slice(this.at, end), '', 0n, problem)
  }

  private scanName(): void {
    const end = endOfName(this.text, this.at)
    const name = this.text.slice(this.at, end)
    this.push('identifier', end, name, name.toLowerCase())
  }

  private scanNumber(end: number): void {
    const written = this.text.slice(this.at, end)
    const value = readNumber(written)
    if (typeof value === 'string') this.pushInvalid(end, value)
    else this.push('number', end, written, written, value)
  }

  private scanString(): void {
    const { text, at } = this
    const end = endOfString(text, at)
    if (end < 0) {
      this.pushInvalid(text.length, `this string has no closing ${text[at]}`)
      return
    }
    const content = text.slice(at + 1, end - 1)
    if (text[at] !== '`') {
      this.push('string', end, content, '')
      return
    }
    if (/\\x[89a-f][0-9a-f]/i.test(content)) {
      this.pushInvalid(end, 'escapes above \\x7f are not supported; write such a byte as a number of its own')
      return
    }
    this.push('string', end, unescape(content), '')
  }

  /** `%name`, `%1`, `%{1}`, `%{%name}`, `%%name`; otherwise an operator. */
  private scanPercent(): void {
    const { text, at } = this
    const next = text.charCodeAt(at + 1)
    const isDouble = text[at + 1] === '%' && (classOf(text.charCodeAt(at + 2)) & NAME_START) !== 0
    if (text[at + 1] === '{') {
      this.scanBraces()
    } else if ((classOf(next) & DIGIT) !== 0) {
      let end = at + 2
      while ((classOf(text.charCodeAt(end)) & DIGIT) !== 0) end++
      this.push('parameter', end, text.slice(at + 1, end))
    } else if ((classOf(next) & NAME_START) !== 0) {
      const end = endOfName(text, at + 1)
      const name = text.slice(at, end)
      this.push('directive', end, name, name.toLowerCase())
    } else if (isDouble) {
      const end = endOfName(text, at + 2)
      this.push('local', end, text.slice(at + 2, end))
    } else {
      this.scanOperator()
    }
  }

  private scanBraces(): void {
    const { text, at } = this
    const close = text.indexOf('}', at)
    const inner = close < 0 ? '' : text.slice(at + 2, close)
    if (/^[0-9]{1,4}$/.test(inner)) this.push('parameter', close + 1, inner)
    else if (/^%[A-Za-z_.?@]/.test(inner)) this.push('local', close + 1, inner.slice(1))
    else this.pushInvalid(close < 0 ? text.length : close + 1, "'%{' wants a parameter number and '}'")
  }

  /** `$1f` is a hexadecimal number, `$name` a symbol that may look like a keyword, `$` and `$$` are positions. */
  private scanDollar(): void {
    const { text, at } = this
    const next = classOf(text.charCodeAt(at + 1))
    const end = endOfName(text, at + 1)
    if ((next & DIGIT) !== 0) this.scanNumber(end)
    else if ((next & NAME_START) !== 0)
      this.push('identifier', end, text.slice(at + 1, end), text.slice(at, end))
    else this.scanOperator()
  }

  private scanOperator(): void {
    const { text, at } = this
    const first = text[at]
    const long = LONG_OPERATORS.get(first)?.find((operator) => text.startsWith(operator, at))
    if (long !== undefined) this.push('operator', at + long.length, long)
    else if (ONE_CHARACTER_OPERATORS.includes(first)) this.push('operator', at + 1, first)
    else this.pushInvalid(at + 1, `the character '${first}' means nothing here`)
  }
}

/** The tokens of one line, the comment included as a token of kind 'comment': what a highlighter needs. */
export function tokenize(text: string, line = 1): Token[] {
  const tokens: Token[] = []
  new Scanner(text, line, tokens).scan()
  return tokens
}

/** The lines of a file that hold tokens. A line that ends in `\` goes on in the next. */
export function lexFile(file: string, text: string): SourceLine[] {
  const physical = text.split('\n')
  const lines: SourceLine[] = []
  for (let i = 0; i < physical.length; i++) {
    const line = i + 1
    const tokens = tokenize(physical[i], line)
    while (tokens.at(-1)?.lower === '\\' && tokens.at(-1)!.kind === 'operator') {
      tokens.pop()
      if (i + 1 < physical.length) new Scanner(physical[++i], i + 1, tokens).scan()
    }
    if (tokens.at(-1)?.kind === 'comment') tokens.pop()
    if (tokens.length > 0) lines.push({ file, line, tokens })
  }
  return lines
}
