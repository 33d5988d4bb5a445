/** The figure of the three VMCBs: vmcb02 in the middle, arrows from where each of its fields came. */
import { useState } from 'preact/hooks'
import type { TriptychRow, Vmcb02Source } from '../../emulator/hypervisor/index.ts'
import * as text from '../strings.ts'
import { hex } from '../workbench/format.ts'
import { Dissector } from '../workbench/dissector.tsx'
import { Figure, TableHead } from './figure.tsx'
import {
  SOURCES,
  TRIPTYCH_COLUMNS,
  triptychView,
  type TriptychCell,
  type TriptychColumn,
  type TriptychField,
  type TriptychFilter,
  type TriptychView,
} from './triptych-view.ts'

interface TriptychProps {
  /** Undefined while L1 runs: there is no vmcb02 in use. */
  readonly rows: readonly TriptychRow[] | undefined
  /** Before the last step. */
  readonly previous: readonly TriptychRow[] | undefined
}

const SHOWN: readonly (readonly [TriptychFilter['show'], string])[] = [
  ['differing', text.notSameInAll],
  ['changed', text.changedByLastStep],
  ['all', text.allFields],
]

export function Triptych({ rows, previous }: TriptychProps) {
  const [filter, setFilter] = useState<TriptychFilter>({ show: 'differing' })
  if (rows === undefined) return <p class="fig-soft">{text.noVmcb02}</p>
  const view = triptychView(rows, previous, filter)
  return (
    <Figure
      name="triptych"
      title={text.originOfVmcb02}
      summary={text.fieldsShownOf(view.shown, view.total)}
      controls={<Filters filter={filter} onChange={setFilter} />}
      table={() => <TriptychTable view={view} />}
    >
      <Legend />
      <div class="fig-tri-heads" aria-hidden="true">
        <span>{text.fieldHead}</span>
        <Head column="vmcb01" what={text.l0RunsL1} />
        <span />
        <Head column="vmcb02" what={text.l0RunsL2} />
        <span />
        <Head column="vmcb12" what={text.asCopied} />
      </div>
      {view.groups.length === 0 && <p class="fig-soft">{text.noFieldIsLikeThat}</p>}
      {view.groups.map(({ title, fields }) => (
        <section key={title} class="fig-tri-group" aria-label={title}>
          <h4>{title}</h4>
          {fields.map((field) => (
            <FieldRow key={field.field.key} row={field} />
          ))}
        </section>
      ))}
    </Figure>
  )
}

function Head({ column, what }: { readonly column: TriptychColumn; readonly what: string }) {
  return (
    <span>
      <b>{column}</b> {what}
    </span>
  )
}

interface FiltersProps {
  readonly filter: TriptychFilter
  readonly onChange: (filter: TriptychFilter) => void
}

function Filters({ filter, onChange }: FiltersProps) {
  return (
    <>
      <label>
        <span class="fig-hidden">{text.fields} </span>
        <select
          value={filter.show}
          onChange={(event) => {
            onChange({ ...filter, show: event.currentTarget.value as TriptychFilter['show'] })
          }}
        >
          {SHOWN.map(([show, label]) => (
            <option key={show} value={show}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span class="fig-hidden">{text.source} </span>
        <select
          value={filter.source ?? ''}
          onChange={(event) => {
            const source = event.currentTarget.value as Vmcb02Source | ''
            onChange({ ...filter, source: source === '' ? undefined : source })
          }}
        >
          <option value="">{text.anySource}</option>
          {Object.entries(SOURCES).map(([source, { name }]) => (
            <option key={source} value={source}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <input
        type="search"
        placeholder={text.fieldName}
        aria-label={text.partOfName}
        value={filter.text ?? ''}
        onInput={(event) => {
          onChange({ ...filter, text: event.currentTarget.value })
        }}
      />
    </>
  )
}

function Legend() {
  return (
    <p class="fig-legend">
      <span>
        <SourceArrow column="vmcb01" source="vmcb01" /> {text.fromVmcb01}
      </span>
      <span>
        <SourceArrow column="vmcb12" source="vmcb12" /> {text.fromCopyOfVmcb12}
      </span>
      <span>
        <SourceArrow column="vmcb12" source="live" /> {text.fromVmcb12WhenUsed}
      </span>
      <span>
        <SourceArrow column="vmcb01" source="merged" />
        <SourceArrow column="vmcb12" source="merged" /> {text.mergedField}
      </span>
      <span>
        <span class="fig-tag">{text.l0}</span> {text.l0sOwn}
      </span>
    </p>
  )
}

/** Points at vmcb02, to the right from vmcb01 and to the left from vmcb12; empty where nothing comes from. */
function SourceArrow({ column, source }: { readonly column: TriptychColumn; readonly source: Vmcb02Source }) {
  if (!SOURCES[source].from.includes(column)) return <span class="fig-tri-arrow" />
  const isLeft = column === 'vmcb12'
  return (
    <span class={`fig-tri-arrow is-${source}`}>
      <svg viewBox="0 0 36 12" width="36" height="12" aria-hidden="true">
        <g transform={isLeft ? 'rotate(180 18 6)' : undefined}>
          <path d="M1 6 H29" stroke-dasharray={source === 'live' ? '4 3' : undefined} />
          <path class="is-head" d="M27 1 L35 6 L27 11 z" />
        </g>
      </svg>
    </span>
  )
}

function FieldRow({ row }: { readonly row: TriptychField }) {
  const [isOpen, setOpen] = useState(false)
  const { field, cells, source, reason } = row
  return (
    <div class="fig-tri-row" data-field={field.key}>
      <button
        type="button"
        class="fig-tri-name"
        aria-expanded={isOpen}
        onClick={() => {
          setOpen(!isOpen)
        }}
      >
        {field.name}
      </button>
      <Cell column="vmcb01" cell={cells.vmcb01} />
      <SourceArrow column="vmcb01" source={source} />
      <Cell column="vmcb02" cell={cells.vmcb02} tag={source === 'constant' ? text.l0 : undefined} />
      <SourceArrow column="vmcb12" source={source} />
      <Cell
        column="vmcb12"
        cell={cells.vmcb12}
        missing={source === 'live' ? text.readLive : text.notCopied}
      />
      <p class="fig-tri-source">{text.comesFrom(SOURCES[source].name)}</p>
      {isOpen && (
        <div class="fig-tri-more">
          <p>
            {reason}{' '}
            <span class="fig-soft">
              {text.aboutField(field.description, hex(field.offset), field.section)}
            </span>
          </p>
          <div class="fig-tri-bits">
            {TRIPTYCH_COLUMNS.map((column) => (
              <Bits key={column} column={column} row={row} />
            ))}
          </div>
        </div>
      )}
    </div>
  )
}

function Bits({ column, row }: { readonly column: TriptychColumn; readonly row: TriptychField }) {
  const { value } = row.cells[column]
  if (value === undefined) return null
  const { name, bytes, bits } = row.field
  return (
    <div>
      <b>{column}</b>
      <Dissector name={text.fieldIn(name, column)} value={value} bytes={bytes} bits={bits} />
    </div>
  )
}

interface CellProps {
  readonly column: TriptychColumn
  readonly cell: TriptychCell
  readonly tag?: string | undefined
  readonly missing?: string
}

function Cell({ column, cell: { text: shown, value, isChanged }, tag, missing = '' }: CellProps) {
  return (
    <span class={`fig-tri-cell is-${column}`}>
      <span class="fig-tri-label">{column}</span>
      {value === undefined ? (
        <span class="fig-soft">{missing}</span>
      ) : (
        <span class={`fig-value${isChanged ? ' is-changed' : ''}`}>{shown}</span>
      )}
      {isChanged && <span class="fig-hidden"> {text.changedSpoken}</span>}
      {tag !== undefined && <span class="fig-tag">{tag}</span>}
    </span>
  )
}

function TriptychTable({ view }: { readonly view: TriptychView }) {
  return (
    <table>
      <caption class="fig-hidden">{text.fieldsOfThree}</caption>
      <TableHead columns={text.triptychColumns(TRIPTYCH_COLUMNS)} />
      <tbody>
        {view.groups.flatMap(({ fields }) =>
          fields.map(({ field, cells, source, reason }) => (
            <tr key={field.key}>
              <th scope="row">{field.name}</th>
              {TRIPTYCH_COLUMNS.map((column) => (
                <td key={column} class="fig-value">
                  {cells[column].text || '—'}
                  {cells[column].isChanged && <b> {text.changed}</b>}
                </td>
              ))}
              <td>{SOURCES[source].name}</td>
              <td>{reason}</td>
            </tr>
          )),
        )}
      </tbody>
    </table>
  )
}
