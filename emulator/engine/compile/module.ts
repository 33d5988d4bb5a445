/** Puts function bodies together into a WebAssembly module (core specification, binary format §5.5). */
import { Emitter } from './emitter.ts'
import { TYPE, type ValueType } from './opcodes.ts'

export interface Signature {
  readonly parameters: readonly ValueType[]
  readonly results: readonly ValueType[]
}

export interface FunctionBody {
  readonly signature: Signature
  /** Types of the locals after the parameters. */
  readonly locals: readonly ValueType[]
  /** Instructions without the final `end`. */
  readonly code: Uint8Array
}

export interface ModuleParts {
  /** Imported from module `e`; they take the first function indices. */
  readonly importedFunctions: readonly { readonly name: string; readonly signature: Signature }[]
  readonly functions: readonly FunctionBody[]
  /** Exported functions by name, as positions in `functions`. */
  readonly exports: Readonly<Record<string, number>>
}

const MAGIC_AND_VERSION = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const
const KIND = { function: 0, table: 1, memory: 2 } as const

function section(module: Emitter, id: number, write: (content: Emitter) => void): void {
  const content = new Emitter()
  write(content)
  module.byte(id)
  module.unsigned(content.length)
  module.append(content.bytes())
}

function name(out: Emitter, text: string): void {
  out.unsigned(text.length)
  for (let i = 0; i < text.length; i++) out.byte(text.charCodeAt(i))
}

/** Locals are encoded as runs of one type. */
function locals(out: Emitter, types: readonly ValueType[]): void {
  const runs: [number, ValueType][] = []
  for (const type of types) {
    const last = runs.at(-1)
    if (last?.[1] === type) last[0]++
    else runs.push([1, type])
  }
  out.unsigned(runs.length)
  for (const [count, type] of runs) {
    out.unsigned(count)
    out.byte(type)
  }
}

function signature(out: Emitter, { parameters, results }: Signature): void {
  out.byte(TYPE.function)
  out.unsigned(parameters.length)
  for (const type of parameters) out.byte(type)
  out.unsigned(results.length)
  for (const type of results) out.byte(type)
}

/**
 * The module's bytes. It imports memory `e.m` and table `e.t`. Type n is that of function n, imported ones first, so a
 * function's type index equals its function index.
 */
export function assembleModule({
  importedFunctions,
  functions,
  exports,
}: ModuleParts): Uint8Array<ArrayBuffer> {
  const module = new Emitter()
  for (const byte of MAGIC_AND_VERSION) module.byte(byte)

  section(module, SECTION.type, (out) => {
    out.unsigned(importedFunctions.length + functions.length)
    for (const imported of importedFunctions) signature(out, imported.signature)
    for (const body of functions) signature(out, body.signature)
  })
  section(module, SECTION.import, (out) => {
    out.unsigned(importedFunctions.length + 2)
    importedFunctions.forEach((imported, type) => {
      name(out, 'e')
      name(out, imported.name)
      out.byte(KIND.function)
      out.unsigned(type)
    })
    name(out, 'e')
    name(out, 'm')
    out.byte(KIND.memory)
    out.byte(0)
    out.unsigned(0)
    name(out, 'e')
    name(out, 't')
    out.byte(KIND.table)
    out.byte(TYPE.funcref)
    out.byte(0)
    out.unsigned(0)
  })
  section(module, SECTION.function, (out) => {
    out.unsigned(functions.length)
    functions.forEach((_, n) => out.unsigned(importedFunctions.length + n))
  })
  section(module, SECTION.export, (out) => {
    const entries = Object.entries(exports)
    out.unsigned(entries.length)
    for (const [text, n] of entries) {
      name(out, text)
      out.byte(KIND.function)
      out.unsigned(importedFunctions.length + n)
    }
  })
  section(module, SECTION.code, (out) => {
    out.unsigned(functions.length)
    for (const body of functions) {
      const content = new Emitter()
      locals(content, body.locals)
      content.append(body.code)
      content.byte(0x0b)
      out.unsigned(content.length)
      out.append(content.bytes())
    }
  })
  return new Uint8Array(module.bytes())
}
