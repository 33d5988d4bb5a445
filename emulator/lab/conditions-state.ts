/** Conditions on what the run left: registers, memory, memory types, the bus, the console. */
import * as z from 'zod'
import { MEMORY_TYPES, type EntryType } from '../machine/index.ts'
import { compare, comparison, hex, kind, resolve, value } from './condition-kind.ts'

/** A kind of transaction and its bytes. */
const TRANSACTION = /^(read|write|line-fill|write-back|combined-write) \d+$/

function listTransactions(described: readonly string[]): string {
  if (described.length === 0) return 'nothing crossed the bus there'
  const more = described.length > 8 ? ` and ${described.length - 8} more` : ''
  return `the transactions there were ${described.slice(0, 8).join(', ')}${more}`
}

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

export const STATE_CONDITIONS = {
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
