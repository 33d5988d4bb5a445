/** What the files of the service share: a lab, its machine, and what they were started with. */
import { evaluateValue, type Build, type LabSession, type ValueResult } from '../../../emulator/lab/index.ts'
import type { Stop } from '../../../emulator/machine/index.ts'
import type { ReaderStop, ResolvedStop } from '../protocol.ts'
import { createTimeline, type RecordedTimeline } from './timeline.ts'

export interface Bench {
  readonly session: LabSession
  /** What the machine was started with. */
  build: Build | undefined
  /** The reader has made a guess at what fails in this build. */
  hasGuessed: boolean
  stops: readonly ReaderStop[]
  /** What the machine makes of `stops`, in their order. */
  resolved: readonly ResolvedStop[]
  /** Stops of the run that is going on, besides the reader's. */
  destination: readonly Stop[]
  readonly timeline: RecordedTimeline
  /** Why the last run paused. */
  stop: string | undefined
  /** The order of a race that happens again in this run, in words. */
  replay: string | undefined
  /** Names of the exits that L1 sees at which a run ends, as in the table of exit codes; undefined for all. Empty: it ends at none. */
  l1Exits: readonly (string | undefined)[]
  /** The exit that L1 has just got, at which the run ends. */
  l1Exit: string | undefined
  /** A run goes on: what L0 does is new, and not repeated. */
  isAdvancing: boolean
}

/** What an expression of the reader's gives: a number, a symbol of the build, or a sum of both. */
export function valueOf({ build }: Bench, expression: string): ValueResult {
  return evaluateValue(expression, build?.program.symbols ?? new Map())
}

/** Of the lab's machine, L0's left out. */
export function ramBytes({ session }: Bench): number {
  return session.lab.machine.memory * 0x10_0000
}

export function createBench(session: LabSession): Bench {
  return {
    session,
    build: undefined,
    hasGuessed: false,
    stops: [],
    resolved: [],
    destination: [],
    timeline: createTimeline(),
    stop: undefined,
    replay: undefined,
    l1Exits: [],
    l1Exit: undefined,
    isAdvancing: false,
  }
}
