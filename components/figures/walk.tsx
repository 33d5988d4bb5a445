/** The figure of a page walk, in one dimension or two: the address in fields, every entry that is read, the bits of the chosen one. */
import { useState } from 'preact/hooks'
import type { Walk } from '../../emulator/machine/index.ts'
import * as text from '../strings.ts'
import { Dissector } from '../workbench/dissector.tsx'
import { hexWide } from '../workbench/format.ts'
import { Figure, TableHead } from './figure.tsx'
import { walkView, type WalkCell, type WalkPlace, type WalkRowView, type WalkView } from './walk-view.ts'

interface WalkProps {
  readonly walk: Walk
}

export function WalkFigure({ walk }: WalkProps) {
  const view = walkView(walk)
  const [chosen, choose] = useState<number>()
  // Until somebody chooses: the entry that ends the walk.
  const shown =
    view.cells.find(({ number }) => number === chosen) ??
    view.cells.findLast(({ offending }) => offending !== 0n) ??
    view.cells.at(-1)
  const choice: Choice = { shown: shown?.number, choose }
  return (
    <Figure name="walk" title={view.title} table={() => <WalkTable view={view} />}>
      <AddressFields view={view} />
      <p class="fig-walk-roots">
        {view.roots.map(([name, value]) => (
          <span key={name}>
            {name} <span class="fig-value">{value}</span>
          </span>
        ))}
      </p>
      {view.isNested ? <Grid view={view} choice={choice} /> : <Chain view={view} choice={choice} />}
      <Outcome view={view} />
      {shown && <Entry cell={shown} />}
    </Figure>
  )
}

interface Choice {
  readonly shown: number | undefined
  readonly choose: (number: number) => void
}

function AddressFields({ view }: { readonly view: WalkView }) {
  return (
    <dl class="fig-walk-address">
      {view.fields.map(({ name, bits, value }) => (
        <div key={name}>
          <dt>
            {name} <span class="fig-soft">{bits}</span>
          </dt>
          <dd class="fig-value">{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** One dimension: the entries in a row, each pointing to the next. */
function Chain({ view, choice }: { readonly view: WalkView; readonly choice: Choice }) {
  return (
    <ol class="fig-walk-chain">
      {view.cells.map((cell, n) => (
        <li key={cell.number}>
          {n > 0 && <Arrow />}
          <Cell cell={cell} choice={choice} isWide />
        </li>
      ))}
    </ol>
  )
}

/** Two dimensions: a row for each guest-physical address, its nested entries from left to right, and what is read there. */
function Grid({ view, choice }: { readonly view: WalkView; readonly choice: Choice }) {
  const style = { '--fig-levels': view.columns.length }
  return (
    <div class="fig-walk-grid" style={style}>
      <div class="fig-walk-row fig-walk-heads" aria-hidden="true">
        <span>{text.gpaOf}</span>
        <span class="fig-walk-cells">
          {view.columns.map((column) => (
            <span key={column}>{text.nestedEntry(column)}</span>
          ))}
        </span>
        <span>{text.atItsSpa}</span>
      </div>
      {view.rows.map((row) => (
        <GridRow key={`${row.name} ${row.guestAddress}`} row={row} choice={choice} />
      ))}
    </div>
  )
}

function GridRow({ row, choice }: { readonly row: WalkRowView; readonly choice: Choice }) {
  return (
    <div class="fig-walk-row" role="group" aria-label={text.rowOfWalk(row.name, row.guestAddress)}>
      <span class="fig-walk-gpa">
        <b>{row.name}</b>
        <span class="fig-value">{row.guestAddress}</span>
      </span>
      <span class="fig-walk-cells">
        {row.nested.map((place, n) => (
          <Place key={n} place={place} choice={choice} />
        ))}
      </span>
      <span class="fig-walk-end">
        <Arrow />
        {row.entry === undefined ? (
          <span class="fig-walk-spa">
            {row.address === undefined ? (
              text.noSpa
            ) : (
              <>
                <b>{text.spa}</b> <span class="fig-value">{row.address}</span>
              </>
            )}
          </span>
        ) : (
          <Place place={row.entry} choice={choice} isWide />
        )}
      </span>
    </div>
  )
}

interface PlaceProps {
  readonly place: WalkPlace
  readonly choice: Choice
  readonly isWide?: boolean
}

function Place({ place, choice, isWide = false }: PlaceProps) {
  if (typeof place === 'object') return <Cell cell={place} choice={choice} isWide={isWide} />
  return <span class="fig-walk-none">{place}</span>
}

interface CellProps {
  readonly cell: WalkCell
  readonly choice: Choice
  readonly isWide?: boolean
}

function Cell({ cell, choice, isWide = false }: CellProps) {
  const { number, name, isNested, address, value, bytes, isLeaf, offending } = cell
  const isFault = offending !== 0n
  const remarks = remarksOn(cell)
  return (
    <button
      type="button"
      class={`fig-walk-cell${isNested ? ' is-nested' : ''}${isLeaf ? ' is-leaf' : ''}${isFault ? ' is-fault' : ''}`}
      aria-pressed={choice.shown === number}
      onClick={() => choice.choose(number)}
    >
      <span class="fig-walk-number">{number}</span> {isFault && <span aria-hidden="true">✕</span>}
      <b class={isWide ? '' : 'fig-hidden'}>{name}</b> <span class="fig-value">{address}</span>{' '}
      <span class={isWide ? 'fig-value fig-soft' : 'fig-hidden'}>{hexWide(value, bytes)}</span>
      {remarks !== '' && <span class="fig-hidden">, {remarks}</span>}
    </button>
  )
}

/** "leaf, sets A, D": what is to be said of an entry besides its value; empty for most. */
function remarksOn({ isLeaf, sets, blamed }: WalkCell): string {
  return [isLeaf && text.leaf, sets && text.setsBits(sets), blamed && text.endsWalk(blamed)]
    .filter(Boolean)
    .join(', ')
}

function Arrow() {
  return (
    <svg viewBox="0 0 24 12" width="24" height="12" aria-hidden="true" class="fig-walk-arrow">
      <path d="M1 6 H16" />
      <path class="is-head" d="M15 1 L23 6 L15 11 z" />
    </svg>
  )
}

function Outcome({ view: { outcome } }: { readonly view: WalkView }) {
  return (
    <p class="fig-walk-outcome">
      <span class={`fig-tag ${outcome.isGood ? 'is-good' : 'is-bad'}`}>
        {outcome.isGood ? '✓' : '✕'} {outcome.title}
      </span>{' '}
      {outcome.details.join(' · ')}
    </p>
  )
}

function Entry({ cell }: { readonly cell: WalkCell }) {
  const { number, name, address, value, bytes, bits, offending, blamed, sets } = cell
  return (
    <div class="fig-walk-entry">
      <p>
        <span class="fig-walk-number">{number}</span> <b>{name}</b> {text.placedAt}{' '}
        <span class="fig-value">{address}</span>
        {sets !== '' && <span class="fig-soft"> · {text.accessSets(sets)}</span>}
        {blamed !== '' && <b> · {text.endsWalk(blamed)}</b>}
      </p>
      <Dissector name={name} value={value} bytes={bytes} bits={bits} offending={offending} />
    </div>
  )
}

function WalkTable({ view }: { readonly view: WalkView }) {
  return (
    <table>
      <caption>
        {view.fields.map(({ name, bits, value }) => `${name} (${bits}) = ${value}`).join(', ')}.{' '}
        {view.outcome.title}: {view.outcome.details.join(', ')}.
      </caption>
      <TableHead columns={text.walkColumns} />
      <tbody>
        {view.rows.flatMap((row) =>
          [...row.nested, row.entry]
            .filter((place) => typeof place === 'object')
            .map((cell) => (
              <tr key={cell.number}>
                <th scope="row">{cell.number}</th>
                <td>
                  {row.name} <span class="fig-value">{row.guestAddress}</span>
                </td>
                <td>{cell.name}</td>
                <td class="fig-value">{cell.address}</td>
                <td class="fig-value">{hexWide(cell.value, cell.bytes)}</td>
                <td>{remarksOn(cell)}</td>
              </tr>
            )),
        )}
      </tbody>
    </table>
  )
}
