/** What the files of the service share: a lab, its machine, and what they were started with. */
import type { Build, LabSession } from '../../../emulator/lab/index.ts'
import type { ReaderStop } from '../protocol.ts'
import { createTimeline, type RecordedTimeline } from './timeline.ts'

export interface Bench {
  readonly session: LabSession
  /** What the machine was started with. */
  build: Build | undefined
  stops: readonly ReaderStop[]
  readonly timeline: RecordedTimeline
  /** Why the last run paused. */
  stop: string | undefined
}

export function createBench(session: LabSession): Bench {
  return { session, build: undefined, stops: [], timeline: createTimeline(), stop: undefined }
}
