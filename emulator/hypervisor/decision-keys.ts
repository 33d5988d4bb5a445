/** What can be written in an l0.yaml, as a tree for editors: derived from its schema (decisions.ts) and the VMCB's table. */
import * as z from 'zod'
import { decisionsSchema, L2_FIELDS } from './decisions.ts'

export interface DecisionKey {
  /** What it decides, in a sentence or two; may be empty. */
  readonly description: string
  /** The words that can stand as its value; empty where any text can, or a mapping. */
  readonly values: readonly string[]
  /** The keys of its mapping. */
  readonly keys: ReadonlyMap<string, DecisionKey>
}

/** What z.toJSONSchema() says that matters here. */
interface JsonSchema {
  readonly description?: string
  readonly enum?: readonly string[]
  readonly type?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
}

const AREAS: Readonly<Record<string, string>> = {
  default: 'All fields that no other name decides.',
  control: 'All fields of the control area.',
  save: 'All fields of the save area.',
}

/** Names under which something about fields can be written: areas, groups, fields. */
function fieldNames(): Map<string, string> {
  const names = new Map(Object.entries(AREAS))
  for (const { key, name, description } of L2_FIELDS) {
    const parts = key.split('.')
    for (let length = 2; length < parts.length; length++) {
      const group = parts.slice(0, length).join('.')
      names.set(group, `All fields whose names begin with ${group}.`)
    }
    names.set(key, `${name}: ${description}.`)
  }
  return names
}

function keyOf({
  description = '',
  enum: words,
  type,
  properties,
  additionalProperties,
}: JsonSchema): DecisionKey {
  const values = words ?? (type === 'boolean' ? ['true', 'false'] : [])
  const keys = new Map(Object.entries(properties ?? {}).map(([name, one]) => [name, keyOf(one)]))
  if (typeof additionalProperties === 'object') {
    const each = keyOf(additionalProperties)
    for (const [name, about] of fieldNames()) keys.set(name, { ...each, description: about })
  }
  return { description, values, keys }
}

/** The whole text: its keys and those below them. */
export function decisionKeys(): DecisionKey {
  // A literal of 64 bits has no form in JSON: it is the number of the format.
  return keyOf(z.toJSONSchema(decisionsSchema, { io: 'input', unrepresentable: 'any' }) as JsonSchema)
}
