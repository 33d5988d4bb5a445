/** l0.yaml, what L0 decides: which word is what, what can be written at a place, and what a word means; from the schema's tree. */
import { decisionKeys, type DecisionKey } from '../../../emulator/hypervisor/index.ts'
import { findField } from '../../../emulator/svm/index.ts'
import * as text from '../../strings.ts'
import { hex } from '../format.ts'
import type { Suggestion } from './completion.ts'
import type { ClassifiedToken, TokenClass } from './tokens.ts'

const ROOT = decisionKeys()

const WORD = /#.*$|(?<!\w)"[^"]*"?|(?<!\w)'[^']*'?|[\w.-]+(?=\s*:(?:\s|$))|[\w.-]+|[{}[\]:,>|]/g
const KEY_AT = /^\s*:(?:\s|$)/

/** The tokens of a line. */
export function classifyL0(line: string): ClassifiedToken[] {
  return [...line.matchAll(WORD)].map(({ 0: word, index }) => {
    const end = index + word.length
    return { start: index, end, class: classOf(word, line.slice(0, index), line.slice(end)) }
  })
}

/** Of a word between what is before it in the line and the rest. */
function classOf(word: string, before: string, rest: string): TokenClass {
  if (word.startsWith('#')) return 'comment'
  if (/^["']/.test(word)) return 'string'
  if (/^[{}[\]:,>|]$/.test(word)) return 'text'
  if (KEY_AT.test(rest)) return 'field'
  if (/^(0x[\da-f]+|\d+)$/i.test(word)) return 'number'
  // Prose may have such words, too.
  const isWhole = /:\s+$/.test(before) && /^\s*(?:[,}#]|$)/.test(rest)
  return isWhole && VALUES.has(word) ? 'flag' : 'text'
}

/** All words that can stand for a decision. */
const VALUES = valuesBelow(ROOT)

function valuesBelow({ values, keys }: DecisionKey): Set<string> {
  return new Set([...values, ...[...keys.values()].flatMap((key) => [...valuesBelow(key)])])
}

/** Where something is written: below these keys, and as the value of `key`, if that is there already. */
interface Place {
  readonly path: readonly string[]
  readonly key: string | undefined
}

const BLOCK_KEY = /^(\s*)([\w.-]+):(?:\s|$)/

/** The place after `before`, the beginning of a line; `above` are the lines before it. */
function placeAfter(before: string, above: readonly string[]): Place {
  let path: string[] = []
  let indent = /^\s*/.exec(before)![0].length
  for (const line of above.toReversed()) {
    const found = BLOCK_KEY.exec(line)
    if (found === null || found[1].length >= indent) continue
    path = [found[2], ...path]
    indent = found[1].length
  }
  let key: string | undefined
  for (const [token, name] of before.matchAll(/([\w.-]+):(?=\s|$)|[{},]/g)) {
    if (token === '{') path = [...path, key ?? '']
    if (token === '}') path = path.slice(0, -1)
    key = name
  }
  return { path, key }
}

function keyAt(path: readonly string[]): DecisionKey | undefined {
  return path.reduce<DecisionKey | undefined>((found, name) => found?.keys.get(name), ROOT)
}

/** What can stand after `before`. */
export function completeL0(before: string, above: readonly string[]): Suggestion[] {
  if (before.includes('#')) return []
  const { path, key } = placeAfter(before, above)
  const parent = keyAt(path)
  if (key !== undefined) {
    const { values = [], description = '' } = parent?.keys.get(key) ?? {}
    return values.map((label) => ({ label, kind: 'value', detail: key, documentation: description }))
  }
  return [...(parent?.keys ?? [])].map(([label, { description, values }]) => ({
    label,
    kind: 'field',
    detail: values.join(', '),
    documentation: description,
  }))
}

/** What a word means: a key by its own sentence, a value by that of its key. `before` ends where the word begins. */
export function hoverL0(word: string, before: string, above: readonly string[]): string[] | undefined {
  const { path, key } = placeAfter(before, above)
  const parent = keyAt(path)
  const found = parent?.keys.get(key ?? word)
  if (found === undefined) return undefined
  const { description, values } = found
  const field = key === undefined ? findField(word) : undefined
  return [
    `**${key ?? word}**${description === '' ? '' : `: ${description}`}`,
    ...(field === undefined ? [] : [`${text.fieldOfVmcbAt(field.name, hex(field.offset))} ${field.section}`]),
    ...(values.length === 0
      ? []
      : [values.map((value) => (value === word ? `**${value}**` : `\`${value}\``)).join(', ')]),
  ]
}
