/** Questions about the past that are answered by repeating the run; afterwards the machine is where it was. */
import type { LabSession } from '../../../emulator/lab/index.ts'
import type { ExecutionCounts } from '../protocol.ts'
import type { Bench } from './bench.ts'
import { afterMessages, inSlices, type RunControl } from './runs.ts'

/** Goes back to `position`; a run that was over there is over again. */
export function returnTo(session: LabSession, position: number, wasOver: boolean): void {
  session.goTo(position)
  // A machine that is at its end executes nothing more, and says why.
  if (wasOver) session.run(1)
}

/** How often each instruction was executed up to now, or up to where the reader had enough. */
export async function countExecutions({ session }: Bench, control: RunControl): Promise<ExecutionCounts> {
  const { machine } = session
  const end = machine.instructions
  const wasOver = session.ending !== undefined
  const counts = new Map<bigint, number>()
  session.goTo(0)
  const stopListening = machine.listen(['instruction'], (event) => {
    if (event.kind !== 'instruction') return
    const { linear } = event.event
    counts.set(linear, (counts.get(linear) ?? 0) + 1)
  })
  try {
    await inSlices({ pace: undefined }, control, (slice) => {
      session.goTo(Math.min(end, machine.instructions + slice))
      return machine.instructions >= end
    })
  } finally {
    stopListening()
  }
  const instructions = machine.instructions
  returnTo(session, end, wasOver)
  return { instructions, counts }
}

/** The position of the first instruction after which memory had the bytes that it has now: searched by halves. */
export async function whenWritten(
  { session }: Bench,
  address: number,
  length: number,
  control: RunControl,
): Promise<number | undefined> {
  const { machine } = session
  const end = machine.instructions
  const wasOver = session.ending !== undefined
  const now = machine.readMemory(address, length)
  const isAsNow = (position: number): boolean => {
    session.goTo(position)
    return machine.readMemory(address, length).every((byte, index) => byte === now[index])
  }
  const wasAlways = isAsNow(0)
  let before = 0
  let after = end
  while (!wasAlways && after - before > 1 && !control.stopRequested) {
    const middle = before + Math.floor((after - before) / 2)
    if (isAsNow(middle)) after = middle
    else before = middle
    await afterMessages()
  }
  returnTo(session, end, wasOver)
  return wasAlways || control.stopRequested ? undefined : after
}
