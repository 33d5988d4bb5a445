/** Questions about the past that are answered by repeating the run; afterwards the machine is where it was. */
import type { LabSession } from '../../../emulator/lab/index.ts'
import type { StreamEvent, StreamKind } from '../../../emulator/machine/index.ts'
import type { ExecutionCounts } from '../protocol.ts'
import type { Stretch } from '../state-protocol.ts'
import { sameBytes } from '../bytes.ts'
import type { Bench } from './bench.ts'
import { afterMessages, inSlices, type RunControl } from './runs.ts'

/** Repeats a part of the run for a listener, until its end or until the reader has had enough. Returns where that was. */
export function repeat(
  session: LabSession,
  { from, to }: Stretch,
  control: RunControl,
  kinds: readonly StreamKind[],
  listener: (event: StreamEvent) => void,
): Promise<number> {
  const { machine } = session
  return session.elsewhere(async () => {
    session.goTo(from)
    const stopListening = machine.listen(kinds, listener)
    try {
      await inSlices({ pace: undefined }, control, (slice) => {
        const before = machine.instructions
        session.goTo(Math.min(to, before + slice))
        return machine.instructions >= to || machine.instructions === before
      })
    } finally {
      stopListening()
    }
    return machine.instructions
  })
}

/** How often each instruction was executed up to now, or up to where the reader had enough. */
export async function countExecutions({ session }: Bench, control: RunControl): Promise<ExecutionCounts> {
  const counts = new Map<bigint, number>()
  const stretch = { from: 0, to: session.machine.instructions }
  const instructions = await repeat(session, stretch, control, ['instruction'], (event) => {
    if (event.kind !== 'instruction') return
    const { linear } = event.event
    counts.set(linear, (counts.get(linear) ?? 0) + 1)
  })
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
  const now = machine.readMemory(address, length)
  let after = machine.instructions
  return session.elsewhere(async () => {
    const isAsNow = (position: number): boolean => {
      session.goTo(position)
      return sameBytes(machine.readMemory(address, length), now)
    }
    if (isAsNow(0)) return undefined
    let before = 0
    while (after - before > 1 && !control.stopRequested) {
      const middle = before + Math.floor((after - before) / 2)
      if (isAsNow(middle)) after = middle
      else before = middle
      await afterMessages()
    }
    return control.stopRequested ? undefined : after
  })
}
