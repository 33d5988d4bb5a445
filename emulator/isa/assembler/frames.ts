/** What the preprocessor is reading: files, macro bodies and bodies of %rep, inside one another. */
import { Problem, type Place } from './diagnostics.ts'
import type { SourceLine, Token } from './lexer.ts'
import type { Macro, MacroCall } from './macros.ts'

/** Files, macros and repetitions inside one another. */
const MAX_NESTING = 128

/** Lines being read. */
export interface Frame {
  readonly kind: 'file' | 'macro' | 'repeat'
  readonly lines: readonly SourceLine[]
  readonly file: string
  /** The macro whose parameters the lines may use. */
  readonly call: MacroCall | undefined
  /** Where diagnostics of a macro body go: the line of the outermost invocation. */
  readonly site: Place | undefined
  /** Conditions that were open when the frame was entered. */
  readonly conditionDepth: number
  repetitionsLeft: number
  next: number
}

export class Frames {
  private readonly stack: Frame[] = []

  /** Begins to read `frame`; `at` is what the reader wrote for it. */
  enter(frame: Omit<Frame, 'next'>, at: Token): void {
    if (this.stack.length >= MAX_NESTING) {
      const message = `includes, macros and repetitions are nested more than ${MAX_NESTING} deep`
      throw new Problem(at, 'nesting-too-deep', message)
    }
    this.stack.push({ ...frame, next: 0 })
  }

  /** The next line and its frame, or undefined at the end of everything. Frames at their end are left or repeated. */
  nextLine(): { line: SourceLine; frame: Frame } | undefined {
    for (;;) {
      const frame = this.stack.at(-1)
      if (frame === undefined) return undefined
      if (frame.next < frame.lines.length) return { line: frame.lines[frame.next++], frame }
      if (frame.repetitionsLeft > 0) {
        frame.repetitionsLeft--
        frame.next = 0
      } else {
        this.stack.pop()
      }
    }
  }

  /** Leaves the innermost %rep and what it encloses; undefined if there is none. */
  leaveRepetition(): Frame | undefined {
    const innermost = this.stack.findLastIndex((frame) => frame.kind === 'repeat')
    return innermost < 0 ? undefined : this.stack.splice(innermost)[0]
  }

  /** The files being read, the entry first. */
  openFiles(): string[] {
    return this.stack.filter((frame) => frame.kind === 'file').map((frame) => frame.file)
  }

  isRunning(macro: Macro): boolean {
    return this.stack.some((frame) => frame.call?.macro === macro)
  }
}

/** Takes the lines up to the directive that closes a block; one frame must hold them all. */
export function collectBlock(frame: Frame, opener: Token, open: string, close: string): SourceLine[] {
  const start = frame.next
  for (let depth = 1; frame.next < frame.lines.length;) {
    const first = frame.lines[frame.next++].tokens[0]
    if (first.lower === open) depth++
    else if (first.lower === close && --depth === 0) return frame.lines.slice(start, frame.next - 1)
  }
  throw new Problem(opener, 'unbalanced-block', `this ${open} has no ${close}`)
}

/** Where diagnostics of a line belong: the line itself, or the invocation whose expansion it is. */
export function placeOf({ call, site }: Frame, { file, line }: SourceLine): Place {
  if (call === undefined || site === undefined) return { file, line, expansion: '' }
  return { file: site.file, line: site.line, expansion: `macro '${call.macro.name}' at ${file}:${line}` }
}

/** A token of a line, placed where diagnostics of the line belong. */
export function tokenAt({ call }: Frame, token: Token): Token {
  if (call === undefined) return token
  const { line, column, endColumn } = call.site
  return { ...token, line, column, endColumn }
}
