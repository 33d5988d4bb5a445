/**
 * The races of a lab: while L0 deals with a VMRUN of L1, other vCPUs store to L1's memory. Every order of L0's steps and the stores is
 * tried from the state in which the lab's own program is at that VMRUN; an order that loses can be replayed on the lab's machine.
 */
import {
  explore,
  PROPERTIES,
  raceForVmcb12,
  raceStart,
  type RacePlan,
  type Report,
  type Store,
} from '../hypervisor/index.ts'
import { findField } from '../svm/index.ts'
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

function reportOf(lab: Lab, race: Race, built: Build, options: SessionOptions): RaceReport {
  const stores = storesOf(race, built)
  const nothing = { id: race.id, title: race.title, stores: stores ?? [], report: undefined }
  if (stores === undefined) return nothing
  const session = new LabSession(lab, options)
  session.reset(built, { vmrun: race.vmrun, trace: undefined, cuts: [] })
  while (!session.isWaitingForRace && session.ending === undefined) session.run(SLICE)
  if (!session.isWaitingForRace) return nothing
  const wanted = race.properties
  const properties =
    wanted === undefined ? PROPERTIES : PROPERTIES.filter(({ name }) => wanted.includes(name))
  const bound = { executions: race.executions, steps: MOST_STEPS }
  const report = explore(raceForVmcb12(raceStart(session.machine, session.l0!), stores, properties), {
    bound,
  })
  return { ...nothing, report }
}

const MOST_STEPS = 400

export function raceReports(lab: Lab, built: Build, options: SessionOptions): RaceReport[] {
  return lab.races.map((race) => reportOf(lab, race, built, options))
}
