/** What the timeline draws: lanes of marks and bands over an axis. Few elements, however many events there are. */
import { useId } from 'preact/hooks'
import * as text from '../strings.ts'
import { hex } from '../workbench/format.ts'
import type { Mark } from '../workbench/protocol.ts'
import {
  guestsOf,
  MARK_KINDS,
  type Band,
  type Bucket,
  type MarkKind,
  type TimelineLane,
  type TimelineView,
} from './timeline-view.ts'

/** Heights in pixels: of a band, of the row of each kind of mark, of a lane, of the axis. */
const BAND = 16
const ROW = 9
export const LANE = BAND + MARK_KINDS.length * ROW + 10
export const AXIS = 20
export const LABELS = 54
/** Room for the handle and half a tick label at the right end. */
export const MARGIN = 24

/** Guests beyond the first few share a pattern; their names tell them apart. */
const PATTERNS = 4

/** `name` tells these patterns from those of other figures on the page. */
function Hatches({ name }: { readonly name: string }) {
  return (
    <defs>
      {Array.from({ length: PATTERNS }, (_, n) => (
        <pattern
          key={n}
          id={`${name}-guest-${n}`}
          width="7"
          height="7"
          patternUnits="userSpaceOnUse"
          patternTransform={`rotate(${[45, -45, 0, 90][n]})`}
        >
          <rect class="fig-guest-wash" width="7" height="7" />
          <path class="fig-guest-line" d="M0 0 V7" />
        </pattern>
      ))}
      <pattern id={`${name}-mixed`} width="4" height="4" patternUnits="userSpaceOnUse">
        <rect class="fig-host-wash" width="2" height="4" />
        <rect class="fig-guest-solid" x="2" width="2" height="4" />
      </pattern>
    </defs>
  )
}

interface PictureProps {
  readonly view: TimelineView
  /** For ids within the page. */
  readonly name: string
}

export function Picture({ view, name }: PictureProps) {
  return (
    <>
      <Hatches name={name} />
      {view.lanes.map((lane, index) => (
        <g key={lane.processor} transform={`translate(0 ${index * LANE})`}>
          <Lane lane={lane} view={view} name={name} />
        </g>
      ))}
      <g transform={`translate(0 ${view.lanes.length * LANE})`}>
        <path class="fig-axis" d={`M0 0 H${view.columns}`} />
        {view.ticks.map(({ at, column, text: label }) => (
          <g key={at} transform={`translate(${column.toFixed(1)} 0)`}>
            <path class="fig-axis" d="M0 0 V4" />
            <text class="fig-tick" y="16" text-anchor={anchorAt(column, view.columns)}>
              {label}
            </text>
          </g>
        ))}
      </g>
    </>
  )
}

/** Labels at the ends stay inside. */
function anchorAt(column: number, columns: number): 'start' | 'middle' | 'end' {
  if (column < 30) return 'start'
  return column > columns - 30 ? 'end' : 'middle'
}

function Lane({
  lane: { processor, bands, marks },
  view,
  name,
}: PictureProps & { readonly lane: TimelineLane }) {
  return (
    <>
      <text class="fig-lane-name" x={-LABELS} y={MARK_KINDS.length * ROW + BAND - 3}>
        {text.vcpuOf(processor)}
      </text>
      {MARK_KINDS.map((kind, row) => (
        <path
          key={kind}
          class={`fig-mark is-${kind}`}
          d={marksPath(marks[kind], kind, row * ROW + ROW / 2 + 2)}
        />
      ))}
      <g transform={`translate(0 ${MARK_KINDS.length * ROW + 3})`}>
        {bandPaths(bands, name).map(({ key, fill, d }) => (
          <path key={key} class={`fig-band is-${key}`} fill={fill} d={d} />
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
function bandPaths(
  bands: readonly Band[],
  name: string,
): { key: string; fill: string | undefined; d: string }[] {
  const paths = new Map<string, string[]>()
  for (const { from, to, world, guest } of bands) {
    const key = world === 'guest' ? `guest-${guest! % PATTERNS}` : world
    const d = `M${from.toFixed(1)} 0 H${to.toFixed(1)} V${BAND} H${from.toFixed(1)} z`
    const known = paths.get(key)
    if (known === undefined) paths.set(key, [d])
    else known.push(d)
  }
  return [...paths].map(([key, parts]) => ({
    key,
    fill: key === 'host' ? undefined : `url(#${name}-${key})`,
    d: parts.join(''),
  }))
}

/** Where there is room for it. */
function BandName({ band, guests }: { readonly band: Band; readonly guests: readonly string[] }) {
  const name = band.world === 'host' ? text.hostWorld : band.world === 'guest' ? guests[band.guest!] : ''
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

/** A shape for each kind, larger where a column has several. */
function marksPath(buckets: readonly Bucket[], kind: MarkKind, y: number): string {
  const shape = SHAPES[kind]
  return buckets.map(({ column, count: n }) => shape(column + 0.5, y, radiusOf(n))).join('')
}

/** Pixels, to a tenth. */
function radiusOf(marks: number): number {
  return marks === 1 ? 2.6 : Math.min(4.2, Math.round(26 + Math.log10(marks) * 8) / 10)
}

/** An exit is a bar, an exception a triangle, an interrupt a disc, an edit a square. */
const SHAPES: Readonly<Record<MarkKind, (x: number, y: number, r: number) => string>> = {
  exit: (x, y, r) => `M${x - 1} ${y - r}h2v${2 * r}h-2z`,
  exception: (x, y, r) => `M${x - r} ${y + r}h${2 * r}L${x} ${y - r}z`,
  interrupt: (x, y, r) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`,
  edit: (x, y, r) => `M${x - r} ${y - r}h${2 * r}v${2 * r}h${-2 * r}z`,
}

const NAMES: Readonly<Record<MarkKind, string>> = {
  exit: text.markOfExit,
  exception: text.markOfException,
  interrupt: text.markOfInterrupt,
  edit: text.markOfEdit,
}

export function Legend({ marks }: { readonly marks: readonly Mark[] }) {
  const name = useId()
  const guests = guestsOf(marks)
  return (
    <p class="fig-legend">
      <svg class="fig-defs" width="0" height="0" aria-hidden="true">
        <Hatches name={name} />
      </svg>
      <Swatch label={text.hostWorld} />
      {guests.slice(0, PATTERNS).map((vmcb, n) => (
        <Swatch key={vmcb} label={text.guestOfVmcb(hex(vmcb))} fill={`url(#${name}-guest-${n})`} />
      ))}
      {guests.length > PATTERNS && <span>{text.moreGuests(guests.length - PATTERNS)}</span>}
      <Swatch label={text.closerThanShown} fill={`url(#${name}-mixed)`} />
      {MARK_KINDS.map((kind) => (
        <span key={kind}>
          <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
            <path class={`fig-mark is-${kind}`} d={SHAPES[kind](6, 6, 4)} />
          </svg>
          {NAMES[kind]}
        </span>
      ))}
    </p>
  )
}

function Swatch({ label, fill }: { readonly label: string; readonly fill?: string }) {
  return (
    <span>
      <svg width="22" height="12" aria-hidden="true">
        <rect class={fill === undefined ? 'fig-host-wash' : undefined} fill={fill} width="22" height="12" />
        <rect class="fig-band-frame" x="0.5" y="0.5" width="21" height="11" />
      </svg>
      {label}
    </span>
  )
}
