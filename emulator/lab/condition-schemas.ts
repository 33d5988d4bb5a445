/** How each kind of condition is written in lab.yaml. How it is judged is in conditions-*.ts, which a page needs without these. */
import * as z from 'zod'
import { L2_FIELDS, LOOK_PURPOSES, PROPERTIES } from '../hypervisor/index.ts'
import { MEMORY_TYPES } from '../machine/index.ts'
import { CLEAN_BITS } from '../svm/index.ts'
import { FAILURES, L0_VMCBS } from './outcome.ts'

/** A number, or a sum with labels of the program. */
const value = z.union([z.bigint(), z.string()])

const comparison = {
  equals: value.optional(),
  not: value.optional(),
  mask: value.optional().describe('Bits to compare; the others are ignored.'),
}

const exitNames = z.array(z.string()).min(1)

const EXITS = {
  exits: z.union([exitNames, z.strictObject({ of: z.string().optional(), are: exitNames })]),
  'exits-include': exitNames,
  'no-exit': z.string(),
  'failed-checks': z.strictObject({ exit: z.bigint().default(0n), are: z.array(z.string()).min(1) }),
  'from-cache': z.strictObject({
    vmrun: z.bigint().default(0n),
    are: z.array(z.enum(CLEAN_BITS.bits.map(({ key }) => key))),
  }),
  'guest-instructions': z.strictObject({ 'at-least': z.bigint() }),
}

/** A kind of transaction and its bytes. */
const TRANSACTION = /^(read|write|line-fill|write-back|combined-write) \d+$/

const anyType = z.enum(MEMORY_TYPES)
const patTypes = anyType.exclude(['CD', 'WC+'])

const STATE = {
  register: z.strictObject({ name: z.string(), ...comparison }),
  memory: z.strictObject({ at: value, size: z.bigint().default(8n), ...comparison }),
  vmcb: z.strictObject({ at: value, field: z.string(), ...comparison }),
  'memory-type': z.strictObject({
    at: value,
    asid: z.bigint().optional(),
    is: anyType.exclude(['UC-']).describe('The effective type.'),
    'guest-pat': patTypes.optional(),
    'nested-pat': patTypes.optional(),
    mtrr: patTypes.exclude(['UC-']).optional(),
  }),
  bus: z.strictObject({
    at: value,
    size: z.bigint().default(64n).describe('Bytes to watch.'),
    are: z.array(z.string().regex(TRANSACTION, 'must be a kind of transaction and a number of bytes')),
  }),
  ended: z.enum(['halted', 'shutdown', 'debug-exit', 'budget']),
  'console-contains': z.string().min(1),
}

const vmcb = z.enum(L0_VMCBS)
/** The name of a field of vmcb12 that VMRUN loads. */
export const fieldKey = z.enum(L2_FIELDS.map(({ key }) => key))
const properties = z.array(z.enum(PROPERTIES.map(({ name }) => name))).min(1)
const exitsOfL0 = z.union([exitNames, z.strictObject({ of: vmcb.optional(), are: exitNames })])

const L0 = {
  'l0-exits': exitsOfL0,
  'l0-exits-include': exitsOfL0,
  'l0-vmcb': z.strictObject({ of: vmcb, vcpu: z.bigint().default(0n), field: fieldKey, ...comparison }),
  decision: z.strictObject({ rule: z.string(), field: fieldKey.optional(), ...comparison }),
  looks: z.strictObject({
    field: fieldKey,
    for: z.enum(LOOK_PURPOSES).optional().describe('What L0 wanted it for; without it, anything.'),
    'at-least': z.bigint().default(0n),
    'at-most': z.bigint().optional(),
  }),
  failures: z.array(z.enum(FAILURES)),
  restored: z.strictObject({
    is: z.enum(['accepted', 'refused']),
    by: z.string().optional().describe('The check that refuses it.'),
    while: z.enum(['l1', 'l2']).optional().describe('Only states of a vCPU that ran this.'),
  }),
  race: z.strictObject({
    of: z.string(),
    holds: properties.optional().describe('No order breaks one of these, and all orders were tried.'),
    breaks: properties.optional().describe('Each of these is broken by some order.'),
    losing: z
      .bigint()
      .optional()
      .describe("How many orders break one of the race's properties, and all orders were tried."),
  }),
  scenario: z.string(),
}

const SCHEMAS = { ...EXITS, ...STATE, ...L0 }

/** The kinds of conditions, by the key that names them in lab.yaml. */
export type ConditionName = keyof typeof SCHEMAS
/** What is written after the key. */
export type Wanted<K extends ConditionName> = z.output<(typeof SCHEMAS)[K]>
export type Condition = { [K in ConditionName]: { readonly [P in K]: Wanted<K> } }[ConditionName]

const rows = Object.entries(SCHEMAS).map(([name, schema]) => z.strictObject({ [name]: schema }))

/** One condition: a mapping with one key, the kind. */
export const conditionSchema = z.union(rows) as unknown as z.ZodType<Condition>
