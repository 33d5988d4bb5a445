/** Compares the outcomes of a case: which fields differ, and which of these differences are known deviations of QEMU. */
import type { Case } from './cases.ts'
import { DEVIATIONS, type Deviation, type Results } from './deviations.ts'
import { COMPARED, field, readOutcomes, type Outcome } from './outcome.ts'
import { runOurs } from './ours.ts'
import { runQemu } from './qemu.ts'

/** A field of the VMCB, or one of 'crash', 'host exception', 'stack'. */
export interface Difference {
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
  readonly alone?: boolean
}

function hex(value: bigint | undefined): string {
  return value === undefined ? 'none' : `${value.toString(16)}h`
}

function stackText(stack: ReadonlyMap<number, bigint>): string {
  return [...stack].map(([offset, value]) => `${offset.toString(16)}:${value.toString(16)}`).join(' ')
}

/** All that differs, before any excuse. */
function differences(ours: Outcome, qemu: Outcome): Difference[] {
  if (qemu.crashed) return [{ key: 'crash', ours: 'goes on', qemu: 'ends or hangs' }]
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
export function compare(subject: Case, ours: Outcome, qemu: Outcome): Comparison {
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
 * Runs cases in both executors of our machine and in QEMU, and compares. A case with a difference that no row excuses is run once
 * more, alone: translations and breakpoints of the case before stay in QEMU, and its timer counts real time. Throws when our
 * executors differ, or when one of our results depends on the cases before it.
 */
export function compareCases(cases: readonly Case[]): Comparison[] {
  const text = runOurs(cases)
  if (runOurs(cases, 'evaluate') !== text) throw new Error('the executors differ')
  const ours = readOutcomes(text, cases)
  const qemu = readOutcomes(runQemu(cases), cases)
  const lines = text.split('\n')
  return cases.map((subject, n) => {
    const first = compare(subject, ours[n], qemu[n])
    if (first.residue.length === 0 || qemu[n].crashed) return first
    const again = runOurs([subject])
    if (withoutNumber(again) !== withoutNumber(lines[n]))
      throw new Error(`case ${subject.index} depends on others`)
    const [aloneOurs] = readOutcomes(again, [subject])
    const [aloneQemu] = readOutcomes(runQemu([subject]), [subject])
    return { ...compare(subject, aloneOurs, aloneQemu), alone: true }
  })
}

/** The first line, less the number of the case. */
function withoutNumber(text: string): string {
  return text.split('\n')[0].slice(8)
}
