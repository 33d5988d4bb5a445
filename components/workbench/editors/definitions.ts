/** Where the names of a lab's texts are defined: labels, numbers, macros; for a VMCB field, where its text sets it. */
import { directives, mnemonics, tokenize, type Token } from '../../../emulator/isa/assembler/index.ts'
import { VMCB_FIELDS } from '../../../emulator/svm/index.ts'
import type { Texts } from '../protocol.ts'
import type { Place } from '../store.ts'

interface Definition {
  readonly name: string
  readonly line: number
  readonly column: number
}

const WORDS: ReadonlySet<string> = new Set([...mnemonics, ...directives])
const DEFINING: ReadonlySet<string> = new Set(['%macro', '%imacro', '%define', '%xdefine', '%assign'])

/** The name that a line defines, if it defines one. */
function definedName([first, second]: readonly Token[]): Token | undefined {
  if (first?.kind === 'directive' && DEFINING.has(first.lower)) return second
  if (first?.kind !== 'identifier') return undefined
  if (second?.text === ':') return first
  if (WORDS.has(first.lower)) return undefined
  const isAlone = second === undefined || second.kind === 'comment'
  return (isAlone && first.column === 1) || (second?.kind === 'identifier' && WORDS.has(second.lower))
    ? first
    : undefined
}

/** All that a text of assembly defines, in order; local labels in full, "main.loop". */
export function definitionsIn(text: string): Definition[] {
  let scope = ''
  return text.split('\n').flatMap((content, index) => {
    const token = definedName(tokenize(content))
    if (token === undefined) return []
    if (!token.text.startsWith('.')) scope = token.text
    const name = token.text.startsWith('.') ? scope + token.text : token.text
    return [{ name, line: index + 1, column: token.column }]
  })
}

/** The word at a place, 1-based columns. */
export function wordAt(line: string, column: number): string | undefined {
  for (const { 0: word, index } of line.matchAll(/[\w.$@?%]+/g))
    if (index < column && column <= index + word.length + 1) return word
  return undefined
}

/** Constants of svm.inc by what they name: VMCB_SAVE_G_PAT is the offset of save.g_pat. */
const FIELDS: ReadonlyMap<string, string> = new Map(
  VMCB_FIELDS.map(({ key }) => [`VMCB_${key.toUpperCase().replaceAll(/[.-]/g, '_')}`, key]),
)

/** Where a .vmcb text sets a field or bits of it. */
function settingOf(texts: Texts, field: string): Place | undefined {
  for (const [file, text] of Object.entries(texts)) {
    if (!file.endsWith('.vmcb')) continue
    const lines = text.split('\n')
    const index = lines.findIndex((line) => {
      const name = /^\s*([^=;\s]+)\s*=/.exec(line)?.[1].toLowerCase()
      return name === field || name?.startsWith(`${field}.`)
    })
    if (index >= 0) return { file, line: index + 1, column: lines[index].search(/\S/) + 1 }
  }
  return undefined
}

/** Where the name at a place is defined; undefined if there is no name, or none that the lab's own texts define. */
export function definitionAt(texts: Texts, { file, line, column = 1 }: Place): Place | undefined {
  const lines = (texts[file] ?? '').split('\n')
  const word = wordAt(lines[line - 1] ?? '', column)
  if (word === undefined) return undefined
  const field = FIELDS.get(word)
  if (field !== undefined) return settingOf(texts, field)
  // A local label belongs to the label above it.
  const scope = definitionsIn(lines.slice(0, line).join('\n')).findLast(({ name }) => !name.includes('.'))
  const name = word.startsWith('.') ? (scope?.name ?? '') + word : word
  const files = [file, ...Object.keys(texts).filter((other) => other !== file)]
  for (const other of files.filter((one) => !one.endsWith('.vmcb'))) {
    const found = definitionsIn(texts[other]).find((definition) => definition.name === name)
    if (found !== undefined) return { file: other, line: found.line, column: found.column }
  }
  return undefined
}
