/**
 * What must hold of every nested VMRUN, whatever L1's other vCPUs do meanwhile: L0 reads each field of vmcb12 at most once, and
 * the value used is the value checked. Excluded by name: the permission maps and L1's nested tables, which L0 and KVM read live.
 */
import { CHECKS, hex, readField } from '../svm/index.ts'
import type { Context } from './context.ts'
import { meaningful } from './copies.ts'
import { decisionFor, L2_FIELDS, type Decisions } from './decisions.ts'
import type { Look } from './effects.ts'
import type { Finding, RaceEvent } from './explorer.ts'
import type { Run } from './race-vcpu.ts'
import { emptyImage } from './state.ts'
import { bytesOf, get } from './vmcb-image.ts'

/** A field as a look found it. */
export interface Sighting {
  readonly purpose: Look['purpose']
  readonly value: bigint
}

export type Sightings = ReadonlyMap<string, readonly Sighting[]>

/** One nested VMRUN of a vCPU. */
export interface NestedVmrun {
  /** L0's looks at every field of vmcb12, in their order. */
  readonly seen: Sightings
  /** Undefined when L0 did not let L2 run. */
  readonly run: Run | undefined
  /** The number of L0's VMRUN, which ends it, among the side's steps. */
  readonly ordinal: number
  /** Those of the same vCPU before it: of what they loaded, clean bits may keep something in vmcb02. */
  readonly earlier: readonly NestedVmrun[]
}

/** What a vCPU's looks at vmcb12 found, field by field. The copy of an area passes over what the design makes no copy of. */
export function sightings(events: readonly RaceEvent[], decisions: Decisions): Sightings {
  const seen = new Map<string, Sighting[]>(L2_FIELDS.map(({ key }) => [key, []]))
  const image = emptyImage()
  let got = 0
  for (const { step, data } of events) {
    if (step.look === undefined) continue
    const { offset, bytes, purpose } = step.look
    bytesOf(image).set(data, offset + got)
    got += step.reads[0].bytes
    if (got < bytes) continue
    got = 0
    for (const field of L2_FIELDS)
      if (
        field.offset >= offset &&
        field.offset + field.bytes <= offset + bytes &&
        (purpose !== 'copy' || decisionFor(decisions, field.key).copy !== 'none')
      )
        seen.get(field.key)!.push({ purpose, value: meaningful(field.key, readField(image, field)) })
  }
  return seen
}

/** A vCPU's nested VMRUNs: each is what L0 did up to its own VMRUN, if it looked at a vmcb12. */
export function nestedVmruns(
  runs: ReadonlyMap<number, Run>,
  own: readonly RaceEvent[],
  decisions: Decisions,
): NestedVmrun[] {
  const found: NestedVmrun[] = []
  let first = 0
  for (const [i, { step, ordinal }] of own.entries()) {
    if (step.kind !== 'vmrun') continue
    const part = own.slice(first, i)
    first = i + 1
    if (part.some((event) => event.step.look !== undefined))
      found.push({ seen: sightings(part, decisions), run: runs.get(ordinal), ordinal, earlier: [...found] })
  }
  return found
}

/** The fields that a design's checks look at. */
function checkedFields(decisions: Decisions): Set<string> {
  const made = CHECKS.filter(({ fields }) => decisionFor(decisions, fields[0]).check !== 'none')
  return new Set(made.flatMap(({ fields }) => fields).filter((key) => decisions.fields.has(key)))
}

interface Violation {
  readonly field: string
  readonly text: string
}

export interface Property {
  readonly name: string
  /** What must hold. */
  readonly about: string
  violations(vmrun: NestedVmrun, decisions: Decisions): readonly Violation[]
}

/** The values that were read for one purpose; a field that was not read for it has the copy's. */
function valuesFor(purpose: Look['purpose'], all: readonly Sighting[]): bigint[] {
  const own = all.filter((look) => look.purpose === purpose)
  return (own.length > 0 ? own : all.filter((look) => look.purpose === 'copy')).map(({ value }) => value)
}

/** What L2 runs with: its save area is in vmcb02, its controls are those that L0 goes by. */
function usedValue({ vmcb02, controls }: Run, field: string): bigint {
  return get(field.startsWith('control.') ? controls : vmcb02, field)
}

/** vmcb02 has the field from vmcb12. */
function comesFromVmcb12({ hasOwnPat }: Run, decisions: Decisions, field: string): boolean {
  return decisionFor(decisions, field).use !== 'vmcb01' && (field !== 'save.g_pat' || hasOwnPat)
}

const VMRUN_INTERCEPT = 1n

export const PROPERTIES: readonly Property[] = [
  {
    name: 'read-once',
    about: 'Each field of vmcb12 is read at most once.',
    violations: ({ seen }) =>
      [...seen]
        .filter(([, all]) => all.length > 1)
        .map(([field, all]) => ({ field, text: `${field} is read ${all.length} times` })),
  },
  {
    name: 'used-as-checked',
    about:
      'When L2 runs, each value that was used is one that was checked, for this VMRUN or, where a clean bit kept it, for an earlier one.',
    violations({ seen, run, earlier }, decisions) {
      if (run === undefined) return []
      return [...checkedFields(decisions)].flatMap((field) => {
        if (!comesFromVmcb12(run, decisions, field)) return []
        const checked = valuesFor('check', seen.get(field)!)
        const before = earlier.flatMap((vmrun) => valuesFor('check', vmrun.seen.get(field)!))
        const used = usedValue(run, field)
        if (checked.includes(used) || before.includes(used)) return []
        const isKept = !valuesFor('use', seen.get(field)!).includes(used)
        const value = isKept ? `${hex(used)}, which a clean bit kept,` : hex(used)
        const text = `${field}: ${checked.map(hex).join(', ')} was checked, and ${value} is used`
        return [{ field, text }]
      })
    },
  },
  {
    name: 'one-value-used',
    about: 'When L2 runs, all uses of a field had the same value.',
    violations({ seen, run }) {
      if (run === undefined) return []
      return [...seen].flatMap(([field, all]) => {
        const used = valuesFor('use', all)
        if (used.every((value) => value === used[0])) return []
        return [{ field, text: `${field} is used as ${used.map(hex).join(' and as ')}` }]
      })
    },
  },
  {
    name: 'vmrun-succeeds',
    about: "The processor's VMRUN of vmcb02 does not fail.",
    violations({ run }) {
      if (run === undefined) return []
      return run.failed.map((id) => {
        const field = CHECKS.find((check) => check.id === id)!.fields[0]
        return { field, text: `VMRUN of vmcb02 fails: ${id}, ${field} is ${hex(get(run.vmcb02, field))}` }
      })
    },
  },
  {
    name: 'vmrun-intercepted',
    about:
      'L2 never runs without the intercept of VMRUN that L1 must have set: its VMRUN would be taken for one of L1.',
    violations({ run }) {
      const field = 'control.intercept_vector_4'
      const isLost = run !== undefined && !(get(run.controls, field) & VMRUN_INTERCEPT)
      return isLost ? [{ field, text: `L2 runs, and L1 does not intercept its VMRUN` }] : []
    },
  },
]

/** Which of the properties did not hold in an execution, and with which VMRUN. */
export function judge(
  { decisions }: Context,
  sides: readonly { readonly runs: ReadonlyMap<number, Run> }[],
  events: readonly RaceEvent[],
  properties: readonly Property[],
): Finding[] {
  return [...sides.entries()].flatMap(([side, { runs }]) => {
    const own = events.filter((event) => event.side === side)
    return nestedVmruns(runs, own, decisions).flatMap((vmrun) =>
      properties.flatMap((property) =>
        property
          .violations(vmrun, decisions)
          .map((violation) => ({ property: property.name, ...violation, side, ordinal: vmrun.ordinal })),
      ),
    )
  })
}
