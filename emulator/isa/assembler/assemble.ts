/**
 * The assembler: NASM syntax in, a flat binary and diagnostics out. Each line is read and parsed once (preprocessor.ts,
 * program.ts); the layout then places the statements (layout.ts), and the bytes are written last (emit.ts).
 */
import type { CodeBits } from '../instruction.ts'
import { Diagnostics, type Diagnostic } from './diagnostics.ts'
import { emit, type LineBytes } from './emit.ts'
import { settle } from './layout.ts'
import { isMnemonic } from './mnemonics.ts'
import { preprocess } from './preprocessor.ts'
import { Program } from './program.ts'
import { SymbolTable } from './symbols.ts'

export interface AssemblyInput {
  /** Source text by name; `%include "name"` finds them here. */
  readonly files: ReadonlyMap<string, string>
  readonly entry: string
  /** Code size until the first `bits`; 16, as in NASM's flat binaries, if left out. */
  readonly bits?: CodeBits
  /** Largest program, in bytes; 16 MiB if left out. */
  readonly maxBytes?: number
  /** Numbers that the source may use by name. */
  readonly symbols?: ReadonlyMap<string, bigint>
}

export interface Assembly {
  /** The program from `origin` on; empty if there are errors. */
  readonly bytes: Uint8Array
  /** The address of the first byte, as `org` says. */
  readonly origin: bigint
  /** Labels (local ones in full, `main.loop`) and `equ` numbers; not the `%%` labels of macros. */
  readonly symbols: ReadonlyMap<string, bigint>
  readonly lines: readonly LineBytes[]
  readonly diagnostics: readonly Diagnostic[]
}

const DEFAULT_MAX_BYTES = 16 * 1024 * 1024

/** Assembles `entry`. Never throws; what is wrong with the source is in `diagnostics`. */
export function assemble(input: AssemblyInput): Assembly {
  const diagnostics = new Diagnostics()
  const symbols = new SymbolTable(input.symbols ?? new Map())
  const program = new Program(input.bits ?? 16, symbols, (place, at, code, message, hint) =>
    diagnostics.report(place, at, 'warning', code, message, hint),
  )
  preprocess(input.entry, {
    files: input.files,
    diagnostics,
    constant: (name) => symbols.constant(name),
    isMnemonic,
    line: (place, tokens) => diagnostics.attempt(place, () => program.parseLine(place, tokens)),
  })
  const allDefined = symbols.reportUndefined(diagnostics)
  const settled = settle(program, input.maxBytes ?? DEFAULT_MAX_BYTES, diagnostics)
  if (settled && allDefined) symbols.reportCircular(program.statements, diagnostics)
  const { bytes, lines } = settled ? emit(program, diagnostics) : { bytes: new Uint8Array(0), lines: [] }
  const failed = diagnostics.hasErrors
  return {
    bytes: failed ? new Uint8Array(0) : bytes,
    origin: program.origin,
    symbols: symbols.values(),
    lines: failed ? [] : lines,
    diagnostics: diagnostics.sorted(),
  }
}
