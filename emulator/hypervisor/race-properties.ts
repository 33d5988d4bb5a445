/**
 * What must hold of every nested VMRUN, whatever L1's other vCPUs store meanwhile: L0 reads each field of vmcb12 at most once, and
 * the value used is the value checked. Excluded by name: the permission maps and L1's nested tables, which L0 and KVM read live.
 */
import { CHECKS, readField, type VmcbField } from '../svm/index.ts'
import { meaningful } from './copies.ts'
import { decisionFor, L2_FIELDS, type Decisions } from './decisions.ts'
import type { Finding, RaceEvent } from './explorer.ts'
import type { Outcome } from './race-model.ts'
import { emptyImage } from './state.ts'
import { bytesOf, get } from './vmcb-image.ts'

/** What L0 read a field of vmcb12 for (copies.ts). */
type Purpose = 'copy' | 'check' | 'use'

/** One look at a field. */
interface Look {
  readonly purpose: Purpose
  readonly value: bigint
}

/** L0's looks at every field of vmcb12, in their order. */
export function looksAtFields(vmcb12: number, events: readonly RaceEvent[]): Map<string, Look[]> {
  const looks = new Map<string, Look[]>(L2_FIELDS.map(({ key }) => [key, []]))
  for (const { side, step, data } of events) {
    const purpose = /^vmcb12 .*, to (copy|check|use)$/.exec(step.what)?.[1] as Purpose | undefined
    if (side !== 0 || purpose === undefined) continue
    const offset = step.reads[0].address - vmcb12
    const image = emptyImage()
    bytesOf(image).set(data, offset)
    for (const field of L2_FIELDS.filter((one) => liesWithin(one, offset, data.length)))
      looks.get(field.key)!.push({ purpose, value: meaningful(field.key, readField(image, field)) })
  }
  return looks
}

function liesWithin(field: VmcbField, offset: number, bytes: number): boolean {
  return field.offset >= offset && field.offset + field.bytes <= offset + bytes
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
  violations(outcome: Outcome, looks: ReadonlyMap<string, readonly Look[]>): readonly Violation[]
}

const hex = (value: bigint): string => `${value.toString(16).toUpperCase()}h`

/** The values that were read for one purpose; a field that was not read for it has the copy's. */
function valuesFor(purpose: Purpose, all: readonly Look[]): bigint[] {
  const own = all.filter((look) => look.purpose === purpose)
  return (own.length > 0 ? own : all.filter((look) => look.purpose === 'copy')).map(({ value }) => value)
}

const VMRUN_INTERCEPT = 1n

export const PROPERTIES: readonly Property[] = [
  {
    name: 'read-once',
    about: 'Each field of vmcb12 is read at most once.',
    violations: (_, looks) =>
      [...looks]
        .filter(([, all]) => all.length > 1)
        .map(([field, all]) => ({ field, text: `${field} is read ${all.length} times` })),
  },
  {
    name: 'used-as-checked',
    about: 'When L2 runs, each value that was used is one that was checked.',
    violations({ context: { decisions }, vmcb02 }, looks) {
      if (vmcb02 === undefined) return []
      return [...checkedFields(decisions)].flatMap((field) => {
        if (decisionFor(decisions, field).use === 'vmcb01') return []
        const all = looks.get(field)!
        const checked = valuesFor('check', all)
        return valuesFor('use', all)
          .filter((value) => !checked.includes(value))
          .map((value) => ({
            field,
            text: `${field}: ${checked.map(hex).join(', ')} was checked, and ${hex(value)} is used`,
          }))
      })
    },
  },
  {
    name: 'one-value-used',
    about: 'When L2 runs, all uses of a field had the same value.',
    violations({ vmcb02 }, looks) {
      if (vmcb02 === undefined) return []
      return [...looks].flatMap(([field, all]) => {
        const used = valuesFor('use', all)
        if (used.every((value) => value === used[0])) return []
        return [{ field, text: `${field} is used as ${used.map(hex).join(' and as ')}` }]
      })
    },
  },
  {
    name: 'vmrun-succeeds',
    about: "The processor's VMRUN of vmcb02 does not fail.",
    violations: ({ vmcb02, failed }) =>
      vmcb02 === undefined
        ? []
        : failed.map((id) => {
            const field = CHECKS.find((check) => check.id === id)!.fields[0]
            return { field, text: `VMRUN of vmcb02 fails: ${id}, ${field} is ${hex(get(vmcb02, field))}` }
          }),
  },
  {
    name: 'vmrun-intercepted',
    about:
      'L2 never runs without the intercept of VMRUN that L1 must have set: its VMRUN would be taken for one of L1.',
    violations({ vmcb02, vcpu }) {
      const field = 'control.intercept_vector_4'
      const isLost = vmcb02 !== undefined && !(get(vcpu.nested.controls, field) & VMRUN_INTERCEPT)
      return isLost ? [{ field, text: `L2 runs, and L1 does not intercept its VMRUN` }] : []
    },
  },
]

/** Which of the properties did not hold in an execution. It was so with L0's last step. */
export function judge(
  outcome: Outcome,
  events: readonly RaceEvent[],
  properties: readonly Property[],
): Finding[] {
  const looks = looksAtFields(outcome.vcpu.nested.vmcb12, events)
  const ordinal = events.filter(({ side }) => side === 0).length - 1
  return properties.flatMap((property) =>
    property
      .violations(outcome, looks)
      .map((violation) => ({ property: property.name, ...violation, side: 0, ordinal })),
  )
}
