/**
 * Enumerates the orders in which the sides of a race can take their steps, under sequential consistency: one step after the other,
 * each seen by all at once. Orders that differ only in steps that do not touch the same bytes lead to the same end; with reduction
 * one of each class is tried (sleep sets; Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems").
 */

import type { Look } from './effects.ts'

/** Bytes of memory. */
export interface ByteRange {
  readonly address: number
  readonly bytes: number
}

/** What a step does to the memory that the sides share. */
export interface Touched {
  readonly reads: readonly ByteRange[]
  readonly writes: readonly ByteRange[]
}

/** What a side will do next. It depends on the side's own past only. */
export interface Step extends Touched {
  readonly kind: 'read' | 'write' | 'vmrun'
  /** In words, for traces. */
  readonly what: string
  /** Of a read: what L0 looks at vmcb12 for, and the whole of the look, whose piece this read is. */
  readonly look?: Look | undefined
}

/** One side of the race in one execution. */
export interface Side {
  /** Undefined at its end. */
  readonly next: Step | undefined
  /** Takes the step. Returns the bytes that it read, or those that it wrote, range after range. */
  advance(): Uint8Array
}

/** Something that should not have happened, and the step of the side with which it had. */
export interface Finding {
  /** Name of the property that does not hold. */
  readonly property: string
  /** The VMCB field. */
  readonly field: string
  /** With values. */
  readonly text: string
  readonly side: number
  /** The side's steps are counted from 0. */
  readonly ordinal: number
}

export interface Execution {
  readonly sides: readonly Side[]
  /** Asked when all sides are at their end. */
  judge(events: readonly RaceEvent[]): readonly Finding[]
}

export interface Race {
  /** Addresses at which long accesses are taken apart: between two of them an access is one step. */
  readonly cuts: readonly number[]
  /** All that a side will ever touch, where that is known. */
  readonly footprints: readonly (Touched | undefined)[]
  /** The race from its beginning, always the same. */
  begin(): Execution
}

/** A step that was taken. A list of them is a view of the lattice of orders: `after` are its lines. */
export interface RaceEvent {
  readonly side: number
  readonly ordinal: number
  readonly step: Step
  readonly data: Uint8Array
  /** Positions of earlier events that must stay earlier: the side's own last step, and steps on the same bytes. */
  readonly after: readonly number[]
}

export interface Bound {
  /** Executions. */
  readonly executions: number
  /** Steps of one execution. */
  readonly steps: number
}

export interface Loss {
  readonly finding: Finding
  /** Only what led to it, in an order in which it can happen. */
  readonly trace: readonly RaceEvent[]
}

export interface Report {
  readonly bound: Bound
  readonly reduced: boolean
  /** Of the race. */
  readonly cuts: readonly number[]
  /** Executions to the end of all sides. */
  readonly tried: number
  /** Executions that were left because another order of the same class was tried. */
  readonly pruned: number
  /** Nothing within the bound was left out, and no execution was longer. */
  readonly isComplete: boolean
  /** Steps of the longest execution. */
  readonly longest: number
  /** Executions with a finding. */
  readonly losing: number
  /** Every finding once, with its shortest trace; the shortest of them first. */
  readonly losses: readonly Loss[]
}

export const DEFAULT_BOUND: Bound = { executions: 20_000, steps: 400 }

export interface ExploreOptions {
  readonly bound?: Bound
  /** False: every order is tried. */
  readonly reduce?: boolean
  /** Called for every execution that came to its end. */
  readonly onExecution?: (events: readonly RaceEvent[]) => void
}

/** Where an execution leaves those before it: a side takes the next step, and `asleep` have been tried in its place. */
interface Branch {
  readonly prefix: readonly number[]
  readonly asleep: readonly number[]
}

export function explore(race: Race, options: ExploreOptions = {}): Report {
  const { bound = DEFAULT_BOUND, reduce = true, onExecution } = options
  const branches: Branch[] = [{ prefix: [], asleep: [] }]
  const losses = new Map<string, Loss>()
  let [tried, pruned, losing, longest] = [0, 0, 0, 0]
  let isCut = false
  while (branches.length > 0 && tried + pruned < bound.executions) {
    const execution = race.begin()
    const events: RaceEvent[] = []
    const end = follow(race, execution, branches.pop()!, reduce, bound.steps, events, branches)
    longest = Math.max(longest, events.length)
    if (end === 'pruned') pruned++
    if (end === 'cut') isCut = true
    if (end !== 'ended') continue
    tried++
    onExecution?.(events)
    const findings = execution.judge(events)
    if (findings.length > 0) losing++
    for (const finding of findings) keepShortest(losses, finding, events)
  }
  return {
    bound,
    reduced: reduce,
    cuts: race.cuts,
    tried,
    pruned,
    isComplete: branches.length === 0 && !isCut,
    longest,
    losing,
    losses: [...losses.values()].sort(byLength),
  }
}

/** Takes the branch's steps, and goes on to an end; the alternatives on the way are new branches. */
function follow(
  race: Race,
  { sides }: Execution,
  branch: Branch,
  reduce: boolean,
  mostSteps: number,
  events: RaceEvent[],
  branches: Branch[],
): 'ended' | 'pruned' | 'cut' {
  for (const side of branch.prefix) take(sides, side, events)
  let asleep = branch.asleep
  for (;;) {
    const unfinished = [...sides.keys()].filter((side) => sides[side].next !== undefined)
    if (unfinished.length === 0) return 'ended'
    if (events.length >= mostSteps) return 'cut'
    const choice = reduce ? worthTrying(race, sides, unfinished, asleep) : unfinished
    if (choice.length === 0) return 'pruned'
    // Whoever was tried first sleeps in the branches of the others until they touch what its step touches.
    const sleepAfter = (i: number): number[] =>
      reduce
        ? [...asleep, ...choice.slice(0, i)].filter(
            (other) => !areDependent(sides[other].next!, sides[choice[i]].next!),
          )
        : []
    const path = events.map(({ side }) => side)
    for (let i = choice.length - 1; i > 0; i--)
      branches.push({ prefix: [...path, choice[i]], asleep: sleepAfter(i) })
    asleep = sleepAfter(0)
    take(sides, choice[0], events)
  }
}

/** Who may take the next step: whoever can touch no other side's bytes alone, because it makes no difference when. */
function worthTrying(
  { footprints }: Race,
  sides: readonly Side[],
  unfinished: readonly number[],
  asleep: readonly number[],
): readonly number[] {
  const awake = unfinished.filter((side) => !asleep.includes(side))
  const alone = awake.find((side) =>
    unfinished.every((other) => {
      const footprint = footprints[other]
      return other === side || (footprint !== undefined && !areDependent(sides[side].next!, footprint))
    }),
  )
  return alone === undefined ? awake : [alone]
}

function take(sides: readonly Side[], side: number, events: RaceEvent[]): void {
  const step = sides[side].next!
  const own = events.findLastIndex((event) => event.side === side)
  const after = [...events.keys()].filter((i) => i === own || areDependent(events[i].step, step))
  const ordinal = own < 0 ? 0 : events[own].ordinal + 1
  events.push({ side, ordinal, step, data: sides[side].advance(), after })
}

/** Whether the order of two steps of different sides can matter: both touch a byte, and one writes it. */
export function areDependent(a: Touched, b: Touched): boolean {
  return doOverlap(a.writes, b.writes) || doOverlap(a.writes, b.reads) || doOverlap(a.reads, b.writes)
}

function doOverlap(a: readonly ByteRange[], b: readonly ByteRange[]): boolean {
  return a.some((one) =>
    b.some((other) => one.address < other.address + other.bytes && other.address < one.address + one.bytes),
  )
}

/** The event and all that it depends on, renumbered. The same for all orders of a class. */
export function causalPast(events: readonly RaceEvent[], last: number): RaceEvent[] {
  const needed = new Set([last])
  for (let i = last; i >= 0; i--)
    if (needed.has(i)) for (const earlier of events[i].after) needed.add(earlier)
  const kept = [...needed].sort((a, b) => a - b)
  return kept.map((i) => ({ ...events[i], after: events[i].after.map((earlier) => kept.indexOf(earlier)) }))
}

function keepShortest(losses: Map<string, Loss>, finding: Finding, events: readonly RaceEvent[]): void {
  const { side, ordinal, property, text } = finding
  const last = events.findIndex((event) => event.side === side && event.ordinal === ordinal)
  const loss = { finding, trace: causalPast(events, last) }
  const key = `${property}: ${text}`
  const known = losses.get(key)
  if (known === undefined || byLength(loss, known) < 0) losses.set(key, loss)
}

/** Fewer steps, then fewer changes of side. */
function byLength({ trace: a }: Loss, { trace: b }: Loss): number {
  return a.length - b.length || changesOfSide(a) - changesOfSide(b)
}

function changesOfSide(trace: readonly RaceEvent[]): number {
  return trace.filter(({ side }, i) => i > 0 && side !== trace[i - 1].side).length
}

/** Whose steps a trace consists of, in order: what replays it. */
export function scheduleOf(trace: readonly RaceEvent[]): number[] {
  return trace.map(({ side }) => side)
}
