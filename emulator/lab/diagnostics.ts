/** A problem in a reader's or an author's text, with its place. The assembler's diagnostics have the same shape. */
export type { Diagnostic } from '../isa/index.ts'
import type { Diagnostic } from '../isa/index.ts'

export interface Place {
  readonly file: string
  /** 1-based; `endColumn` is one past the last character. */
  readonly line: number
  readonly column: number
  readonly endColumn: number
}

/** An error at a place. `hint` says what to do about it, or is empty. */
export function errorAt(place: Place, code: string, message: string, hint = ''): Diagnostic {
  return { ...place, severity: 'error', code, message, hint }
}

/** True when nothing in the list keeps the text from being used. */
export function isUsable(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.every((diagnostic) => diagnostic.severity !== 'error')
}
