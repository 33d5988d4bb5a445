/** The worker's side of labs whose program is L1: what L0 does, its VMCBs, races. Loaded with L0 itself. */
import {
  scheduleOf,
  triptych,
  type Loss,
  type RaceEvent,
  type TriptychRow,
} from '../../../emulator/hypervisor/index.ts'
import type { RaceReport } from '../../../emulator/lab/index.ts'
import { findField } from '../../../emulator/svm/index.ts'
import { latticeRecord } from '../../figures/lattice-data.ts'
import * as text from '../../strings.ts'
import { hex, hexWide } from '../format.ts'
import type { RaceView, TriptychView } from '../protocol.ts'
import type { Bench } from './bench.ts'

/** vmcb01, vmcb02 and vmcb12 of a vCPU, and what they were before the last instruction. The machine goes back and forth for that. */
export function triptychOf({ session }: Bench, processor: number): TriptychView {
  const { machine, l0 } = session
  const present = machine.instructions
  const rows = (): readonly TriptychRow[] | undefined =>
    l0 && triptych(l0.state(processor), l0.context.decisions)
  const now = rows()
  if (present === 0) return { rows: now, previous: undefined }
  const previous = machine.elsewhere(() => {
    machine.goTo(present - 1)
    return rows()
  })
  return { rows: now, previous }
}

/** What the explorer found in each race of the lab, with every order for the lattice where two sides race. */
export function racesOf({ session }: Bench): RaceView[] {
  return session.races().map(({ id, title, stores, report }: RaceReport) => {
    const placed = report && stores.length === 1 ? session.placeRace(id) : undefined
    return {
      id,
      title,
      stores: stores.map((list) =>
        list.map(({ address, bytes, value }) => text.storeTo(hexWide(value, bytes), hex(address))),
      ),
      report: report && {
        tried: report.tried,
        most: report.bound.executions,
        longest: report.longest,
        losing: report.losing,
        isComplete: report.isComplete,
        losses: report.losses.map(lossView),
      },
      lattice: placed && latticeRecord(placed.model, [text.l0OfVcpu0, text.vcpu1OfL1], placed.vmcb12),
    }
  })
}

function lossView({ finding, trace }: Loss) {
  const { property, field, text: explanation } = finding
  return { property, field: findField(field)?.name ?? field, text: explanation, steps: trace.map(stepOf) }
}

function stepOf({ side, step }: RaceEvent): string {
  return `${side === 0 ? 'L0' : text.vcpuOf(side)}: ${step.what}`
}

/** Starts the machine over with what the other vCPUs store as in the shortest order with a finding. */
export function replayRace(bench: Bench, id: string, finding: number): void {
  const { session, build } = bench
  const race = session.races().find((one) => one.id === id)
  const loss = race?.report?.losses[finding]
  if (race === undefined || loss === undefined || build === undefined) return
  session.reset(build, session.replayOf(id, loss.trace))
  bench.timeline.clear()
  const sides = scheduleOf(loss.trace).map((side) => (side === 0 ? 'L0' : text.vcpuOf(side)))
  bench.replay = `${race.title}: ${sides.join(', ')}`
}
