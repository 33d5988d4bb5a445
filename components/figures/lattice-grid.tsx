/** The grid of a race's orders: states, steps between them, the shortest loss and the way walked so far. */
import * as text from '../strings.ts'
import type { LatticeRecord } from './lattice-data.ts'
import type { LatticeEdge, LatticeView, Outcome } from './lattice-view.ts'

/** Pixels between the states, and around the grid; targets of 24 pixels. */
const STEP = 52
const LEFT = 30
const TOP = 44

export function Legend({ isLosing }: { readonly isLosing: boolean }) {
  if (!isLosing) return null
  return (
    <p class="fig-legend">
      <LegendEdge outcome="win" label={text.noOrderLosesHere} />
      <LegendEdge outcome="some lose" label={text.someOrdersDo} />
      <LegendEdge outcome="all lose" label={text.everyOrderDoes} />
      <span>
        <svg width="20" height="20" viewBox="-10 -10 20 20" aria-hidden="true" class="fig-shortest">
          <circle r="9" />
          <text y="4" text-anchor="middle">
            1
          </text>
        </svg>
        {text.shortestThatDoes}
      </span>
    </p>
  )
}

function LegendEdge({ outcome, label }: { readonly outcome: Outcome; readonly label: string }) {
  const edge: LatticeEdge = { from: [0, 0], actor: 0, outcome, orders: 1, losing: 0, shortest: undefined }
  return (
    <span>
      <svg width={STEP} height="12" aria-hidden="true">
        <Edge edge={edge} x={0} y={6} />
      </svg>
      {label}
    </span>
  )
}

interface GridProps {
  readonly record: LatticeRecord
  readonly view: LatticeView
  readonly path: readonly number[]
  readonly take: (actor: number) => void
  readonly undo: () => void
}

export function Grid({ record, view, path, take, undo }: GridProps) {
  const [columns, rows] = view.size
  const x = (steps: number): number => LEFT + steps * STEP
  const y = (steps: number): number => TOP + steps * STEP
  const [right, down] = counts(path)
  const width = Math.max(x(columns) + LEFT, 180)
  const height = y(rows) + TOP
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'ArrowRight') take(0)
    else if (event.key === 'ArrowDown') take(1)
    else if (event.key === 'Backspace' || event.key === 'ArrowLeft' || event.key === 'ArrowUp') undo()
    else return
    event.preventDefault()
  }
  return (
    // The arrow keys walk through the grid; the buttons beside it do the same.
    <div
      class="fig-scroll fig-grid"
      role="group"
      aria-label={text.gridOfSteps(columns, record.actors[0], rows, record.actors[1])}
      tabIndex={0}
      onKeyDown={onKeyDown}
    >
      <svg viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
        <text class="fig-axis-name" x={LEFT - 4} y="14">
          {record.actors[0]} →
        </text>
        <text class="fig-axis-name" x={LEFT - 4} y={height - 6}>
          ↓ {record.actors[1]}
        </text>
        {view.edges.map((edge) => (
          <Edge
            key={`${edge.from.join()} ${edge.actor}`}
            edge={edge}
            x={x(edge.from[0])}
            y={y(edge.from[1])}
          />
        ))}
        <path class="fig-walked" d={pathOf(path, x, y)} />
        {Array.from({ length: (columns + 1) * (rows + 1) }, (_, n) => {
          const [i, j] = [n % (columns + 1), Math.floor(n / (columns + 1))]
          return <circle key={n} class="fig-state" cx={x(i)} cy={y(j)} r="3.5" />
        })}
        {view.edges
          .filter(({ shortest }) => shortest !== undefined)
          .map((edge) => (
            <ShortestNumber key={edge.shortest} edge={edge} x={x(edge.from[0])} y={y(edge.from[1])} />
          ))}
        {view.steps[0].map((what, i) => (
          <text key={i} class="fig-axis-number" x={x(i) + STEP / 2} y={TOP - 18} text-anchor="middle">
            {axisName(0, i)}
            <title>{what}</title>
          </text>
        ))}
        {view.steps[1].map((what, j) => (
          <text key={j} class="fig-axis-number" x={LEFT - 14} y={y(j) + STEP / 2 + 4} text-anchor="middle">
            {axisName(1, j)}
            <title>{what}</title>
          </text>
        ))}
        <Target x={x(right + 1)} y={y(down)} isThere={hasEdge(view, right, down, 0)} onTake={() => take(0)} />
        <Target x={x(right)} y={y(down + 1)} isThere={hasEdge(view, right, down, 1)} onTake={() => take(1)} />
        <circle class="fig-here" cx={x(right)} cy={y(down)} r="8" />
      </svg>
    </div>
  )
}

/** Steps on the axes: numbers for the first side, letters for the second. */
export function axisName(actor: number, step: number): string {
  return actor === 0 ? `${step + 1}` : String.fromCharCode(97 + step)
}

function counts(path: readonly number[]): [number, number] {
  const down = path.reduce((sum, actor) => sum + actor, 0)
  return [path.length - down, down]
}

function hasEdge({ edges }: LatticeView, right: number, down: number, actor: number): boolean {
  return edges.some(({ from, actor: own }) => from[0] === right && from[1] === down && own === actor)
}

function pathOf(path: readonly number[], x: (n: number) => number, y: (n: number) => number): string {
  const points = path.map((_, i) => counts(path.slice(0, i + 1)))
  return `M${x(0)} ${y(0)}${points.map(([i, j]) => ` L${x(i)} ${y(j)}`).join('')}`
}

interface EdgeProps {
  readonly edge: LatticeEdge
  readonly x: number
  readonly y: number
}

function Edge({ edge: { actor, outcome, shortest }, x, y }: EdgeProps) {
  const d = actor === 0 ? `M${x} ${y} h${STEP}` : `M${x} ${y} v${STEP}`
  const [middleX, middleY] = actor === 0 ? [x + STEP / 2, y] : [x, y + STEP / 2]
  return (
    <g class={`fig-edge is-${outcome.replaceAll(' ', '-')}`}>
      <path d={d} />
      {outcome === 'all lose' && shortest === undefined && (
        <path
          class="fig-cross"
          d={`M${middleX - 4} ${middleY - 4} l8 8 M${middleX + 4} ${middleY - 4} l-8 8`}
        />
      )}
    </g>
  )
}

function ShortestNumber({ edge: { actor, shortest }, x, y }: EdgeProps) {
  const [middleX, middleY] = actor === 0 ? [x + STEP / 2, y] : [x, y + STEP / 2]
  return (
    <g class="fig-shortest">
      <circle cx={middleX} cy={middleY} r="9" />
      <text x={middleX} y={middleY + 4} text-anchor="middle">
        {shortest}
      </text>
    </g>
  )
}

interface TargetProps {
  readonly x: number
  readonly y: number
  readonly isThere: boolean
  readonly onTake: () => void
}

/** A state that one step leads to. The buttons of the walk do the same for the keyboard. */
function Target({ x, y, isThere, onTake }: TargetProps) {
  if (!isThere) return null
  return <circle class="fig-target" cx={x} cy={y} r="12" onClick={onTake} />
}

/** "3" or "a", as on the axes. */
export function stepName(path: readonly number[], index: number): string {
  const [right, down] = counts(path.slice(0, index))
  return path[index] === 0 ? axisName(0, right) : axisName(1, down)
}
