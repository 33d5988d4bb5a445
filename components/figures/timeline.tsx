/** The timeline of a run: a lane for each vCPU, its worlds as bands and its events as marks, to be scrubbed. */
import { useEffect, useId, useMemo, useRef, useState } from 'preact/hooks'
import { count, hex, plural } from '../workbench/format.ts'
import type { Mark } from '../workbench/protocol.ts'
import * as text from '../strings.ts'
import { Figure, TableHead } from './figure.tsx'
import { AXIS, LABELS, LANE, Legend, MARGIN, Picture } from './timeline-drawing.tsx'
import {
  neighbour,
  scrolledTo,
  timelineView,
  wholeSpan,
  worldAt,
  zoomed,
  type Span,
  type TimelineRecord,
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
  const legend = useMemo(() => <Legend marks={record.marks} />, [record.marks])
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
      title={text.theRun}
      controls={controls}
      table={() => <EventTable record={record} seek={seek} />}
    >
      {scrubber}
      {legend}
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
        {count(position)} <span class="fig-soft">{text.ofInstructions(extent)}</span>
      </span>
      <ToEvent event={before} sign={text.eventBefore} label={text.toEventBefore} seek={seek} />
      <ToEvent event={after} sign={text.eventAfter} label={text.toEventAfter} seek={seek} />
      <button type="button" class="fig-button" aria-label={text.showLessOfRun} onClick={() => zoom(FACTOR)}>
        +
      </button>
      <button
        type="button"
        class="fig-button"
        aria-label={text.showMoreOfRun}
        disabled={!isZoomed}
        onClick={() => zoom(1 / FACTOR)}
      >
        −
      </button>
    </>
  )
}

interface ToEventProps {
  readonly event: Mark | undefined
  readonly sign: string
  readonly label: string
  readonly seek: (to: number) => void
}

function ToEvent({ event, sign, label, seek }: ToEventProps) {
  return (
    <button
      type="button"
      class="fig-button"
      aria-label={event === undefined ? label : text.eventAt(label, event.label, event.at)}
      title={event?.label}
      disabled={event === undefined}
      onClick={() => {
        if (event !== undefined) seek(event.at)
      }}
    >
      {sign}
    </button>
  )
}

interface ScrubberProps {
  readonly record: TimelineRecord
  readonly span: Span
  readonly seek: (to: number) => void
  readonly zoom: (factor: number) => void
}

function Scrubber({ record, span, seek, zoom }: ScrubberProps) {
  const frame = useRef<HTMLDivElement>(null)
  const columns = useColumns(frame)
  const name = useId()
  // Only a new record, span or width makes new buckets: moving does not.
  const { marks, extent, processors } = record
  const view = useMemo(
    () => timelineView({ marks, extent, processors }, span, columns),
    [marks, extent, processors, span.from, span.to, columns],
  )
  const picture = useMemo(() => <Picture view={view} name={name} />, [view, name])
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
      aria-label={text.positionInRun}
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
        {picture}
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
    const world = vmcb === undefined ? text.inTheHost : text.inTheGuestOf(hex(vmcb))
    return processors === 1 ? world : `${text.vcpuOf(processor)} ${world}`
  })
  return text.positionAndWorlds(position, worlds)
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
  const { marks, position, processors } = record
  const next = neighbour(record, position, 1)
  const middle = next === undefined ? marks.length : marks.indexOf(next)
  const first = Math.max(0, Math.min(middle - MOST_ROWS / 2, marks.length - MOST_ROWS))
  const shown = marks.slice(first, first + MOST_ROWS)
  return (
    <table>
      <caption>
        {shown.length < marks.length
          ? text.eventsAroundPosition(first + 1, first + shown.length, marks.length)
          : plural(marks.length, 'event')}
      </caption>
      <TableHead columns={text.timelineColumns(processors > 1)} />
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

function worldAfter({ kind, vmcb }: Mark): string {
  if (kind === 'vmrun' && vmcb !== undefined) return text.guestWorld(hex(vmcb))
  return kind === 'exit' ? text.hostWorld : ''
}
