/**
 * What a goal can ask of a run. Each kind of condition is one row: how it is written in lab.yaml, and how it is judged.
 * Conditions look at what the machine did; none compares text that the reader wrote, none counts cycles.
 */
import * as z from 'zod'
import { MEMORY_TYPES, type EntryType, type Transaction } from '../machine/index.ts'
import { CLEAN_BITS } from '../svm/index.ts'
import { evaluateValue } from './value.ts'

/** One #VMEXIT of the run. */
export interface ExitFact {
  /** Name in the exit-code table, lower case: "vmmcall", "npf", "invalid". */
  readonly name: string
  /** Physical address of the VMCB. */
  readonly vmcb: number
  /** Of the guest that ran; 0 for "invalid". */
  readonly asid: number
  /** Instructions attempted in guest mode since the VMRUN before it. */
  readonly guestInstructions: number
  /** Ids of the consistency checks that failed, for "invalid". */
  readonly failedChecks: readonly string[]
}

/** One VMRUN that got as far as to read its VMCB. */
export interface VmrunFact {
  /** Physical address of the VMCB. */
  readonly vmcb: number
  /** The groups of fields that came from the state cache, as keys of CLEAN_BITS: "np", "crx". */
  readonly fromCache: readonly string[]
}

/** What a run left behind, as conditions see it. */
export interface Outcome {
  readonly exits: readonly ExitFact[]
  readonly vmruns: readonly VmrunFact[]
  /** Why the run ended: "halted", "shutdown", "debug-exit", "budget". */
  readonly end: string
  readonly serial: string
  readonly symbols: ReadonlyMap<string, bigint>
  /** Value of a register by name (rax, cr0, efer...), or undefined when there is none of that name. */
  register(name: string): bigint | undefined
  memory(address: bigint, bytes: number): bigint
  /** Memory type of the TLB entry for a linear address and an ASID (0 is the host), or undefined when the TLB has none. */
  memoryType(linear: bigint, asid: number): EntryType | undefined
  /** What crossed the bus at these addresses, in order; undefined in a machine without caches. */
  transactions(from: number, bytes: number): readonly Transaction[] | undefined
  /** Offset and width in bytes of a VMCB field by name, or undefined. */
  vmcbField(name: string): { readonly offset: number; readonly bytes: number } | undefined
}

export interface Verdict {
  readonly met: boolean
  /** What was found, in words that do not give the solution away. */
  readonly reason: string
}

const value = z.union([z.bigint(), z.string()])
type Value = z.output<typeof value>

const comparison = {
  equals: value.optional(),
  not: value.optional(),
  mask: value.optional().describe('Bits to compare; the others are ignored.'),
}
type Comparison = { [K in keyof typeof comparison]?: Value | undefined }

interface ConditionKind<Arguments> {
  readonly arguments: z.ZodType<Arguments>
  judge(outcome: Outcome, wanted: Arguments): Verdict
}

function kind<Arguments>(
  schema: z.ZodType<Arguments>,
  judge: (outcome: Outcome, wanted: Arguments) => Verdict,
): ConditionKind<Arguments> {
  return { arguments: schema, judge }
}

/** Hexadecimal as the manual writes it. */
export function hex(n: bigint): string {
  const digits = n.toString(16).toUpperCase()
  return n < 10n ? digits : `${digits}h`
}

function resolve(outcome: Outcome, wanted: Value): bigint {
  if (typeof wanted === 'bigint') return wanted
  const result = evaluateValue(wanted, outcome.symbols)
  // A goal that names a symbol the reader removed is not met, whatever it compares with.
  return result.ok ? result.value : -1n
}

function compare(outcome: Outcome, what: string, found: bigint, wanted: Comparison): Verdict {
  const mask = wanted.mask === undefined ? (1n << 64n) - 1n : resolve(outcome, wanted.mask)
  const same = (other: Value): boolean =>
    ((found ^ BigInt.asUintN(64, resolve(outcome, other))) & mask) === 0n
  const met =
    (wanted.equals === undefined || same(wanted.equals)) && (wanted.not === undefined || !same(wanted.not))
  return { met, reason: `${what} is ${hex(found & mask)}` }
}

const exitNames = z.array(z.string()).min(1)

function listExits(exits: readonly ExitFact[]): string {
  if (exits.length === 0) return 'there was no #VMEXIT'
  const shown = exits.slice(0, 8).map((exit) => exit.name.toUpperCase())
  return `the exits were ${shown.join(', ')}${exits.length > 8 ? ` and ${exits.length - 8} more` : ''}`
}

function selectVmcb(outcome: Outcome, at: string | undefined): readonly ExitFact[] {
  if (at === undefined) return outcome.exits
  const address = Number(resolve(outcome, at))
  return outcome.exits.filter((exit) => exit.vmcb === address)
}

/** A kind of transaction and its bytes. */
const TRANSACTION = /^(read|write|line-fill|write-back|combined-write) \d+$/

function listTransactions(described: readonly string[]): string {
  if (described.length === 0) return 'nothing crossed the bus there'
  const more = described.length > 8 ? ` and ${described.length - 8} more` : ''
  return `the transactions there were ${described.slice(0, 8).join(', ')}${more}`
}

const CLEAN_GROUPS = CLEAN_BITS.bits.map(({ key }) => key)

const anyType = z.enum(MEMORY_TYPES)
const patTypes = anyType.exclude(['CD', 'WC+'])

/** A type with the way it came about: "CD: guest PAT WB and nested PAT UC make UC, MTRR WB makes that CD". */
function describeType(type: EntryType): string {
  const pat =
    type.nestedPat === undefined
      ? `PAT ${type.guestPat}`
      : `guest PAT ${type.guestPat} and nested PAT ${type.nestedPat} make ${type.combinedPat}`
  const disabled = type.cacheDisable ? `, CR0.CD makes that ${type.effective}` : ''
  return `${type.effective}: ${pat}, MTRR ${type.mtrr} makes that ${type.withMtrr}${disabled}`
}

/** The kinds of conditions, by the key that names them in lab.yaml. */
export const CONDITIONS = {
  /** All exits of the run, or of one VMCB, in order. */
  exits: kind(
    z.union([exitNames, z.strictObject({ of: z.string().optional(), are: exitNames })]),
    (outcome, wanted) => {
      const [names, exits] = Array.isArray(wanted)
        ? [wanted, outcome.exits]
        : [wanted.are, selectVmcb(outcome, wanted.of)]
      const met = exits.length === names.length && names.every((name, i) => exits[i].name === name)
      return { met, reason: listExits(exits) }
    },
  ),
  /** These exits happen in this order, others may lie between. */
  'exits-include': kind(exitNames, (outcome, wanted) => {
    let next = 0
    for (const exit of outcome.exits) if (exit.name === wanted[next]) next++
    return { met: next === wanted.length, reason: listExits(outcome.exits) }
  }),
  'no-exit': kind(z.string(), (outcome, wanted) => ({
    met: outcome.exits.every((exit) => exit.name !== wanted),
    reason: listExits(outcome.exits),
  })),
  /** Exactly these checks failed at the n-th exit (from 0), which was VMEXIT_INVALID. */
  'failed-checks': kind(
    z.strictObject({ exit: z.bigint().default(0n), are: z.array(z.string()).min(1) }),
    (outcome, wanted) => {
      const exit = outcome.exits[Number(wanted.exit)]
      if (exit === undefined) return { met: false, reason: listExits(outcome.exits) }
      const found = [...exit.failedChecks].sort()
      const met = found.join() === [...wanted.are].sort().join()
      return { met, reason: `${found.length} of the checks that VMRUN makes failed at exit ${wanted.exit}` }
    },
  ),
  /** The n-th VMRUN (from 0) took exactly these groups of fields from the state cache and not from memory. */
  'from-cache': kind(
    z.strictObject({ vmrun: z.bigint().default(0n), are: z.array(z.enum(CLEAN_GROUPS)) }),
    (outcome, wanted) => {
      const vmrun = outcome.vmruns[Number(wanted.vmrun)]
      if (vmrun === undefined)
        return { met: false, reason: `VMRUN was executed ${outcome.vmruns.length} times` }
      const { fromCache } = vmrun
      const met = [...fromCache].sort().join() === [...wanted.are].sort().join()
      const groups = fromCache.length === 0 ? 'nothing' : fromCache.join(', ')
      return { met, reason: `VMRUN ${wanted.vmrun} took ${groups} from the state cache` }
    },
  ),
  /** The guest itself executed this many instructions, all VMRUNs together. */
  'guest-instructions': kind(z.strictObject({ 'at-least': z.bigint() }), (outcome, wanted) => {
    const executed = outcome.exits.reduce((sum, exit) => sum + exit.guestInstructions, 0)
    return { met: executed >= wanted['at-least'], reason: `the guest executed ${executed} instructions` }
  }),
  register: kind(z.strictObject({ name: z.string(), ...comparison }), (outcome, wanted) => {
    const found = outcome.register(wanted.name)
    if (found === undefined) return { met: false, reason: `there is no register ${wanted.name}` }
    return compare(outcome, wanted.name.toUpperCase(), found, wanted)
  }),
  memory: kind(
    z.strictObject({ at: value, size: z.bigint().default(8n), ...comparison }),
    (outcome, wanted) => {
      const address = resolve(outcome, wanted.at)
      const where = typeof wanted.at === 'string' ? wanted.at : hex(wanted.at)
      if (address < 0n) return { met: false, reason: `the program has no symbol ${where}` }
      return compare(outcome, `memory at ${where}`, outcome.memory(address, Number(wanted.size)), wanted)
    },
  ),
  vmcb: kind(z.strictObject({ at: value, field: z.string(), ...comparison }), (outcome, wanted) => {
    const field = outcome.vmcbField(wanted.field)
    const address = resolve(outcome, wanted.at)
    if (field === undefined) return { met: false, reason: `the VMCB has no field ${wanted.field}` }
    if (address < 0n) return { met: false, reason: `the program has no symbol ${wanted.at}` }
    const found = outcome.memory(address + BigInt(field.offset), field.bytes)
    return compare(outcome, wanted.field, found, wanted)
  }),
  /** The TLB entry that the run left for a linear address: of the guest of the last exit, or of `asid`, where 0 is the host. */
  'memory-type': kind(
    z.strictObject({
      at: value,
      asid: z.bigint().optional(),
      is: anyType.exclude(['UC-']).describe('The effective type.'),
      'guest-pat': patTypes.optional(),
      'nested-pat': patTypes.optional(),
      mtrr: patTypes.exclude(['UC-']).optional(),
    }),
    (outcome, wanted) => {
      const address = resolve(outcome, wanted.at)
      if (address < 0n) return { met: false, reason: `the program has no symbol ${wanted.at}` }
      const asid = wanted.asid ?? outcome.exits.findLast((exit) => exit.asid !== 0)?.asid
      if (asid === undefined) return { met: false, reason: 'no guest ran' }
      const found = outcome.memoryType(address, Number(asid))
      const where = typeof wanted.at === 'string' ? wanted.at : hex(wanted.at)
      const whose = Number(asid) === 0 ? 'the host' : `the guest with ASID ${asid}`
      if (found === undefined) return { met: false, reason: `${whose} has no translation of ${where}` }
      const met =
        found.effective === wanted.is &&
        (wanted['guest-pat'] ?? found.guestPat) === found.guestPat &&
        (wanted['nested-pat'] ?? found.nestedPat) === found.nestedPat &&
        (wanted.mtrr ?? found.mtrr) === found.mtrr
      return { met, reason: `for ${whose}, ${where} is ${describeType(found)}` }
    },
  ),
  /** All that crossed the bus at these addresses, in order: "combined-write 64" is a kind of transaction and its bytes. */
  bus: kind(
    z.strictObject({
      at: value,
      size: z.bigint().default(64n).describe('Bytes to watch.'),
      are: z.array(z.string().regex(TRANSACTION, 'must be a kind of transaction and a number of bytes')),
    }),
    (outcome, wanted) => {
      const from = resolve(outcome, wanted.at)
      if (from < 0n) return { met: false, reason: `the program has no symbol ${wanted.at}` }
      const found = outcome.transactions(Number(from), Number(wanted.size))
      if (found === undefined) return { met: false, reason: 'the machine has no caches' }
      const described = found.map(({ kind, data }) => `${kind} ${data.length}`)
      return { met: described.join() === wanted.are.join(), reason: listTransactions(described) }
    },
  ),
  ended: kind(z.enum(['halted', 'shutdown', 'debug-exit', 'budget']), (outcome, wanted) => ({
    met: outcome.end === wanted,
    reason: `the run ended with ${outcome.end}`,
  })),
  'console-contains': kind(z.string().min(1), (outcome, wanted) => ({
    met: outcome.serial.includes(wanted),
    reason:
      outcome.serial === ''
        ? 'nothing was written to the console'
        : `the console shows ${JSON.stringify(outcome.serial.slice(-60))}`,
  })),
} as const

type Kinds = typeof CONDITIONS
export type Condition = {
  [K in keyof Kinds]: { readonly [P in K]: z.output<Kinds[K]['arguments']> }
}[keyof Kinds]

const rows = Object.entries(CONDITIONS).map(([name, row]) => z.strictObject({ [name]: row.arguments }))

/** One condition: a mapping with one key, the kind. */
export const conditionSchema = z.union(rows) as unknown as z.ZodType<Condition>

/** Judges one condition. */
export function judge(outcome: Outcome, condition: Condition): Verdict {
  const [name, wanted] = Object.entries(condition)[0] as [keyof Kinds, never]
  return CONDITIONS[name].judge(outcome, wanted)
}
