/**
 * Texts in columns, as the book's labs are written: labels at the left, statements at column 8, comments at column 32. What is
 * too long for its column pushes it to the right, for the lines around it as well. Nothing but white space changes.
 */
import { directives, mnemonics, tokenize, type Token } from '../../../emulator/isa/assembler/index.ts'

const STATEMENT_COLUMN = 8
const COMMENT_COLUMN = 32
/** Columns to the right of that are multiples of this. */
const COMMENT_STEP = 8
/** A line that is longer has its comment right behind it and moves no other. */
const LONGEST_ALIGNED = 56
/** A comment alone in its line that is this far to the right goes on from the line before. */
const CONTINUED_COLUMN = 16

interface Line {
  /** "start:", or nothing. */
  readonly label: string
  /** What is not at the statement column, before the comment: text to be taken as it is. */
  readonly verbatim: string
  readonly statement: string
  readonly comment: string
  /** A comment alone in its line: where it was. */
  readonly commentColumn: number
}

type Reader = (line: string) => Line

const NO_LINE: Line = { label: '', verbatim: '', statement: '', comment: '', commentColumn: 0 }
const MNEMONICS: ReadonlySet<string> = new Set(mnemonics)
const DIRECTIVES: ReadonlySet<string> = new Set(directives)

function isWord({ lower }: Token): boolean {
  return MNEMONICS.has(lower) || DIRECTIVES.has(lower)
}

/** Whether a line begins with a label, and with how many tokens. */
function labelTokens([first, second]: readonly Token[]): number {
  if (first === undefined || (first.kind !== 'identifier' && first.kind !== 'local')) return 0
  if (second?.text === ':') return 2
  return !isWord(first) && second?.kind === 'identifier' && DIRECTIVES.has(second.lower) ? 1 : 0
}

/** Tokens with single spaces where there was white space, and after commas. */
function joined(line: string, tokens: readonly Token[]): string {
  return tokens
    .map((token, index) => {
      const text = line.slice(token.column - 1, token.endColumn - 1)
      const isFirst = index === 0
      const followsComma = tokens[index - 1]?.text === ','
      return isFirst || token.text === ',' || (token.glued && !followsComma) ? text : ` ${text}`
    })
    .join('')
}

function readAssembly(line: string): Line {
  const all = tokenize(line)
  const last = all.at(-1)
  const comment = last?.kind === 'comment' ? line.slice(last.column - 1).trimEnd() : ''
  const tokens = comment === '' ? all : all.slice(0, -1)
  const [first] = tokens
  if (first === undefined)
    return { ...NO_LINE, comment, commentColumn: last === undefined ? 0 : last.column - 1 }
  // Lines of the preprocessor keep their indentation, and so does a name alone at the left: it may be a label or a macro.
  if (first.kind === 'directive' || (tokens.length === 1 && first.column === 1 && !isWord(first)))
    return { ...NO_LINE, verbatim: line.slice(0, first.column - 1) + joined(line, tokens), comment }
  const size = labelTokens(tokens)
  return {
    ...NO_LINE,
    label: joined(line, tokens.slice(0, size)).replace(/ :$/, ':'),
    statement: joined(line, tokens.slice(size)),
    comment,
  }
}

function readVmcb(line: string): Line {
  const at = line.indexOf(';')
  const comment = at < 0 ? '' : line.slice(at).trimEnd()
  const code = at < 0 ? line : line.slice(0, at)
  if (code.trim() === '') return { ...NO_LINE, comment, commentColumn: Math.max(0, at) }
  const equals = code.indexOf('=')
  const words = (text: string): string => text.trim().replaceAll(/\s+/g, ' ')
  const values = code
    .slice(equals + 1)
    .split(',')
    .map(words)
    .join(', ')
  return {
    ...NO_LINE,
    verbatim: equals < 0 ? code.trim() : `${words(code.slice(0, equals))} = ${values}`.trimEnd(),
    comment,
  }
}

/** Stretches of neighbouring lines that satisfy `belongs`, each with what `measure` gives for it. */
function overRuns<T>(
  lines: readonly T[],
  belongs: (line: T) => boolean,
  measure: (run: readonly T[]) => number,
): number[] {
  const columns: number[] = []
  for (let i = 0; i < lines.length;) {
    let end = i
    while (end < lines.length && belongs(lines[end])) end++
    if (end === i) {
      columns.push(0)
      i++
      continue
    }
    const column = measure(lines.slice(i, end))
    while (i < end) {
      columns.push(column)
      i++
    }
  }
  return columns
}

function withStatement({ label, verbatim, statement }: Line, column: number): string {
  if (verbatim !== '') return verbatim
  if (statement === '') return label
  return label.padEnd(Math.max(column, STATEMENT_COLUMN)) + statement
}

/** The first comment column behind `length` characters. */
function commentColumnAfter(length: number): number {
  if (length < COMMENT_COLUMN) return COMMENT_COLUMN
  return Math.ceil((length + 1) / COMMENT_STEP) * COMMENT_STEP
}

function format(text: string, read: Reader): string {
  const source = text.split('\n')
  // A line that ends in "\" and the one in which it goes on are left alone.
  const isContinued = source.map(
    (line, index) => /\\\s*$/.test(line) || /\\\s*$/.test(source[index - 1] ?? ''),
  )
  const lines = source.map((line, index) =>
    isContinued[index] ? { ...NO_LINE, verbatim: line } : read(line.replaceAll('\t', ' ')),
  )
  const statementColumns = overRuns(
    lines,
    ({ label, statement }) => label !== '' && statement !== '',
    (run) => Math.max(...run.map(({ label }) => label.length + 1)),
  )
  const codes = lines.map((line, index) => withStatement(line, statementColumns[index]))
  const commented = lines.map(({ comment, commentColumn }, index) => ({
    hasComment: comment !== '' && (codes[index] !== '' || commentColumn >= CONTINUED_COLUMN),
    length: codes[index].length,
  }))
  const commentColumns = overRuns(
    commented,
    ({ hasComment }) => hasComment,
    (run) => Math.max(...run.map(({ length }) => commentColumnAfter(length <= LONGEST_ALIGNED ? length : 0))),
  )
  return lines
    .map(({ comment, commentColumn }, index) => {
      const code = codes[index]
      if (comment === '') return isContinued[index] ? code : code.trimEnd()
      if (commented[index].hasComment) {
        const isAligned = code.length < commentColumns[index]
        return (isAligned ? code.padEnd(commentColumns[index]) : `${code} `) + comment
      }
      return (commentColumn === 0 ? '' : ' '.repeat(STATEMENT_COLUMN)) + comment
    })
    .join('\n')
}

/** The formatted text, line by line. Formatting it again changes nothing. */
export function formatAssembly(text: string): string {
  return format(text, readAssembly)
}

/** As formatAssembly(), for .vmcb texts. */
export function formatVmcb(text: string): string {
  return format(text, readVmcb)
}

/** By the file's name; texts in other languages stay as they are. */
export function formatText(name: string, text: string): string {
  if (name.endsWith('.vmcb')) return formatVmcb(text)
  return /\.(asm|inc)$/.test(name) ? formatAssembly(text) : text
}
