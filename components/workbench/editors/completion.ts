/** What can be written at a place in a line of assembly or of a .vmcb text. */
import { directives, operandKeywords, registerNames } from '../../../emulator/isa/assembler/index.ts'
import { summarizeMnemonics } from '../../../emulator/isa/index.ts'
import { findBits, INTERCEPT_NAMES, VMCB_FIELDS, type VmcbField } from '../../../emulator/svm/index.ts'
import * as text from '../../strings.ts'
import { hex } from '../format.ts'
import type { LabStore } from '../store.ts'

export interface Suggestion {
  readonly label: string
  readonly kind: 'mnemonic' | 'directive' | 'register' | 'symbol' | 'field' | 'value'
  readonly detail: string
  readonly documentation: string
}

type Symbols = Pick<LabStore, 'symbols'>

function suggestion(label: string, kind: Suggestion['kind'], detail = '', documentation = ''): Suggestion {
  return { label, kind, detail, documentation }
}

const STATEMENTS: readonly Suggestion[] = [
  ...summarizeMnemonics().map(({ mnemonic, title, section, forms }) =>
    suggestion(mnemonic, 'mnemonic', title, [...forms, section].join('\n')),
  ),
  ...directives.map((name) => suggestion(name, 'directive', text.directive)),
]

const OPERANDS: readonly Suggestion[] = [
  ...registerNames.map((name) => suggestion(name, 'register', text.register)),
  ...operandKeywords.map((name) => suggestion(name, 'directive', text.keyword)),
]

function symbolSuggestions({ symbols }: Symbols): Suggestion[] {
  return [...symbols.value].map(([name, value]) => suggestion(name, 'symbol', hex(value)))
}

/** `before`: the line up to the cursor. */
export function completeAssembly(before: string, store: Symbols): Suggestion[] {
  if (before.includes(';')) return []
  const isFirstWord = /^\s*(?:[\w.$?@]+:\s*)?[\w.%$]*$/.test(before)
  return isFirstWord ? [...STATEMENTS] : [...OPERANDS, ...symbolSuggestions(store)]
}

const FIELDS: readonly Suggestion[] = [
  suggestion('control.intercepts', 'field', text.allIntercepts, text.aboutAllIntercepts),
  ...VMCB_FIELDS.flatMap((field) => [
    suggestion(
      field.key,
      'field',
      `${field.name}, ${hex(field.offset)}`,
      `${field.description}. ${field.section}`,
    ),
    ...(field.bits?.bits ?? []).map((bit) =>
      suggestion(`${field.key}.${bit.key}`, 'field', `${field.name}: ${bit.name}`, bit.description),
    ),
  ]),
]

const INTERCEPTS: readonly Suggestion[] = INTERCEPT_NAMES.map((name) =>
  suggestion(name, 'value', text.intercept),
)

function bitSuggestions(field: VmcbField): Suggestion[] {
  return (field.bits?.bits ?? [])
    .filter(({ width }) => width === 1)
    .map(({ key, name, description }) => suggestion(key, 'value', name, description))
}

export function completeVmcb(before: string, store: Symbols): Suggestion[] {
  if (before.includes(';')) return []
  const name = /^\s*([^=\s]+)\s*=/.exec(before)?.[1]?.toLowerCase()
  if (name === undefined) return [...FIELDS]
  if (name === 'control.intercepts') return [...INTERCEPTS]
  const target = findBits(name)
  if (target === undefined) return []
  const { field, bit } = target
  const named = [...(bit?.values?.values() ?? [])].map((value) => suggestion(value, 'value', bit?.name ?? ''))
  return [...named, ...(bit === undefined ? bitSuggestions(field) : []), ...symbolSuggestions(store)]
}
