/** Every order of the steps of a race between two sides, with what each step read and wrote, and how it ended. */
import {
  explore,
  scheduleOf,
  type Bound,
  type Finding,
  type Race,
  type RaceEvent,
} from '../../emulator/hypervisor/index.ts'
import { fieldAt, readField, VMCB_BYTES, type VmcbField } from '../../emulator/svm/index.ts'
import * as text from '../strings.ts'
import { littleEndian } from '../workbench/bytes.ts'
import { hex, hexWide } from '../workbench/format.ts'

export interface LatticeStep {
  /** 0 or 1. */
  readonly actor: number
  readonly what: string
  /** What it read or wrote, with values: "reads G_PAT = 0007_0406_0007_0406h". */
  readonly effects: readonly string[]
}

/** One order. */
export interface LatticeOrder {
  /** Indexes in `steps` of the record. */
  readonly steps: readonly number[]
  /** Indexes in `findings` of the record. */
  readonly findings: readonly number[]
}

export interface LatticeFinding {
  readonly property: string
  readonly text: string
  /** Whose steps lead to it in the shortest way, in order. */
  readonly shortest: readonly number[]
}

export interface LatticeRecord {
  readonly actors: readonly [string, string]
  readonly steps: readonly LatticeStep[]
  readonly orders: readonly LatticeOrder[]
  readonly findings: readonly LatticeFinding[]
  /** There are no other orders. */
  readonly isComplete: boolean
}

/** So many orders can still be looked at; the picture is complete for races of up to 10 steps against 4. */
const BOUND: Bound = { executions: 2000, steps: 100 }

/** Tries every order of a race of two sides. `vmcb12`: where it lies in L1's memory, for the names of fields. */
export function latticeRecord(
  race: Race,
  actors: readonly [string, string],
  vmcb12: number,
  bound = BOUND,
): LatticeRecord {
  const steps: LatticeStep[] = []
  const numbers = new Map<string, number>()
  const orders: { steps: number[]; findings: readonly Finding[] }[] = []
  const numberOf = (step: LatticeStep): number => {
    const key = JSON.stringify(step)
    const known = numbers.get(key)
    if (known !== undefined) return known
    numbers.set(key, steps.length)
    return steps.push(step) - 1
  }
  const recorded: Race = {
    ...race,
    begin() {
      const execution = race.begin()
      return {
        sides: execution.sides,
        judge(events) {
          const findings = execution.judge(events)
          const contested = contestedFields(events, vmcb12)
          orders.push({
            steps: events.map((event) => numberOf(stepOf(event, vmcb12, contested))),
            findings,
          })
          return findings
        },
      }
    },
  }
  const { losses, isComplete } = explore(recorded, { reduce: false, bound })
  const names = losses.map(({ finding }) => nameOf(finding))
  return {
    actors,
    steps,
    orders: orders.map((order) => ({
      steps: order.steps,
      findings: [...new Set(order.findings.map((finding) => names.indexOf(nameOf(finding))))],
    })),
    findings: losses.map(({ finding: { property, text }, trace }) => ({
      property,
      text,
      shortest: scheduleOf(trace),
    })),
    isComplete,
  }
}

function nameOf({ property, text }: Finding): string {
  return `${property}: ${text}`
}

/** The fields of vmcb12 that the second side writes: what a long read is looked at for. */
function contestedFields(events: readonly RaceEvent[], vmcb12: number): VmcbField[] {
  const written = events.filter(({ side }) => side === 1).flatMap(({ step }) => step.writes)
  const fields = written.flatMap(({ address }) => fieldOf(address, vmcb12) ?? [])
  return [...new Set(fields)]
}

function fieldOf(address: number, vmcb12: number): VmcbField | undefined {
  const offset = address - vmcb12
  return offset >= 0 && offset < VMCB_BYTES ? fieldAt(offset) : undefined
}

function stepOf(
  { side, step, data }: RaceEvent,
  vmcb12: number,
  contested: readonly VmcbField[],
): LatticeStep {
  let at = 0
  const describe =
    (verb: string) =>
    (range: { readonly address: number; readonly bytes: number }): string => {
      const bytes = data.subarray(at, at + range.bytes)
      at += range.bytes
      return `${verb} ${describeBytes(range.address, bytes, vmcb12, contested)}`
    }
  return {
    actor: side,
    what: side === 0 && step.kind === 'write' ? text.written(step.what) : step.what,
    effects: [...step.reads.map(describe(text.reads)), ...step.writes.map(describe(text.writes))],
  }
}

/** A field with its value; of a long range the fields that somebody else writes. */
function describeBytes(
  address: number,
  bytes: Uint8Array,
  vmcb12: number,
  contested: readonly VmcbField[],
): string {
  const own = fieldOf(address, vmcb12)
  if (bytes.length <= 8) {
    const place = own === undefined ? hex(address) : nameIn(own, address - vmcb12)
    return `${place} = ${hexWide(littleEndian(bytes), bytes.length)}`
  }
  const image = new Uint8Array(VMCB_BYTES)
  const offset = address - vmcb12
  const isInside = offset >= 0 && offset + bytes.length <= VMCB_BYTES
  if (isInside) image.set(bytes, offset)
  const shown = contested
    .filter(
      (field) => isInside && field.offset >= offset && field.offset + field.bytes <= offset + bytes.length,
    )
    .map((field) => `${field.name} = ${hexWide(readField(new DataView(image.buffer), field), field.bytes)}`)
  const size = text.countedBytesAt(bytes.length, isInside ? `vmcb12 + ${hex(offset)}` : hex(address))
  return shown.length === 0 ? size : text.withFields(size, shown)
}

function nameIn({ name, offset }: VmcbField, at: number): string {
  return at === offset ? name : `${name} + ${at - offset}`
}
