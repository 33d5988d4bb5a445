/** The timeline of a run: a lane for each vCPU, its worlds as bands and its events as marks, to be scrubbed. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { count, plural } from '../workbench/format.ts'
import { Figure } from './figure.tsx'
import {
  MARK_KINDS,
  neighbour,
  scrolledTo,
  timelineView,
  wholeSpan,
  worldAt,
  zoomed,
  type Band,
  type Bucket,
  type MarkKind,
  type Span,
  type TimelineEvent,
  type TimelineLane,
  type TimelineRecord,
  type TimelineView,
} from './timeline-view.ts'

interface TimelineProps {
  readonly record: TimelineRecord
  /** The reader wants to see the machine after so many instructions. Called for every move while dragging. */
  readonly onSeek: (instructions: number) => void
  /** Instead of a figure with a title: the drawing and its controls alone. */
  readonly isBare?: boolean
}

const FACTOR = 0.5

export function Timeline({ record, onSeek, isBare = false }: TimelineProps) {
  const [chosen, choose] = useState<Span | undefined>(undefined)
  const { position } = record
  // What the reader zoomed to stays, unless the machine leaves it.
  const span = chosen === undefined ? wholeSpan(record) : scrolledTo(record, chosen, position)
  const zoom = (factor: number): void => {
    const next = zoomed(record, span, factor, position)
    const whole = wholeSpan(record)
    choose(next.from === whole.from && next.to === whole.to ? undefined : next)
  }
  const seek = (to: number): void => {
    onSeek(Math.min(record.extent, Math.max(0, Math.round(to))))
  }
  const controls = <Controls record={record} seek={seek} zoom={zoom} isZoomed={chosen !== undefined} />
  const scrubber = <Scrubber record={record} span={span} seek={seek} zoom={zoom} />
  if (isBare)
    return (
      <div class="fig fig-timeline is-bare">
        {scrubber}
        <div class="fig-controls">{controls}</div>
      </div>
    )
  return (
    <Figure
      name="timeline"
      title="The run"
      controls={controls}
      table={() => <EventTable record={record} seek={seek} />}
    >
      {scrubber}
      <Legend />
    </Figure>
  )
}

interface ControlsProps {
  readonly record: TimelineRecord
  readonly seek: (to: number) => void
  readonly zoom: (factor: number) => void
  readonly isZoomed: boolean
}

function Controls({ record, seek, zoom, isZoomed }: ControlsProps) {
  const { position, extent } = record
  const before = neighbour(record, position, -1)
  const after = neighbour(record, position, 1)
  return (
    <>
      <span class="fig-position">
        {count(position)} <span class="fig-soft">of {plural(extent, 'instruction')}</span>
      </span>
      <ToEvent event={before} text="◂ event" label="To the event before" seek={seek} />
      <ToEvent event={after} text="event ▸" label="To the next event" seek={seek} />
      <button type="button" class="fig-button" aria-label="Show less of the run" onClick={() => zoom(FACTOR)}>
        +
      </button>
      <button
        type="button"
        class="fig-button"
        aria-label="Show more of the run"
        disabled={!isZoomed}
        onClick={() => zoom(1 / FACTOR)}
      >
        −
      </button>
    </>
  )
}

interface ToEventProps {
  readonly event: TimelineEvent | undefined
  readonly text: string
  readonly label: string
  readonly seek: (to: number) => void
}

function ToEvent({ event, text, label, seek }: ToEventProps) {
  return (
    <button
      type="button"
      class="fig-button"
      aria-label={
        event === undefined ? label : `${label}: ${event.label} after ${count(event.at)} instructions`
      }
      title={event?.label}
      disabled={event === undefined}
      onClick={() => {
        if (event !== undefined) seek(event.at)
      }}
    >
      {text}
    </button>
  )
}

/** Heights in pixels: of a band, of the row of each kind of mark, of a lane, of the axis. */
const BAND = 16
const ROW = 9
const LANE = BAND + MARK_KINDS.length * ROW + 10
const AXIS = 20
const LABELS = 54
/** Room for the handle and half a tick label at the right end. */
const MARGIN = 24

interface ScrubberProps {
  readonly record: TimelineRecord
  readonly span: Span
  readonly seek: (to: number) => void
  readonly zoom: (factor: number) => void
}

function Scrubber({ record, span, seek, zoom }: ScrubberProps) {
  const frame = useRef<HTMLDivElement>(null)
  const columns = useColumns(frame)
  // Only a new record, span or width makes new buckets: moving does not.
  const { events, extent, processors } = record
  const view = useMemo(
    () => timelineView({ events, extent, processors, position: 0 }, span, columns),
    [events, extent, processors, span.from, span.to, columns],
  )
  const length = span.to - span.from
  const atPointer = (event: PointerEvent): number => {
    const left = frame.current!.getBoundingClientRect().left + LABELS
    return span.from + (Math.min(columns, Math.max(0, event.clientX - left)) / columns) * length
  }
  const position = ((record.position - span.from) / Math.max(1, length)) * columns
  const height = view.lanes.length * LANE + AXIS
  return (
    <div
      ref={frame}
      class="fig-scrubber"
      role="slider"
      tabIndex={0}
      aria-label="Position in the run"
      aria-valuemin={0}
      aria-valuemax={extent}
      aria-valuenow={record.position}
      aria-valuetext={positionText(record)}
      onKeyDown={(event) => {
        const to = keyTarget(event, record, length)
        if (to !== undefined) seek(to)
        else if (event.key === '+' || event.key === '-') zoom(event.key === '+' ? FACTOR : 1 / FACTOR)
        else return
        event.preventDefault()
      }}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId)
        seek(atPointer(event))
      }}
      onPointerMove={(event) => {
        if (event.currentTarget.hasPointerCapture(event.pointerId)) seek(atPointer(event))
      }}
    >
      <svg
        viewBox={`${-LABELS} 0 ${LABELS + columns + MARGIN} ${height}`}
        width={LABELS + columns + MARGIN}
        height={height}
        aria-hidden="true"
      >
        <Hatches />
        <Picture view={view} />
        <g transform={`translate(${position.toFixed(1)} 0)`} class="fig-handle">
          <path d={`M0 0 V${height - AXIS + 4}`} />
          <path class="is-head" d={`M-6 ${height - AXIS + 4} H6 L0 ${height - AXIS - 5} z`} />
        </g>
      </svg>
    </div>
  )
}

/** How many columns the frame has room for, as it is now. */
function useColumns(frame: { readonly current: HTMLElement | null }): number {
  const [width, setWidth] = useState(640)
  useEffect(() => {
    const element = frame.current
    if (element === null) return undefined
    const observer = new ResizeObserver(() => {
      setWidth(element.clientWidth)
    })
    observer.observe(element)
    return () => {
      observer.disconnect()
    }
  }, [frame])
  return Math.max(100, Math.floor(width) - LABELS - MARGIN)
}

function keyTarget(event: KeyboardEvent, record: TimelineRecord, length: number): number | undefined {
  const { position, extent } = record
  switch (event.key) {
    case 'ArrowLeft':
    case 'ArrowDown':
      return event.ctrlKey ? neighbour(record, position, -1)?.at : position - 1
    case 'ArrowRight':
    case 'ArrowUp':
      return event.ctrlKey ? neighbour(record, position, 1)?.at : position + 1
    case 'PageDown':
      return position - length / 10
    case 'PageUp':
      return position + length / 10
    case 'Home':
      return 0
    case 'End':
      return extent
    default:
      return undefined
  }
}

function positionText(record: TimelineRecord): string {
  const { position, processors } = record
  const worlds = Array.from({ length: processors }, (_, processor) => {
    const vmcb = worldAt(record, processor, position)
    const world = vmcb === undefined ? 'in the host' : `in the guest of the VMCB at ${vmcb.toString(16)}h`
    return processors === 1 ? world : `vCPU ${processor} ${world}`
  })
  return `after ${plural(position, 'instruction')}, ${worlds.join(', ')}`
}

/** Guests beyond the first few share a pattern; their names tell them apart. */
const PATTERNS = 4

function Hatches() {
  return (
    <defs>
      {Array.from({ length: PATTERNS }, (_, n) => (
        <pattern
          key={n}
          id={`fig-guest-${n}`}
          width="7"
          height="7"
          patternUnits="userSpaceOnUse"
          patternTransform={`rotate(${[45, -45, 0, 90][n]})`}
        >
          <rect class="fig-guest-wash" width="7" height="7" />
          <path class="fig-guest-line" d="M0 0 V7" />
        </pattern>
      ))}
      <pattern id="fig-mixed" width="4" height="4" patternUnits="userSpaceOnUse">
        <rect class="fig-host-wash" width="2" height="4" />
        <rect class="fig-guest-solid" x="2" width="2" height="4" />
      </pattern>
    </defs>
  )
}

function Picture({ view }: { readonly view: TimelineView }) {
  return (
    <>
      {view.lanes.map((lane, index) => (
        <g key={lane.processor} transform={`translate(0 ${index * LANE})`}>
          <Lane lane={lane} view={view} />
        </g>
      ))}
      <g transform={`translate(0 ${view.lanes.length * LANE})`}>
        <path class="fig-axis" d={`M0 0 H${view.columns}`} />
        {view.ticks.map(({ at, column, text }) => (
          <g key={at} transform={`translate(${column.toFixed(1)} 0)`}>
            <path class="fig-axis" d="M0 0 V4" />
            <text class="fig-tick" y="16" text-anchor={column < 20 ? 'start' : 'middle'}>
              {text}
            </text>
          </g>
        ))}
      </g>
    </>
  )
}

function Lane({
  lane: { processor, bands, marks },
  view,
}: {
  readonly lane: TimelineLane
  readonly view: TimelineView
}) {
  return (
    <>
      <text class="fig-lane-name" x={-LABELS} y={MARK_KINDS.length * ROW + BAND - 3}>
        vCPU {processor}
      </text>
      {MARK_KINDS.map((kind, row) => (
        <path
          key={kind}
          class={`fig-mark is-${kind}`}
          d={marksPath(marks[kind], kind, row * ROW + ROW / 2 + 2)}
        />
      ))}
      <g transform={`translate(0 ${MARK_KINDS.length * ROW + 3})`}>
        {bandPaths(bands).map(({ key, fill, d }) => (
          <path key={key} class={`fig-band ${key}`} fill={fill} d={d} />
        ))}
        {bands.map((band) => (
          <BandName key={band.from} band={band} guests={view.guests} />
        ))}
        <rect class="fig-band-frame" width={view.columns} height={BAND} />
      </g>
    </>
  )
}

/** One path for all bands that look alike: thousands of elements would be slow to draw. */
function bandPaths(bands: readonly Band[]): { key: string; fill: string | undefined; d: string }[] {
  const paths = new Map<string, string[]>()
  for (const { from, to, world, guest } of bands) {
    const key = world === 'guest' ? `is-guest-${guest! % PATTERNS}` : `is-${world}`
    const d = `M${from.toFixed(1)} 0 H${to.toFixed(1)} V${BAND} H${from.toFixed(1)} z`
    const known = paths.get(key)
    if (known === undefined) paths.set(key, [d])
    else known.push(d)
  }
  return [...paths].map(([key, parts]) => ({
    key,
    fill: key.startsWith('is-guest')
      ? `url(#fig-guest-${key.slice(-1)})`
      : key === 'is-mixed'
        ? 'url(#fig-mixed)'
        : undefined,
    d: parts.join(''),
  }))
}

/** Where there is room for it. */
function BandName({ band, guests }: { readonly band: Band; readonly guests: readonly string[] }) {
  const name = band.world === 'host' ? 'host' : band.world === 'guest' ? guests[band.guest!] : ''
  if (name === '' || band.to - band.from < name.length * 7 + 8) return null
  const middle = (band.from + band.to) / 2
  const width = name.length * 6.4 + 6
  return (
    <>
      {band.world === 'guest' && (
        <rect class="fig-band-label" x={middle - width / 2} y="1.5" width={width} height={BAND - 3} rx="2" />
      )}
      <text class="fig-band-name" x={middle} y={BAND - 4.5} text-anchor="middle">
        {name}
      </text>
    </>
  )
}

/** A shape for each kind, larger where a column has several: an exit is a bar, a fault a triangle, an interrupt a disc, an edit a square. */
function marksPath(buckets: readonly Bucket[], kind: MarkKind, y: number): string {
  return buckets
    .map(({ column, count: n }) => {
      const r = n === 1 ? 2.6 : Math.min(4.2, 2.6 + Math.log10(n) * 0.8)
      return SHAPES[kind](column + 0.5, y, r)
    })
    .join('')
}

const SHAPES: Readonly<Record<MarkKind, (x: number, y: number, r: number) => string>> = {
  exit: (x, y, r) => `M${x - 1} ${(y - r).toFixed(1)}h2v${(2 * r).toFixed(1)}h-2z`,
  exception: (x, y, r) =>
    `M${(x - r).toFixed(1)} ${(y + r).toFixed(1)}h${(2 * r).toFixed(1)}L${x} ${(y - r).toFixed(1)}z`,
  interrupt: (x, y, r) => {
    const d = r.toFixed(1)
    return `M${(x - r).toFixed(1)} ${y}a${d} ${d} 0 1 0 ${(2 * r).toFixed(1)} 0a${d} ${d} 0 1 0 ${(-2 * r).toFixed(1)} 0z`
  },
  edit: (x, y, r) =>
    `M${(x - r).toFixed(1)} ${(y - r).toFixed(1)}h${(2 * r).toFixed(1)}v${(2 * r).toFixed(1)}h${(-2 * r).toFixed(1)}z`,
}

const NAMES: Readonly<Record<MarkKind, string>> = {
  exit: '#VMEXIT',
  exception: 'exception',
  interrupt: 'interrupt',
  edit: 'edit',
}

function Legend() {
  return (
    <p class="fig-legend">
      {MARK_KINDS.map((kind) => (
        <span key={kind}>
          <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
            <path class={`fig-mark is-${kind}`} d={SHAPES[kind](6, 6, 4)} />
          </svg>
          {NAMES[kind]}
        </span>
      ))}
      <span>
        <svg width="20" height="12" aria-hidden="true">
          <rect width="20" height="12" fill="url(#fig-mixed)" />
        </svg>
        worlds closer than the picture can show
      </span>
    </p>
  )
}

/** Longer tables would help nobody; the events around the position are told. */
const MOST_ROWS = 200

function EventTable({
  record,
  seek,
}: {
  readonly record: TimelineRecord
  readonly seek: (to: number) => void
}) {
  const { events, position, processors } = record
  const next = neighbour(record, position, 1)
  const middle = next === undefined ? events.length : events.indexOf(next)
  const first = Math.max(0, Math.min(middle - MOST_ROWS / 2, events.length - MOST_ROWS))
  const shown = events.slice(first, first + MOST_ROWS)
  return (
    <table>
      <caption>
        {shown.length < events.length
          ? `Events ${count(first + 1)} to ${count(first + shown.length)} of ${count(events.length)}, around the position.`
          : plural(events.length, 'event')}
      </caption>
      <thead>
        <tr>
          <th scope="col">Instructions</th>
          {processors > 1 && <th scope="col">vCPU</th>}
          <th scope="col">Event</th>
          <th scope="col">World after it</th>
        </tr>
      </thead>
      <tbody>
        {shown.map((event, index) => (
          <tr key={first + index}>
            <td>
              <button type="button" class="fig-button" onClick={() => seek(event.at)}>
                {count(event.at)}
              </button>
            </td>
            {processors > 1 && <td>{event.processor}</td>}
            <td>{event.label}</td>
            <td>{worldAfter(event)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function worldAfter({ kind, vmcb }: TimelineEvent): string {
  if (kind === 'vmrun' && vmcb !== undefined) return `guest, VMCB ${vmcb.toString(16).toUpperCase()}h`
  return kind === 'exit' ? 'host' : ''
}
