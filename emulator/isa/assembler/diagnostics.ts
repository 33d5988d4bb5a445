/** Diagnostics: where a problem is, the rule that was broken and how to mend it. Parsing stops a line with `Problem`. */

/** A problem in the source. Lines and columns count from 1; `endColumn` is the column after the last character. */
export interface Diagnostic {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly endColumn: number
  readonly severity: 'error' | 'warning'
  /** Stable, kebab-case. */
  readonly code: string
  readonly message: string
  readonly hint: string
}

/** A stretch of one source line. */
export interface Range {
  readonly line: number
  readonly column: number
  readonly endColumn: number
}

/** Where a statement was written. Lines of a macro body carry the file and line of the outermost invocation. */
export interface Place {
  readonly file: string
  readonly line: number
  /** The macro line that the statement really comes from, e.g. "macro 'outb' at io.inc:12"; empty outside macros. */
  readonly expansion: string
}

/** Ends the parsing of one line; whoever reads lines catches it and reports it at that line's place. */
export class Problem extends Error {
  readonly code: string
  readonly at: Range
  readonly hint: string

  constructor(at: Range, code: string, message: string, hint = '') {
    super(message)
    this.at = at
    this.code = code
    this.hint = hint
  }
}

/** Reporting stops here: a reader mends the first errors first, and random input must not fill memory. */
const MAX_DIAGNOSTICS = 500

/** Collects diagnostics in the order found; the same problem met again (in a loop, in a later pass) counts once. */
export class Diagnostics {
  private readonly list: Diagnostic[] = []
  private readonly seen = new Set<string>()
  private errors = 0

  get hasErrors(): boolean {
    return this.errors > 0
  }

  report(
    place: Place,
    at: Range,
    severity: 'error' | 'warning',
    code: string,
    message: string,
    hint = '',
  ): void {
    if (severity === 'error') this.errors++
    const text = place.expansion === '' ? message : `${message} (in ${place.expansion})`
    const key = `${place.file}:${at.line}:${at.column}:${code}:${text}`
    if (this.seen.has(key) || this.list.length >= MAX_DIAGNOSTICS) return
    this.seen.add(key)
    const { line, column, endColumn } = at
    this.list.push({ file: place.file, line, column, endColumn, severity, code, message: text, hint })
  }

  /** Runs `action`; a `Problem` it throws becomes an error at `place`, and the result is then undefined. */
  attempt<T>(place: Place, action: () => T): T | undefined {
    try {
      return action()
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem
      this.report(place, problem.at, 'error', problem.code, problem.message, problem.hint)
      return undefined
    }
  }

  /** All diagnostics, by file in the order first met, then by line and column. */
  sorted(): Diagnostic[] {
    const files = [...new Set(this.list.map((d) => d.file))]
    const order = (d: Diagnostic): number => files.indexOf(d.file)
    return [...this.list].sort((a, b) => order(a) - order(b) || a.line - b.line || a.column - b.column)
  }
}
