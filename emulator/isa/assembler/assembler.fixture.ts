/** Shorthands for the assembler's tests. */
import { assemble, type Assembly } from './assemble.ts'
import type { Diagnostic } from './diagnostics.ts'

/** Assembles `source` as main.asm, with further files for %include. */
export function assembleText(source: string, files: Readonly<Record<string, string>> = {}): Assembly {
  return assemble({ files: new Map([['main.asm', source], ...Object.entries(files)]), entry: 'main.asm' })
}

/** The bytes in hexadecimal; throws if there are errors. */
export function bytesOf(source: string, files: Readonly<Record<string, string>> = {}): string {
  const { bytes, diagnostics } = assembleText(source, files)
  const errors = diagnostics.filter((d) => d.severity === 'error')
  if (errors.length > 0) throw new Error(errors.map((d) => `${d.line}: ${d.message}`).join('\n'))
  return Buffer.from(bytes).toString('hex')
}

/** The first diagnostic; throws if there is none. */
export function firstProblem(source: string, files: Readonly<Record<string, string>> = {}): Diagnostic {
  const first = assembleText(source, files).diagnostics.at(0)
  if (first === undefined) throw new Error('no diagnostics')
  return first
}

/** "line:column-endColumn code" of every diagnostic. */
export function placesOf(source: string, files: Readonly<Record<string, string>> = {}): string[] {
  return assembleText(source, files).diagnostics.map((d) => `${d.line}:${d.column}-${d.endColumn} ${d.code}`)
}
