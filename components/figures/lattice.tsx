/** The figure of a race: the grid of its orders, and a walk through it step by step. */
import { useState } from 'preact/hooks'
import * as text from '../strings.ts'
import { Figure, TableHead } from './figure.tsx'
import { axisName, Grid, Legend, stepName } from './lattice-grid.tsx'
import type { LatticeRecord, LatticeStep } from './lattice-data.ts'
import {
  findingText,
  isLosing,
  latticeView,
  placeAt,
  shortestPath,
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
      title={text.raceOf(record.actors[0], record.actors[1])}
      summary={text.ordersOfSteps(view.total, view.losing, record.isComplete)}
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
        <div>
          <Grid
            record={record}
            view={view}
            path={path}
            take={take}
            undo={() => {
              setPath(path.slice(0, -1))
            }}
          />
          <Legend isLosing={view.losing > 0} />
          <StepList record={record} view={view} />
        </div>
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

interface FindingChoiceProps {
  readonly record: LatticeRecord
  readonly finding: number | undefined
  readonly onChoose: (finding: number | undefined) => void
}

function FindingChoice({ record, finding, onChoose }: FindingChoiceProps) {
  return (
    <label>
      {text.whatIsLost}{' '}
      <select
        value={finding ?? ''}
        onChange={(event) => {
          const { value } = event.currentTarget
          onChoose(value === '' ? undefined : Number(value))
        }}
      >
        <option value="">{text.anything}</option>
        {record.findings.map((one, index) => (
          <option key={one.text} value={index}>
            {findingText(one)}
          </option>
        ))}
      </select>
    </label>
  )
}

/** What the numbers and letters on the axes stand for. */
function StepList({ record, view }: { readonly record: LatticeRecord; readonly view: LatticeView }) {
  return (
    <dl class="fig-step-list">
      {view.steps.map((steps, actor) => (
        <div key={record.actors[actor]}>
          <dt>{record.actors[actor]}</dt>
          {steps.map((what, index) => (
            <dd key={index}>
              <b>{axisName(actor, index)}</b> {what}
            </dd>
          ))}
        </div>
      ))}
    </dl>
  )
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
            {actor === 0 ? '→' : '↓'} {name}: {place.next[actor]?.what ?? text.atItsEnd}
          </button>
        ))}
        <button
          type="button"
          class="fig-button"
          disabled={path.length === 0}
          onClick={() => onPath(path.slice(0, -1))}
        >
          {text.takeBack}
        </button>
        {shortest.length > 0 && (
          <button
            type="button"
            class="fig-button"
            disabled={isOnShortest && path.length >= shortest.length}
            onClick={() => onPath(isOnShortest ? shortest.slice(0, path.length + 1) : [])}
          >
            {isOnShortest ? text.alongShortestLoss : text.toTheBeginning}
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

function statusOf({ findings }: LatticeRecord, { orders, losing, findings: found }: LatticePlace): string {
  if (found !== undefined) {
    if (found.length === 0) return text.endAllHolds
    return text.endWith(found.map((number) => findingText(findings[number])))
  }
  if (losing === 0) return text.nothingWillBeLost(orders)
  if (losing === orders) return text.willBeLost(orders)
  return text.someWillBeLost(losing, orders)
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
  const losing = record.orders.filter((order) => isLosing(order, finding))
  const others = record.orders.filter((order) => !isLosing(order, finding))
  const shown = [...losing, ...others].slice(0, MOST_ORDERS)
  return (
    <table>
      <caption>
        {text.ordersShown(shown.length, record.orders.length)}{' '}
        {text.numbersAndLetters(record.actors[0], record.actors[1])}
      </caption>
      <TableHead columns={text.orderColumns} />
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
                  ? text.allHolds
                  : order.findings.map((number) => findingText(record.findings[number])).join('; ')}
              </td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}
