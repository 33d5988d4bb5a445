/** Compares the outcomes of a case: which fields differ, and which of these differences are known deviations of QEMU. */
import type { Case } from './cases.ts'
import { DEVIATIONS } from './deviations.ts'
import type { Deviation, Results } from './deviations/deviation.ts'
import { COMPARED, field, readOutcomes, type Outcome } from './outcome.ts'
import { runOurs } from './ours.ts'
import { runQemu } from './qemu.ts'

export interface Difference {
  /** A field of the VMCB, or one of 'crash', 'host exception', 'stack'. */
  readonly key: string
  readonly ours: string
  readonly qemu: string
}

export interface Comparison {
  /** Rows that excused something. */
  readonly excusedBy: ReadonlySet<Deviation>
  /** What no row excuses. */
  readonly residue: readonly Difference[]
  /** The case was run once more in a QEMU of its own. */
  readonly alone: boolean
  /** False when QEMU hung each time: nothing is known about the case then. */
  readonly compared: boolean
}

/** Share of the cases that a run must have compared to tell something. */
export const LEAST_COMPARED = 0.9

function hex(value: bigint | undefined): string {
  return value === undefined ? 'none' : `${value.toString(16)}h`
}

function stackText(stack: ReadonlyMap<number, bigint>): string {
  return [...stack].map(([offset, value]) => `${offset.toString(16)}:${value.toString(16)}`).join(' ')
}

/** All that differs, before any excuse. */
function differences(ours: Outcome, qemu: Outcome): Difference[] {
  if (qemu.ended !== undefined) return [{ key: 'crash', ours: 'goes on', qemu: 'ends' }]
  const found = COMPARED.filter(({ key }) => field(ours.vmcb, key) !== field(qemu.vmcb, key)).map(
    ({ key }) => ({
      key,
      ours: hex(field(ours.vmcb, key)),
      qemu: hex(field(qemu.vmcb, key)),
    }),
  )
  if (ours.exception !== qemu.exception)
    found.push({ key: 'host exception', ours: hex(ours.exception), qemu: hex(qemu.exception) })
  const stacks = [ours, qemu].map(({ stack }) => stackText(stack))
  if (stacks[0] !== stacks[1]) found.push({ key: 'stack', ours: stacks[0], qemu: stacks[1] })
  return found
}

/** Compares what became of `subject` in the two. */
export function compare(
  subject: Case,
  ours: Outcome,
  qemu: Outcome,
): Pick<Comparison, 'excusedBy' | 'residue'> {
  const excusedBy = new Set<Deviation>()
  let left = differences(ours, qemu)
  if (left.length > 0) {
    const results: Results = { before: subject.vmcb, ours, qemu }
    for (const deviation of DEVIATIONS) {
      if (!deviation.applies(results)) continue
      const remaining = left.filter(({ key }) => !deviation.excuses(key, results))
      if (remaining.length < left.length) excusedBy.add(deviation)
      left = remaining
    }
  }
  return { excusedBy, residue: left }
}

/**
 * Runs cases in both executors of our machine and in QEMU, and compares. A case that QEMU does not finish, or with a difference
 * that no row excuses, is run once more, alone: translations and breakpoints of the case before stay in QEMU. `text` is what
 * runOurs makes of the cases. Throws when one of our results depends on the cases before it.
 */
export async function compareWithQemu(cases: readonly Case[], text: string): Promise<Comparison[]> {
  const ours = readOutcomes(text, cases)
  const qemu = readOutcomes(await runQemu(cases), cases)
  const lines = text.split('\n')
  const comparisons: Comparison[] = []
  for (const [n, subject] of cases.entries()) {
    const first = compare(subject, ours[n], qemu[n])
    if (first.residue.length === 0 && qemu[n].ended === undefined) {
      comparisons.push({ ...first, alone: false, compared: true })
      continue
    }
    if (withoutNumber(runOurs([subject])) !== withoutNumber(lines[n]))
      throw new Error(`case ${subject.index} depends on others`)
    const [again] = readOutcomes(await runQemu([subject]), [subject])
    comparisons.push(
      again.ended === 'stall'
        ? { excusedBy: new Set(), residue: [], alone: true, compared: false }
        : { ...compare(subject, ours[n], again), alone: true, compared: true },
    )
  }
  return comparisons
}

/** The first line, less the number of the case. */
function withoutNumber(text: string): string {
  return text.split('\n')[0].slice(8)
}
