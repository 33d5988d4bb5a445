/**
 * The races of a lab: while L0 deals with a VMRUN of L1, other vCPUs store to L1's memory. Every order of L0's steps and the stores is
 * tried from the state in which the lab's own program is at that VMRUN; an order that loses can be replayed on the lab's machine.
 */
import type { Race as RaceModel, RacePlan, Report, Store } from '../hypervisor/index.ts'
import { findField, readField, VMCB_BYTES, vmcbField } from '../svm/index.ts'
import type { Build } from './build.ts'
import type { Lab, Race } from './schema.ts'
import { LabSession, type SessionOptions } from './session.ts'
import { evaluateValue } from './value.ts'

export interface RaceReport {
  readonly id: string
  readonly title: string
  /** What each vCPU stores: that of number 1 first. */
  readonly stores: readonly (readonly Store[])[]
  /** Undefined when L1 does not get to the VMRUN that is raced for. */
  readonly report: Report | undefined
}

/** How a race goes on a lab's machine. */
export interface Replay extends RacePlan {
  /** Those of the report: where L0's looks and stores are interrupted. */
  readonly cuts: readonly number[]
}

/** The steps in which the machine is asked whether it is at the VMRUN. */
const SLICE = 1000

function valueOf(value: bigint | string, symbols: ReadonlyMap<string, bigint>): bigint | undefined {
  if (typeof value === 'bigint') return value
  const result = evaluateValue(value, symbols)
  return result.ok ? result.value : undefined
}

/** What the vCPUs store; undefined when the program has not got a symbol that a store names. */
function storesOf({ stores }: Race, { program: { symbols } }: Build): Store[][] | undefined {
  const lists: Store[][] = []
  for (const { by, at, field: name, size, value } of stores) {
    const field = name === undefined ? undefined : findField(name)
    const [base, stored] = [valueOf(at, symbols), valueOf(value, symbols)]
    if (base === undefined || stored === undefined || (name !== undefined && field === undefined))
      return undefined
    const bytes = Number(size ?? BigInt(field?.bytes ?? 8)) as Store['bytes']
    while (lists.length < by) lists.push([])
    lists[by - 1].push({ address: Number(base) + (field?.offset ?? 0), bytes, value: stored })
  }
  return lists
}

/** The race as the explorer takes it. */
export interface PlacedRace {
  readonly model: RaceModel
  /** What each vCPU stores: that of number 1 first. */
  readonly stores: readonly (readonly Store[])[]
  /** Where vmcb12 lies in L1's memory. */
  readonly vmcb12: number
}

/** Runs the program to the VMRUN that is raced for. Undefined when it does not get there, or has not got a symbol of the stores. */
export function placeRace(
  lab: Lab,
  race: Race,
  built: Build,
  options: SessionOptions,
): PlacedRace | undefined {
  const stores = storesOf(race, built)
  const { hypervisor } = options
  if (stores === undefined || hypervisor === undefined) return undefined
  const session = new LabSession(lab, options)
  session.reset(built, { vmrun: race.vmrun, trace: undefined, cuts: [] })
  while (!session.isWaitingForRace && session.ending === undefined) session.run(SLICE)
  if (!session.isWaitingForRace) return undefined
  const { PROPERTIES, raceForVmcb12, raceStart } = hypervisor
  const wanted = race.properties
  const properties =
    wanted === undefined ? PROPERTIES : PROPERTIES.filter(({ name }) => wanted.includes(name))
  const model = raceForVmcb12(raceStart(session.machine, session.l0!), stores, properties)
  return { model, stores, vmcb12: operandOfVmrun(session) }
}

/** rAX of vCPU 0, whose VMRUN has just exited with vmcb01. */
function operandOfVmrun({ machine, l0 }: LabSession): number {
  const image = machine.readMemory(l0!.map.vcpus[0].vmcb01, VMCB_BYTES)
  return Number(readField(new DataView(image.buffer, image.byteOffset), vmcbField('save.rax')))
}

function reportOf(lab: Lab, race: Race, built: Build, options: SessionOptions): RaceReport {
  const { id, title, executions } = race
  const placed = placeRace(lab, race, built, options)
  const report =
    placed && options.hypervisor?.explore(placed.model, { bound: { executions, steps: MOST_STEPS } })
  return { id, title, stores: placed?.stores ?? [], report }
}

const MOST_STEPS = 400

export function raceReports(lab: Lab, built: Build, options: SessionOptions): RaceReport[] {
  return lab.races.map((race) => reportOf(lab, race, built, options))
}
