/** Symbols: labels, whose value the layout finds, and names that `equ` or the caller defines. */
import { Problem, type Diagnostics, type Place, type Range } from './diagnostics.ts'
import { evaluate, symbolValue, type Value } from './expression.ts'
import type { Section } from './sections.ts'
import type { Statement } from './statement.ts'
import { Suggestions } from './suggest.ts'

/** What a symbol stands for. Labels and positions are offsets in a section until the layout has placed it. */
export type Definition =
  | { readonly kind: 'constant'; readonly value: bigint }
  | { readonly kind: 'label'; readonly position: Position }
  /** `value` is that of the last pass; undefined while something in the expression has no value. */
  | { readonly kind: 'equ'; value: Value | undefined }

/** A place in a section. `offset` changes from pass to pass; -1 before the first. */
export interface Position {
  readonly section: Section
  offset: number
}

export interface SymbolEntry {
  readonly name: string
  definition: Definition | undefined
  definedAt: string
}

interface Reference {
  readonly symbol: SymbolEntry
  readonly place: Place
  readonly at: Range
}

/** All symbols by name. A name that is only referred to has an entry without definition. */
export class SymbolTable {
  readonly entries = new Map<string, SymbolEntry>()
  private readonly references: Reference[] = []

  constructor(predefined: ReadonlyMap<string, bigint>) {
    for (const [name, value] of predefined) {
      this.entries.set(name, { name, definition: { kind: 'constant', value }, definedAt: 'the command line' })
    }
  }

  private intern(name: string): SymbolEntry {
    let entry = this.entries.get(name)
    if (entry === undefined) {
      entry = { name, definition: undefined, definedAt: '' }
      this.entries.set(name, entry)
    }
    return entry
  }

  /** The symbol's entry, remembering the place in case nothing ever defines it. */
  refer(name: string, place: Place, at: Range): SymbolEntry {
    const entry = this.intern(name)
    if (entry.definition === undefined) this.references.push({ symbol: entry, place, at })
    return entry
  }

  define(name: string, definition: Definition, place: Place, at: Range): void {
    const entry = this.intern(name)
    if (entry.definition !== undefined) {
      throw new Problem(
        at,
        'duplicate-symbol',
        `'${name}' is already defined, at ${entry.definedAt}`,
        'rename one of the two',
      )
    }
    entry.definition = definition
    entry.definedAt = `${place.file}:${at.line}`
  }

  /** The value of a symbol that is a plain number by now; undefined for labels and unknown names. */
  constant(name: string): bigint | undefined {
    const definition = this.entries.get(name)?.definition
    return definition?.kind === 'constant' ? definition.value : undefined
  }

  /** Reports every reference to a name that nothing defines. Returns true if there is none. */
  reportUndefined(diagnostics: Diagnostics): boolean {
    const missing = this.references.filter((r) => r.symbol.definition === undefined)
    const known = [...this.entries.values()]
      .filter((entry) => entry.definition !== undefined)
      .map((entry) => entry.name)
    const suggestions = new Suggestions()
    for (const { symbol, place, at } of missing) {
      const hint = suggestions.hint(symbol.name, [known], 'no label, equ or %define has this name')
      diagnostics.report(place, at, 'error', 'undefined-symbol', `'${symbol.name}' is not defined`, hint)
    }
    return missing.length === 0
  }

  /** Reports each `equ` that has no value although all names are defined and the layout has settled. */
  reportCircular(statements: readonly Statement[], diagnostics: Diagnostics): void {
    for (const statement of statements) {
      const { body, place, at } = statement
      if (body.kind !== 'equ') continue
      diagnostics.attempt(place, () => {
        if (evaluate(body.value, statement) !== undefined) return
        throw new Problem(
          at,
          'circular-definition',
          `'${body.symbol.name}' depends on itself`,
          "follow the names in its 'equ'",
        )
      })
    }
  }

  /** The values of all symbols that have one, `%%` labels of macros left out. */
  values(): Map<string, bigint> {
    const values = new Map<string, bigint>()
    for (const entry of this.entries.values()) {
      const value = symbolValue(entry)
      if (value !== undefined && !entry.name.startsWith('..@')) values.set(entry.name, value.value)
    }
    return values
  }
}
