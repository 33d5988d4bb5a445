/**
 * A run along an axis of instructions: which world each vCPU was in, and what happened when. However many events there are, a
 * view has one bucket for each column of the picture.
 */
import * as text from '../strings.ts'
import { count, hex } from '../workbench/format.ts'
import type { Mark, Timeline } from '../workbench/protocol.ts'

export const MARK_KINDS = ['exit', 'exception', 'interrupt', 'edit'] as const
/** Of marks with a shape of their own; a VMRUN is where a band begins. */
export type MarkKind = (typeof MARK_KINDS)[number]

/** The run as the workbench records it. Without its oldest marks, the worlds before them are a guess from the first ones. */
export interface TimelineRecord extends Timeline {
  readonly processors: number
}

/** A stretch of the run, in instructions: `from` included, `to` not. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** A stretch of columns in one world. `mixed`: several worlds within single columns. */
export interface Band {
  readonly from: number
  readonly to: number
  readonly world: 'host' | 'guest' | 'mixed'
  /** Index in `guests` of the view. */
  readonly guest: number | undefined
}

/** All marks of one kind in one column. */
export interface Bucket {
  readonly column: number
  readonly count: number
  /** Position and label of the first of them. */
  readonly at: number
  readonly label: string
}

export interface TimelineLane {
  readonly processor: number
  readonly bands: readonly Band[]
  readonly marks: Readonly<Record<MarkKind, readonly Bucket[]>>
}

export interface TimelineView {
  readonly columns: number
  readonly lanes: readonly TimelineLane[]
  /** The VMCBs of the run, as "VMCB 20000h", in the order of their first VMRUN. */
  readonly guests: readonly string[]
  /** Round instruction counts for the axis. */
  readonly ticks: readonly { readonly at: number; readonly column: number; readonly text: string }[]
}

/** What a figure of so many columns shows of `span`. One pass over the marks: there may be a hundred thousand. */
export function timelineView(
  record: Pick<TimelineRecord, 'marks' | 'extent' | 'processors'>,
  span: Span,
  columns: number,
): TimelineView {
  const guests = guestsOf(record.marks)
  const numbers = new Map(guests.map((vmcb, index) => [vmcb, index]))
  const scale = columns / Math.max(1, span.to - span.from)
  const columnOf = (at: number): number => (at - span.from) * scale
  const lanes = Array.from({ length: record.processors }, () => new LaneBuilder(columnOf(0), columns))
  for (const { at, kind, processor, vmcb, label } of record.marks) {
    const lane = lanes[processor]
    const column = columnOf(at)
    if (kind === 'vmrun') lane.enterWorld(column, numbers.get(vmcb!))
    else {
      if (kind === 'exit') lane.leaveGuest(column, numbers.get(vmcb!))
      lane.mark(kind, column, at, label)
    }
  }
  return {
    columns,
    guests: guests.map((vmcb) => text.vmcbNamed(hex(vmcb))),
    lanes: lanes.map((lane, processor) => lane.end(processor, columnOf(record.extent))),
    ticks: ticksOf(span, columns).map((at) => ({ at, column: columnOf(at), text: count(at) })),
  }
}

/** All of the run, with room for its last instruction. */
export function wholeSpan({ extent }: TimelineRecord): Span {
  return { from: 0, to: Math.max(extent, 1) }
}

/** The span a factor smaller or larger around `at`, within the run. */
export function zoomed(record: TimelineRecord, { from, to }: Span, factor: number, at: number): Span {
  const whole = wholeSpan(record)
  const length = Math.min(whole.to, Math.max(10, Math.round((to - from) * factor)))
  const share = to > from ? Math.min(1, Math.max(0, (at - from) / (to - from))) : 0.5
  const start = Math.min(Math.max(0, Math.round(at - share * length)), Math.max(0, whole.to - length))
  return { from: start, to: Math.min(whole.to, start + length) }
}

/** The span moved so that `at` lies in it. */
export function scrolledTo(record: TimelineRecord, span: Span, at: number): Span {
  if (at >= span.from && at <= span.to) return span
  const length = span.to - span.from
  const from = Math.min(Math.max(0, Math.round(at - length / 2)), Math.max(0, wholeSpan(record).to - length))
  return { from, to: from + length }
}

/** How many marks lie before a position, those at it included or not: a search by halves, because marks are in order. */
function marksBefore(marks: readonly Mark[], position: number, isIncluded: boolean): number {
  let [low, high] = [0, marks.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const { at } = marks[middle]
    if (at < position || (isIncluded && at === position)) low = middle + 1
    else high = middle
  }
  return low
}

/** The next mark after a position, or the last one before it. */
export function neighbour({ marks }: TimelineRecord, position: number, direction: -1 | 1): Mark | undefined {
  return direction > 0
    ? marks[marksBefore(marks, position, true)]
    : marks[marksBefore(marks, position, false) - 1]
}

/** The world of a vCPU at a position: the VMCB of its guest, or undefined for the host. */
export function worldAt({ marks }: TimelineRecord, processor: number, position: number): number | undefined {
  for (let i = marksBefore(marks, position, true) - 1; i >= 0; i--) {
    const { kind, processor: own, vmcb } = marks[i]
    if (own !== processor) continue
    if (kind === 'exit') return undefined
    if (kind === 'vmrun') return vmcb
  }
  return undefined
}

/** The VMCBs of a run, in the order of their first world switch. */
export function guestsOf(marks: readonly Mark[]): number[] {
  const seen = new Set<number>()
  let last: number | undefined
  for (const { kind, vmcb } of marks) {
    if ((kind !== 'vmrun' && kind !== 'exit') || vmcb === undefined || vmcb === last) continue
    seen.add(vmcb)
    last = vmcb
  }
  return [...seen]
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Makes a lane out of its marks in their order. */
class LaneBuilder {
  readonly #columns: number
  readonly #bands: Mutable<Band>[] = []
  readonly #marks: Record<MarkKind, Mutable<Bucket>[]> = { exit: [], exception: [], interrupt: [], edit: [] }
  #from: number
  #guest: number | undefined
  #isKnown = false

  constructor(from: number, columns: number) {
    this.#from = from
    this.#columns = columns
  }

  /** From `column` on, a guest by its number runs, or the host. */
  enterWorld(column: number, guest: number | undefined): void {
    this.#addBand(this.#from, column)
    this.#from = column
    this.#guest = guest
    this.#isKnown = true
  }

  /** A guest ends; if nothing is known before it, it has run from the beginning. */
  leaveGuest(column: number, guest: number | undefined): void {
    if (!this.#isKnown) this.#guest = guest
    this.enterWorld(column, undefined)
  }

  /** What is narrower than one column becomes a part of a mixed band. */
  #addBand(from: number, to: number): void {
    const begin = Math.min(Math.max(from, 0), this.#columns)
    const end = Math.min(Math.max(to, 0), this.#columns)
    if (end <= begin) return
    const world = end - begin < 1 ? 'mixed' : this.#guest === undefined ? 'host' : 'guest'
    const guest = world === 'guest' ? this.#guest : undefined
    const last = this.#bands.at(-1)
    if (last?.world === world && last.guest === guest) last.to = end
    else this.#bands.push({ from: begin, to: end, world, guest })
  }

  mark(kind: MarkKind, at: number, instructions: number, label: string): void {
    if (at < 0 || at > this.#columns) return
    const column = Math.min(Math.floor(at), this.#columns - 1)
    const buckets = this.#marks[kind]
    const last = buckets.at(-1)
    if (last?.column === column) last.count++
    else buckets.push({ column, count: 1, at: instructions, label })
  }

  end(processor: number, column: number): TimelineLane {
    this.#addBand(this.#from, column)
    return { processor, bands: this.#bands, marks: this.#marks }
  }
}

/** Columns that the number at a tick takes. */
const TICK = 90

/** Multiples of 1, 2 or 5 times a power of ten: as many as there is room for. */
function ticksOf({ from, to }: Span, columns: number): number[] {
  const rough = Math.max(1, (to - from) / Math.max(1, columns / TICK))
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough)!
  const first = Math.ceil(from / step) * step
  return Array.from({ length: Math.floor((to - first) / step) + 1 }, (_, n) => first + n * step)
}
