/** Runs in slices, so that Stop is heard; to where the reader wants to go, forward or back. */
import { decode, isDecodeError, MAXIMUM_LENGTH, type Instruction } from '../../../emulator/isa/index.ts'
import type { CpuState, RunResult, Stop } from '../../../emulator/machine/index.ts'
import * as text from '../../strings.ts'
import type { Destination, RunRequest } from '../protocol.ts'
import type { Bench } from './bench.ts'
import { codeBits, codeBytes, nextAddress } from './code.ts'
import { advance, applyStops, codeAt, metStop } from './stops.ts'

/** A slice of a run takes about this long. Milliseconds. */
const SLICE_TIME = 8
const SMALLEST_SLICE = 1000
const LARGEST_SLICE = 20_000_000
const PROGRESS_INTERVAL = 150
/** Of paced runs: how long the pause between two slices is. Milliseconds. */
const TICK = 50

/** Bytes. */
const SHORTEST_CALL = 2

export interface RunControl {
  stopRequested: boolean
  readonly progress: (paced: boolean) => void
}

/** Lets the worker handle messages, without the delay that timers have. */
export function afterMessages(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/** What runs in slices: `advance` goes on by at most so many instructions and says whether that was all. */
export async function inSlices(
  { pace }: Pick<RunRequest, 'pace'>,
  control: RunControl,
  advance: (instructions: number) => boolean,
): Promise<void> {
  let slice = SMALLEST_SLICE
  let reported = performance.now()
  let owed = 1
  while (!control.stopRequested) {
    const started = performance.now()
    if (pace !== undefined) {
      const due = Math.floor(owed)
      if (due > 0 && advance(due)) return
      owed += (pace * TICK) / 1000 - due
      if (due > 0) control.progress(true)
      await pause(TICK)
      continue
    }
    if (advance(slice)) return
    const now = performance.now()
    // Aim at SLICE_TIME, but never more than double: one cheap slice says little about the next.
    const factor = Math.min(2, SLICE_TIME / Math.max(now - started, 0.1))
    slice = Math.max(SMALLEST_SLICE, Math.min(LARGEST_SLICE, Math.round(slice * factor)))
    if (now - reported > PROGRESS_INTERVAL) {
      reported = now
      control.progress(false)
    }
    await afterMessages()
  }
}

/** Whether a part of a run ended early; notes which stop it was. */
function hasStopped(bench: Bench, result: RunResult): boolean {
  const met = metStop(bench, result)
  if (met !== undefined) bench.stop = met
  return met !== undefined || bench.session.ending !== undefined
}

export async function runTo(bench: Bench, request: RunRequest, control: RunControl): Promise<void> {
  const { to } = request
  if (to === 'goal') return runToGoal(bench, request, control)
  if (to === 'over') return runOver(bench, request, control)
  await withStops(bench, ownStops(bench, to), () =>
    inSlices(request, control, (slice) => hasStopped(bench, advance(bench, slice))),
  )
}

/** Stops of a destination, besides the reader's. */
function ownStops(bench: Bench, to: Destination): readonly Stop[] {
  if (to === 'exit') return [{ kind: 'exit' }]
  if (typeof to === 'string') return []
  const address = codeAt(bench, to.file, to.line)
  return address === undefined ? [] : [{ kind: 'code', address }]
}

/** Runs `act` with stops of its own besides the reader's, which may change meanwhile. */
async function withStops(bench: Bench, own: readonly Stop[], act: () => Promise<void>): Promise<void> {
  bench.destination = own
  applyStops(bench)
  try {
    await act()
  } finally {
    bench.destination = []
    applyStops(bench)
  }
}

/**
 * Until one goal more is met than now. The position is that of the first instruction after which it is. Goals are judged at every
 * #VMEXIT and exception, because one that asks for exactly so many can be lost again.
 */
async function runToGoal(bench: Bench, request: RunRequest, control: RunControl): Promise<void> {
  const { session } = bench
  const met = (): number => session.goals().filter((goal) => goal.met).length
  const before = met()
  const own: readonly Stop[] = [{ kind: 'exit' }, { kind: 'exception' }]
  await withStops(bench, own, () =>
    inSlices(request, control, (slice) => {
      const start = session.machine.instructions
      const result = advance(bench, slice)
      const isOver = !(result.reason === 'stop' && own.includes(result.stop)) && hasStopped(bench, result)
      if (met() <= before) return isOver
      let early = start
      let late = session.machine.instructions
      while (late - early > 1) {
        const middle = (early + late) >> 1
        session.goTo(middle)
        if (met() > before) late = middle
        else early = middle
      }
      session.goTo(late)
      bench.stop = text.anotherGoalIsMet
      return true
    }),
  )
}

/** The instruction at rIP of a processor that has just executed it or is about to; undefined if there is none. */
function instructionAt({ session }: Bench, cpu: CpuState, processor: number): Instruction | undefined {
  const bytes = codeBytes(session.machine, processor, cpu, nextAddress(cpu), MAXIMUM_LENGTH)
  const decoded = decode(bytes, 0, bytes.length, codeBits(cpu))
  return isDecodeError(decoded) ? undefined : decoded
}

function isCall(bench: Bench, cpu: CpuState, processor: number): boolean {
  return instructionAt(bench, cpu, processor)?.mnemonic.startsWith('call') === true
}

/** One step; if it was a call, on to its return, and if it entered a guest, on to the #VMEXIT. */
async function runOver(bench: Bench, request: RunRequest, control: RunControl): Promise<void> {
  const { session } = bench
  const { machine } = session
  const { processor } = machine
  const before = machine.inspect(processor)
  if (hasStopped(bench, session.step())) return
  const after = machine.inspect(processor)
  const hasEntered = before.guest === undefined && after.guest !== undefined
  const hasCalled = after.guest?.vmcb === before.guest?.vmcb && isCall(bench, before, processor)
  if (!hasEntered && !hasCalled) return
  const own: Stop[] = hasEntered ? [{ kind: 'exit' }] : []
  for (let length = SHORTEST_CALL; hasCalled && length <= MAXIMUM_LENGTH; length++)
    own.push({ kind: 'code', address: before.segments.cs.base + before.rip + BigInt(length) })
  const isBack = (): boolean => {
    const now = machine.inspect(processor)
    return hasEntered ? now.guest === undefined : now.general.rsp >= before.general.rsp
  }
  await withStops(bench, own, () =>
    inSlices(request, control, (slice) => {
      const result = advance(bench, slice)
      const isOwn = result.reason === 'stop' && own.includes(result.stop)
      if (isOwn) return isBack()
      return hasStopped(bench, result)
    }),
  )
}

/**
 * To the last position before the present one at which a run forward would have stopped. The run is repeated from snapshot to
 * snapshot, the newest first, until one part has a stop in it.
 */
export async function runBackTo(bench: Bench, to: 'stop' | 'exit', control: RunControl): Promise<void> {
  const { session } = bench
  const { machine } = session
  let end = machine.instructions
  const origin = end
  while (end > 0 && !control.stopRequested) {
    const start = machine.snapshotBefore(end) ?? 0
    session.goTo(start)
    if (to === 'exit') machine.setStops([{ kind: 'exit' }])
    const found = lastStop(bench, end, origin)
    applyStops(bench)
    if (found !== undefined) {
      session.goTo(found.at)
      bench.stop = found.description
      return
    }
    end = start
    control.progress(false)
    await afterMessages()
  }
  if (control.stopRequested) session.goTo(origin)
  else session.goTo(0)
}

/** The last stop in a part of the run, from the present position up to `end`, `origin` itself excluded. */
function lastStop(
  bench: Bench,
  end: number,
  origin: number,
): { readonly at: number; readonly description: string } | undefined {
  const { session } = bench
  let last: { at: number; description: string } | undefined
  while (session.machine.instructions < end) {
    const met = metStop(bench, advance(bench, end - session.machine.instructions))
    const at = session.machine.instructions
    if (met === undefined) break
    if (at < origin) last = { at, description: met }
  }
  return last
}

/**
 * From an iteration of a REP instruction to its first one: the earliest count from which rIP stood still while rCX counted
 * down to the present. Searched with growing steps and then by halves, because each look replays from a snapshot.
 */
export function goToFirstIteration(bench: Bench): void {
  const { session } = bench
  const { machine } = session
  const { processor } = machine
  const last = machine.instructions
  const cpu = machine.inspect(processor)
  if (instructionAt(bench, cpu, processor)?.repeat === 'none') return
  const { rip, general } = cpu
  const isSameInstruction = (count: number): boolean => {
    session.goTo(count)
    const earlier = machine.inspect(processor)
    // CX, ECX or RCX counts, by the address size; the low 16 bits do in each case.
    const counted = (earlier.general.rcx - general.rcx - BigInt(last - count)) & 0xffffn
    return machine.processor === processor && earlier.rip === rip && counted === 0n
  }
  let first = last
  let distance = 1
  while (first > 0 && isSameInstruction(Math.max(0, last - distance))) {
    first = Math.max(0, last - distance)
    distance *= 2
  }
  let other = first === 0 ? -1 : Math.max(0, last - distance)
  while (first - other > 1) {
    const middle = (first + other) >> 1
    if (isSameInstruction(middle)) first = middle
    else other = middle
  }
  session.goTo(first)
}
