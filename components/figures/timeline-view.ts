/**
 * A run along an axis of instructions: which world each vCPU was in, and what happened when. However many events there are, a
 * view has one bucket for each column of the picture.
 */
import { count, hex } from '../workbench/format.ts'

export const MARK_KINDS = ['exit', 'exception', 'interrupt', 'edit'] as const
export type MarkKind = (typeof MARK_KINDS)[number]

/** Something that happened at a position of the run. */
export interface TimelineEvent {
  /** Instructions before it. */
  readonly at: number
  readonly kind: MarkKind | 'vmrun'
  readonly processor: number
  readonly label: string
  /** The VMCB, of VMRUNs and exits. */
  readonly vmcb?: number
}

export interface TimelineRecord {
  /** Where the machine is. */
  readonly position: number
  /** The farthest position that was reached. */
  readonly extent: number
  readonly processors: number
  /** In order of `at`. */
  readonly events: readonly TimelineEvent[]
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
  readonly span: Span
  readonly columns: number
  /** Column of the machine's position; may lie outside. */
  readonly position: number
  readonly lanes: readonly TimelineLane[]
  /** The VMCBs of the run, as "VMCB 20000h", in the order of their first VMRUN. */
  readonly guests: readonly string[]
  /** Round instruction counts for the axis. */
  readonly ticks: readonly { readonly at: number; readonly column: number; readonly text: string }[]
}

/** What a figure of so many columns shows of `span`. */
export function timelineView(record: TimelineRecord, span: Span, columns: number): TimelineView {
  const guests = guestsOf(record.events)
  const scale = columns / Math.max(1, span.to - span.from)
  const columnOf = (at: number): number => (at - span.from) * scale
  return {
    span,
    columns,
    position: columnOf(record.position),
    guests: guests.map((vmcb) => `VMCB ${hex(vmcb)}`),
    lanes: Array.from({ length: record.processors }, (_, processor) => {
      const events = record.events.filter((event) => event.processor === processor)
      return {
        processor,
        bands: bandsOf(events, guests, record.extent, columnOf, columns),
        marks: marksOf(events, columnOf, columns),
      }
    }),
    ticks: ticksOf(span).map((at) => ({ at, column: columnOf(at), text: count(at) })),
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

/** The event next to a position: of the same kind or any, before or after it. */
export function neighbour(
  { events }: TimelineRecord,
  position: number,
  direction: -1 | 1,
): TimelineEvent | undefined {
  // Events are in order: a search by halves finds the first one after the position.
  let [low, high] = [0, events.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const isBefore = direction > 0 ? events[middle].at <= position : events[middle].at < position
    if (isBefore) low = middle + 1
    else high = middle
  }
  return direction > 0 ? events[low] : events[low - 1]
}

/** The world of a vCPU at a position: the VMCB of its guest, or undefined for the host. */
export function worldAt({ events }: TimelineRecord, processor: number, position: number): number | undefined {
  for (let i = events.length - 1; i >= 0; i--) {
    const event = events[i]
    if (event.at > position || event.processor !== processor) continue
    if (event.kind === 'exit') return undefined
    if (event.kind === 'vmrun') return event.vmcb
  }
  return undefined
}

/** The VMCBs of a run, in the order of their first VMRUN. */
export function guestsOf(events: readonly TimelineEvent[]): number[] {
  const seen = new Set<number>()
  for (const { kind, vmcb } of events) if (kind === 'vmrun' && vmcb !== undefined) seen.add(vmcb)
  return [...seen]
}

/** Worlds by whole columns; what is narrower than one column becomes a part of a mixed band. */
function bandsOf(
  events: readonly TimelineEvent[],
  guests: readonly number[],
  extent: number,
  columnOf: (at: number) => number,
  columns: number,
): Band[] {
  const bands: { from: number; to: number; world: Band['world']; guest: number | undefined }[] = []
  const push = (from: number, to: number, guest: number | undefined): void => {
    const begin = Math.min(Math.max(from, 0), columns)
    const end = Math.min(Math.max(to, 0), columns)
    if (end <= begin) return
    const world = end - begin < 1 ? 'mixed' : guest === undefined ? 'host' : 'guest'
    const last = bands.at(-1)
    if (last?.world === world && (world === 'mixed' || last.guest === guest)) last.to = end
    else bands.push({ from: begin, to: end, world, guest: world === 'mixed' ? undefined : guest })
  }
  let from = columnOf(0)
  let guest: number | undefined
  const numbers = new Map(guests.map((vmcb, index) => [vmcb, index]))
  for (const event of events) {
    if (event.kind !== 'vmrun' && event.kind !== 'exit') continue
    const at = columnOf(event.at)
    push(from, at, guest)
    from = at
    guest = event.kind === 'vmrun' ? numbers.get(event.vmcb!) : undefined
  }
  push(from, columnOf(extent), guest)
  return bands
}

function marksOf(
  events: readonly TimelineEvent[],
  columnOf: (at: number) => number,
  columns: number,
): TimelineLane['marks'] {
  const marks: Record<MarkKind, { column: number; count: number; at: number; label: string }[]> = {
    exit: [],
    exception: [],
    interrupt: [],
    edit: [],
  }
  for (const { kind, at, label } of events) {
    if (kind === 'vmrun') continue
    const column = Math.min(Math.floor(columnOf(at)), columns - 1)
    if (column < 0 || columnOf(at) > columns) continue
    const buckets = marks[kind]
    const last = buckets.at(-1)
    if (last?.column === column) last.count++
    else buckets.push({ column, count: 1, at, label })
  }
  return marks
}

const TICKS = 6

/** Multiples of 1, 2 or 5 times a power of ten: at most TICKS of them. */
function ticksOf({ from, to }: Span): number[] {
  const rough = Math.max(1, (to - from) / TICKS)
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough)!
  const first = Math.ceil(from / step) * step
  return Array.from({ length: Math.floor((to - first) / step) + 1 }, (_, n) => first + n * step)
}
