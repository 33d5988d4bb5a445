/** The figure of a race: the grid of its orders, and a walk through it step by step. */
import { useState } from 'preact/hooks'
import { plural } from '../workbench/format.ts'
import { Figure } from './figure.tsx'
import type { LatticeRecord, LatticeStep } from './lattice-data.ts'
import {
  latticeView,
  placeAt,
  shortestPath,
  type LatticeEdge,
  type LatticePlace,
  type LatticeView,
} from './lattice-view.ts'

interface LatticeProps {
  readonly record: LatticeRecord
}

export function Lattice({ record }: LatticeProps) {
  const [finding, setFinding] = useState<number | undefined>(undefined)
  const [path, setPath] = useState<readonly number[]>([])
  const view = latticeView(record, finding)
  const place = placeAt(record, path, finding)
  const take = (actor: number): void => {
    if (place.next[actor] !== undefined) setPath([...path, actor])
  }
  return (
    <Figure
      name="lattice"
      title={`${record.actors[0]} against ${record.actors[1]}`}
      summary={summary(record, view)}
      controls={
        record.findings.length > 1 && (
          <FindingChoice
            record={record}
            finding={finding}
            onChoose={(next) => {
              setFinding(next)
              setPath([])
            }}
          />
        )
      }
      table={() => <OrdersTable record={record} finding={finding} />}
    >
      <div class="fig-lattice-parts">
        <Grid record={record} view={view} path={path} take={take} undo={() => setPath(path.slice(0, -1))} />
        <Walk
          record={record}
          place={place}
          path={path}
          shortest={shortestPath(record, finding)}
          take={take}
          onPath={setPath}
        />
      </div>
    </Figure>
  )
}

function summary({ isComplete }: LatticeRecord, { total, losing }: LatticeView): string {
  const all = `${plural(total, 'order')} of the steps${isComplete ? '' : ', of more that were not tried'}`
  return losing === 0 ? `${all}; in none of them something goes wrong.` : `${all}; ${losing} of them lose.`
}

interface FindingChoiceProps {
  readonly record: LatticeRecord
  readonly finding: number | undefined
  readonly onChoose: (finding: number | undefined) => void
}

function FindingChoice({ record, finding, onChoose }: FindingChoiceProps) {
  return (
    <label>
      What is lost{' '}
      <select
        value={finding ?? ''}
        onChange={(event) => {
          const { value } = event.currentTarget
          onChoose(value === '' ? undefined : Number(value))
        }}
      >
        <option value="">anything</option>
        {record.findings.map(({ property, text }, index) => (
          <option key={text} value={index}>
            {property}: {text}
          </option>
        ))}
      </select>
    </label>
  )
}

/** Pixels between the states, and around the grid; targets of 24 pixels. */
const STEP = 46
const LEFT = 26
const TOP = 34

interface GridProps {
  readonly record: LatticeRecord
  readonly view: LatticeView
  readonly path: readonly number[]
  readonly take: (actor: number) => void
  readonly undo: () => void
}

function Grid({ record, view, path, take, undo }: GridProps) {
  const [columns, rows] = view.size
  const x = (steps: number): number => LEFT + steps * STEP
  const y = (steps: number): number => TOP + steps * STEP
  const [right, down] = counts(path)
  const width = x(columns) + LEFT
  const height = y(rows) + LEFT
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
      aria-label={`Grid of ${columns} steps of ${record.actors[0]} by ${rows} of ${record.actors[1]}: right and down take steps, left and up take them back`}
      tabIndex={0}
      onKeyDown={onKeyDown}
    >
      <svg viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true">
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
            {i + 1}
            <title>{what}</title>
          </text>
        ))}
        {view.steps[1].map((what, j) => (
          <text key={j} class="fig-axis-number" x={LEFT - 14} y={y(j) + STEP / 2 + 4} text-anchor="middle">
            {letter(j)}
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

/** The steps of the second side are letters, those of the first numbers. */
function letter(step: number): string {
  return String.fromCharCode(97 + step)
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

interface WalkProps {
  readonly record: LatticeRecord
  readonly place: LatticePlace
  readonly path: readonly number[]
  readonly shortest: readonly number[]
  readonly take: (actor: number) => void
  readonly onPath: (path: readonly number[]) => void
}

function Walk({ record, place, path, shortest, take, onPath }: WalkProps) {
  const isOnShortest = path.every((actor, i) => actor === shortest[i])
  return (
    <div class="fig-walk">
      <div class="fig-walk-buttons">
        {record.actors.map((name, actor) => (
          <button
            key={name}
            type="button"
            class="fig-button"
            disabled={place.next[actor] === undefined}
            onClick={() => take(actor)}
          >
            {actor === 0 ? '→' : '↓'} {name}: {place.next[actor]?.what ?? 'at its end'}
          </button>
        ))}
        <button
          type="button"
          class="fig-button"
          disabled={path.length === 0}
          onClick={() => onPath(path.slice(0, -1))}
        >
          Back
        </button>
        {shortest.length > 0 && (
          <button
            type="button"
            class="fig-button"
            disabled={isOnShortest && path.length >= shortest.length}
            onClick={() => onPath(isOnShortest ? shortest.slice(0, path.length + 1) : [])}
          >
            {isOnShortest ? 'Along the shortest loss' : 'To the beginning'}
          </button>
        )}
      </div>
      <p class="fig-status" role="status">
        {statusOf(record, place)}
      </p>
      <ol class="fig-steps">
        {place.taken.map((step, index) => (
          <StepItem key={index} step={step} name={stepName(path, index)} isLast={index === path.length - 1} />
        ))}
      </ol>
    </div>
  )
}

/** "3" or "a", as on the axes. */
function stepName(path: readonly number[], index: number): string {
  const [right, down] = counts(path.slice(0, index))
  return path[index] === 0 ? `${right + 1}` : letter(down)
}

function statusOf({ findings }: LatticeRecord, { orders, losing, findings: found }: LatticePlace): string {
  if (found !== undefined) {
    if (found.length === 0) return 'The end: all properties hold.'
    return `The end. ${found.map((number) => `${findings[number].property}: ${findings[number].text}.`).join(' ')}`
  }
  if (losing === 0) return `Whatever comes now, nothing is lost (${plural(orders, 'order')}).`
  if (losing === orders) return `Whatever comes now, it is lost (${plural(orders, 'order')}).`
  return `${losing} of the ${orders} orders that begin so lose.`
}

function StepItem({
  step: { actor, what, effects },
  name,
  isLast,
}: {
  readonly step: LatticeStep
  readonly name: string
  readonly isLast: boolean
}) {
  return (
    <li class={`is-actor-${actor}${isLast ? ' is-last' : ''}`}>
      <b class="fig-step-name">{name}</b> {what}
      {effects.map((effect) => (
        <span key={effect} class="fig-effect fig-value">
          {effect}
        </span>
      ))}
    </li>
  )
}

/** As many as can be read. */
const MOST_ORDERS = 100

function OrdersTable({
  record,
  finding,
}: {
  readonly record: LatticeRecord
  readonly finding: number | undefined
}) {
  const losing = record.orders.filter(({ findings }) =>
    finding === undefined ? findings.length > 0 : findings.includes(finding),
  )
  const others = record.orders.filter((order) => !losing.includes(order))
  const shown = [...losing, ...others].slice(0, MOST_ORDERS)
  return (
    <table>
      <caption>
        {shown.length < record.orders.length
          ? `${shown.length} of ${plural(record.orders.length, 'order')}, those that lose first.`
          : `${plural(record.orders.length, 'order')}, those that lose first.`}{' '}
        {record.actors[0]} has numbers, {record.actors[1]} has letters.
      </caption>
      <thead>
        <tr>
          <th scope="col">Steps</th>
          <th scope="col">Outcome</th>
        </tr>
      </thead>
      <tbody>
        {shown.map((order, index) => {
          const actors = order.steps.map((number) => record.steps[number].actor)
          return (
            <tr key={index}>
              <td>
                {order.steps
                  .map((number, i) => `${stepName(actors, i)} ${record.steps[number].what}`)
                  .join('; ')}
              </td>
              <td>
                {order.findings.length === 0
                  ? 'all holds'
                  : order.findings
                      .map((number) => `${record.findings[number].property}: ${record.findings[number].text}`)
                      .join('; ')}
              </td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}
