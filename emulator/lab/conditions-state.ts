/** Conditions on what the run left: registers, memory, memory types, the bus, the console. */
import type { EntryType } from '../machine/index.ts'
import { compare, hex, resolve, type Judges } from './condition-kind.ts'

function listTransactions(described: readonly string[]): string {
  if (described.length === 0) return 'nothing crossed the bus there'
  const more = described.length > 8 ? ` and ${described.length - 8} more` : ''
  return `the transactions there were ${described.slice(0, 8).join(', ')}${more}`
}

/** A type with the way it came about: "CD: guest PAT WB and nested PAT UC make UC, MTRR WB makes that CD". */
function describeType(type: EntryType): string {
  const pat =
    type.nestedPat === undefined
      ? `PAT ${type.guestPat}`
      : `guest PAT ${type.guestPat} and nested PAT ${type.nestedPat} make ${type.combinedPat}`
  const disabled = type.cacheDisable ? `, CR0.CD makes that ${type.effective}` : ''
  return `${type.effective}: ${pat}, MTRR ${type.mtrr} makes that ${type.withMtrr}${disabled}`
}

export const STATE_JUDGES: Judges<
  'register' | 'memory' | 'vmcb' | 'memory-type' | 'bus' | 'ended' | 'console-contains'
> = {
  register: (outcome, wanted) => {
    const found = outcome.register(wanted.name)
    if (found === undefined) return { met: false, reason: `there is no register ${wanted.name}` }
    return compare(outcome, wanted.name.toUpperCase(), found, wanted)
  },
  memory: (outcome, wanted) => {
    const address = resolve(outcome, wanted.at)
    const where = typeof wanted.at === 'string' ? wanted.at : hex(wanted.at)
    if (address < 0n) return { met: false, reason: `the program has no symbol ${where}` }
    return compare(outcome, `memory at ${where}`, outcome.memory(address, Number(wanted.size)), wanted)
  },
  vmcb: (outcome, wanted) => {
    const field = outcome.vmcbField(wanted.field)
    const address = resolve(outcome, wanted.at)
    if (field === undefined) return { met: false, reason: `the VMCB has no field ${wanted.field}` }
    if (address < 0n) return { met: false, reason: `the program has no symbol ${wanted.at}` }
    const found = outcome.memory(address + BigInt(field.offset), field.bytes)
    return compare(outcome, wanted.field, found, wanted)
  },
  /** The TLB entry that the run left for a linear address: of the guest of the last exit, or of `asid`, where 0 is the host. */
  'memory-type': (outcome, wanted) => {
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
  /** All that crossed the bus at these addresses, in order: "combined-write 64" is a kind of transaction and its bytes. */
  bus: (outcome, wanted) => {
    const from = resolve(outcome, wanted.at)
    if (from < 0n) return { met: false, reason: `the program has no symbol ${wanted.at}` }
    const found = outcome.transactions(Number(from), Number(wanted.size))
    if (found === undefined) return { met: false, reason: 'the machine has no caches' }
    const described = found.map(({ kind, data }) => `${kind} ${data.length}`)
    return { met: described.join() === wanted.are.join(), reason: listTransactions(described) }
  },
  ended: (outcome, wanted) => ({
    met: outcome.end === wanted,
    reason: `the run ended with ${outcome.end}`,
  }),
  'console-contains': (outcome, wanted) => ({
    met: outcome.serial.includes(wanted),
    reason:
      outcome.serial === ''
        ? 'nothing was written to the console'
        : `the console shows ${JSON.stringify(outcome.serial.slice(-60))}`,
  }),
}
