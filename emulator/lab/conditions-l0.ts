/** Conditions on what L0 did, in a lab whose program is L1; on its races and scenarios. */
import type { L0Event, Report } from '../hypervisor/index.ts'
import { vmcbField } from '../svm/index.ts'
import { compare, happenInOrder, listExits, type Judges, type Verdict } from './condition-kind.ts'
import type { FAILURES, L0_VMCBS, L0Outcome, Outcome } from './outcome.ts'

/** A judge that makes sense under L0 only. */
function underL0<Wanted>(
  judge: (l0: L0Outcome, wanted: Wanted, outcome: Outcome) => Verdict,
): (outcome: Outcome, wanted: Wanted) => Verdict {
  return (outcome, wanted) =>
    outcome.l0 === undefined
      ? { met: false, reason: 'the machine has no L0' }
      : judge(outcome.l0, wanted, outcome)
}

function eventsOf<K extends L0Event['kind']>({ events }: L0Outcome, wanted: K) {
  return events.filter((event): event is Extract<L0Event, { kind: K }> => event.kind === wanted)
}

/** The exits of one of L0's VMCBs, or of both. */
function exitsOf({ exits }: L0Outcome, of: (typeof L0_VMCBS)[number] | undefined) {
  return of === undefined ? exits : exits.filter((exit) => exit.of === of)
}

/** How often L0 looked at a field of vmcb12 in each nested VMRUN, in their order. */
function looksPerVmrun(l0: L0Outcome, field: string, purpose: string | undefined): number[] {
  const { offset } = vmcbField(field)
  const counts: number[] = []
  /** By processor, the VMRUN that it is in. */
  const current = new Map<number, number>()
  for (const event of l0.events) {
    if (event.kind === 'vmrun') current.set(event.processor, counts.push(0) - 1)
    if (event.kind !== 'look' || (purpose ?? event.purpose) !== event.purpose) continue
    const vmrun = current.get(event.processor)
    const contains = event.offset <= offset && offset < event.offset + event.bytes
    const isTaken = event.purpose !== 'copy' || l0.isCopied(field)
    if (vmrun !== undefined && contains && isTaken) counts[vmrun]++
  }
  return counts
}

/** How L1's VMRUNs failed, in order: before L0 had L2 in vmcb02, or after. */
function failures(l0: L0Outcome): (typeof FAILURES)[number][] {
  const INVALID = (1n << 64n) - 1n
  const found: (typeof FAILURES)[number][] = []
  const early = new Set<number>()
  for (const event of l0.events) {
    if (event.kind === 'decision' && event.rule === 'refused-early') early.add(event.processor)
    if (event.kind !== 'vmexit' || event.code !== INVALID) continue
    found.push(early.delete(event.processor) ? 'early' : 'late')
  }
  return found
}

/** What the explorer found of some properties, in words. */
function describeRace({ tried, isComplete, losing, losses }: Report, names: readonly string[]): string {
  const tries = `${tried} orders were tried${isComplete ? '' : ', and there are more'}`
  const of = losses.filter(({ finding }) => names.includes(finding.property))
  if (of.length === 0) return `${tries}, and none breaks ${names.join(', ')}`
  const [{ finding, trace }] = of
  return `${tries}, ${losing} of them lose; the shortest, of ${trace.length} steps, breaks ${finding.property}`
}

export const L0_JUDGES: Judges<
  | 'l0-exits'
  | 'l0-exits-include'
  | 'l0-vmcb'
  | 'decision'
  | 'looks'
  | 'failures'
  | 'restored'
  | 'race'
  | 'scenario'
> = {
  /** All exits that L0 took, or of one of its VMCBs, in order. */
  'l0-exits': underL0((l0, wanted) => {
    const [names, exits] = Array.isArray(wanted) ? [wanted, l0.exits] : [wanted.are, exitsOf(l0, wanted.of)]
    const met = exits.length === names.length && names.every((name, i) => exits[i].name === name)
    return { met, reason: `for L0 ${listExits(exits)}` }
  }),
  /** L0 took these exits in this order, others may lie between. */
  'l0-exits-include': underL0((l0, wanted) => {
    const [names, exits] = Array.isArray(wanted) ? [wanted, l0.exits] : [wanted.are, exitsOf(l0, wanted.of)]
    return { met: happenInOrder(exits, names), reason: `for L0 ${listExits(exits)}` }
  }),
  /** A field of vmcb01 or vmcb02 at the end; vmcb02 keeps what L2 was when it left. */
  'l0-vmcb': underL0((l0, wanted, outcome) => {
    const found = l0.field(wanted.of, Number(wanted.vcpu), wanted.field)
    if (found === undefined) return { met: false, reason: `there is no vCPU ${wanted.vcpu}` }
    return compare(outcome, `${wanted.field} of ${wanted.of}`, found, wanted)
  }),
  /** L0 decided by this rule, about this field, with such a value: the last time that it did. */
  decision: underL0((l0, wanted, outcome) => {
    const decided = eventsOf(l0, 'decision')
    const last = decided.findLast(
      ({ rule, field }) => rule === wanted.rule && (wanted.field ?? field) === field,
    )
    if (last !== undefined) return compare(outcome, `${last.field}, by "${last.rule}",`, last.value, wanted)
    const about = decided.filter(({ field }) => (wanted.field ?? field) === field)
    const rules = [...new Set(about.map(({ rule }) => `"${rule}"`))].join(', ')
    return {
      met: false,
      reason: rules === '' ? 'L0 decided nothing about it' : `L0 decided by ${rules}`,
    }
  }),
  /** How often L0 looked at a field of vmcb12, at most in any nested VMRUN and at least in all of them. */
  looks: underL0((l0, wanted) => {
    const counts = looksPerVmrun(l0, wanted.field, wanted.for)
    if (counts.length === 0) return { met: false, reason: 'L1 executed no VMRUN' }
    const [least, most] = [Math.min(...counts), Math.max(...counts)]
    const met = least >= wanted['at-least'] && most <= (wanted['at-most'] ?? Infinity)
    const times = least === most ? `${most}` : `${least} to ${most}`
    const purpose = wanted.for === undefined ? '' : ` to ${wanted.for} it`
    return { met, reason: `L0 looked at ${wanted.field}${purpose} ${times} times in a nested VMRUN` }
  }),
  /** How the VMRUNs of L1 that failed did, in order: before L0 entered L2, or at the VMRUN of vmcb02. */
  failures: underL0((l0, wanted) => {
    const found = failures(l0)
    const reason = found.length === 0 ? 'no VMRUN of L1 failed' : `VMRUNs of L1 failed: ${found.join(', ')}`
    return { met: found.join() === wanted.join(), reason }
  }),
  /** What the new vCPUs made of the saved states that they were given: at least one, and of the first that was refused why. */
  restored: underL0((l0, wanted) => {
    const all = eventsOf(l0, 'restored').filter(
      ({ guestMode }) => wanted.while === undefined || guestMode === (wanted.while === 'l2'),
    )
    if (all.length === 0) return { met: false, reason: 'no saved state was restored' }
    const refused = all.find(({ error }) => error !== '')
    const met =
      wanted.is === 'accepted'
        ? refused === undefined
        : refused !== undefined && (wanted.by ?? refused.rule) === refused.rule
    const reason =
      refused === undefined
        ? `${all.length} saved states were restored`
        : `a saved state was refused with ${refused.error}: ${refused.rule}`
    return { met, reason }
  }),
  /** What every order of a race of the lab keeps to, and what at least one breaks. */
  race: (outcome, wanted) => {
    const report = outcome.race(wanted.of)
    if (report === undefined) return { met: false, reason: 'L1 did not get to the VMRUN that is raced for' }
    const broken = new Set(report.losses.map(({ finding }) => finding.property))
    const { holds = [], breaks = [], losing } = wanted
    const met =
      (losing === undefined || (report.isComplete && losing === BigInt(report.losing))) &&
      breaks.every((name) => broken.has(name)) &&
      (holds.length === 0 || (report.isComplete && holds.every((name) => !broken.has(name))))
    return { met, reason: describeRace(report, [...holds, ...breaks]) }
  },
  /** All that a scenario of the lab asks for. */
  scenario: (outcome, wanted) => {
    const found = outcome.scenario(wanted)
    if (found === undefined) return { met: false, reason: `the lab has no scenario ${wanted}` }
    return { met: found.met, reason: `${found.title}: ${found.reason}` }
  },
}
