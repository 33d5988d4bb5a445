/** The figure of a world switch: three places, what goes from one to the other, and every value on request. */
import { Fragment } from 'preact'
import { useState } from 'preact/hooks'
import * as text from '../strings.ts'
import { plural } from '../workbench/format.ts'
import { Figure, TableHead } from './figure.tsx'
import type { WorldSwitchRecord } from './world-switch-data.ts'
import {
  worldSwitchView,
  type Place,
  type SwitchMove,
  type SwitchRow,
  type WorldSwitchView,
} from './world-switch-view.ts'

interface WorldSwitchProps {
  /** Undefined: the run has had none yet. */
  readonly record: WorldSwitchRecord | undefined
}

export function WorldSwitch({ record }: WorldSwitchProps) {
  if (record === undefined) return <p class="fig-soft">{text.noWorldSwitch}</p>
  const view = worldSwitchView(record)
  return (
    <Figure name="world-switch" title={view.title} table={() => <SwitchTable view={view} />}>
      <Places view={view} />
      <div class="fig-moves">
        {view.moves.map((move, index) => (
          <Move key={`${view.direction}-${move.kind}`} move={move} number={index + 1} />
        ))}
      </div>
    </Figure>
  )
}

/** The places from left to right; each arrow between two of them is a move. */
const PLACES: readonly Place[] = ['host save area', 'processor', 'VMCB']

const NOTES: Readonly<Record<Place, string>> = {
  'host save area': text.hiddenInProcessor,
  processor: text.whatRuns,
  VMCB: text.inMemoryPlace,
}

function Places({ view }: { readonly view: WorldSwitchView }) {
  return (
    <div class={`fig-places is-${view.direction}`}>
      {PLACES.map((place, column) => (
        <Fragment key={place}>
          {column > 0 && <MoveArrow view={view} left={PLACES[column - 1]} right={place} />}
          <div class={`fig-place is-${place.replaceAll(' ', '-').toLowerCase()}`}>
            <b>{place === 'VMCB' ? `VMCB ${view.vmcb}` : `${place[0].toUpperCase()}${place.slice(1)}`}</b>
            <span class="fig-soft">{NOTES[place]}</span>
            {place === 'processor' && <WithinProcessor view={view} />}
          </div>
        </Fragment>
      ))}
    </div>
  )
}

function WithinProcessor({ view }: { readonly view: WorldSwitchView }) {
  return (
    <ul>
      {view.moves.flatMap(({ kind, rows }, index) =>
        kind === 'set' || kind === 'keep'
          ? [
              <li key={kind}>
                <StepNumber number={index + 1} />{' '}
                {kind === 'set' ? text.setsValues(rows.length) : text.leavesTheRest}
              </li>,
            ]
          : [],
      )}
    </ul>
  )
}

function MoveArrow({
  view,
  left,
  right,
}: {
  readonly view: WorldSwitchView
  readonly left: Place
  readonly right: Place
}) {
  const index = view.moves.findIndex(
    ({ from, to }) => (from === left && to === right) || (from === right && to === left),
  )
  if (index < 0) return <span />
  const { kind, rows, to } = view.moves[index]
  const cached = rows.filter(({ source }) => source === 'state cache').length
  return (
    <div class={`fig-arrow ${to === right ? 'goes-right' : 'goes-left'}`}>
      <span>
        <StepNumber number={index + 1} />{' '}
        {(kind === 'save' ? text.savesValues : text.loadsValues)(rows.length)}
      </span>
      <Arrow />
      <span class="fig-soft">{cached > 0 ? text.valuesFromStateCache(cached) : '\u00a0'}</span>
    </div>
  )
}

/** Points right; the style sheet turns it. */
function Arrow() {
  return (
    <svg viewBox="0 0 60 16" width="60" height="16" aria-hidden="true">
      <path class="fig-arrow-line" d="M2 8 H50" />
      <path class="fig-arrow-head" d="M48 2 L58 8 L48 14 z" />
    </svg>
  )
}

function StepNumber({ number }: { readonly number: number }) {
  return <span class="fig-step">{number}</span>
}

function Move({
  move: { kind, title, rows, note },
  number,
}: {
  readonly move: SwitchMove
  readonly number: number
}) {
  const [isAll, setAll] = useState(false)
  const changed = rows.filter(({ isChanged }) => isChanged)
  const told = isAll || changed.length === 0 ? rows : changed
  return (
    <details class={`fig-move is-${kind}`} open={kind === 'load' || kind === 'set'}>
      <summary>
        <StepNumber number={number} /> <b>{title}</b>{' '}
        <span class="fig-soft">
          {plural(rows.length, 'value')}
          {changed.length > 0 && text.newToProcessor(changed.length)}
        </span>
      </summary>
      <dl>
        {told.map((row) => (
          <Row key={row.name} row={row} />
        ))}
      </dl>
      {note !== undefined && <p class="fig-move-note fig-soft">{note}</p>}
      {changed.length > 0 && changed.length < rows.length && (
        <button
          type="button"
          class="fig-button"
          aria-pressed={isAll}
          onClick={() => {
            setAll(!isAll)
          }}
        >
          {text.alsoThoseThatStay(rows.length - changed.length)}
        </button>
      )}
    </details>
  )
}

function Row({ row: { name, before, value, isChanged, source } }: { readonly row: SwitchRow }) {
  return (
    <div class="fig-switch-row">
      <dt>{name}</dt>
      <dd>
        {isChanged && (
          <>
            <span class="fig-value fig-soft">{before}</span> <span aria-label={text.becomes}>→</span>{' '}
          </>
        )}
        <span class={`fig-value${isChanged ? ' is-changed' : ''}`}>{value}</span>
        {source === 'state cache' && <span class="fig-tag is-warn">{text.stateCacheSource}</span>}
      </dd>
    </div>
  )
}

function SwitchTable({ view }: { readonly view: WorldSwitchView }) {
  return (
    <table>
      <caption class="fig-hidden">{view.title}</caption>
      <TableHead columns={text.switchColumns} />
      <tbody>
        {view.moves.flatMap(({ title, from, rows }) =>
          rows.map(({ name, before, value, isChanged, source }) => (
            <tr key={`${title} ${name}`}>
              <td>{title}</td>
              <th scope="row">{name}</th>
              <td class="fig-value">{before ?? ''}</td>
              <td class={`fig-value${isChanged ? ' is-changed' : ''}`}>
                {value}
                {isChanged && <span class="fig-hidden"> {text.changedSpoken}</span>}
              </td>
              <td>{source === 'state cache' ? text.stateCacheSource : (from ?? '')}</td>
            </tr>
          )),
        )}
      </tbody>
    </table>
  )
}
