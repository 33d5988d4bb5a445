/** The figure of a TLB: its entries by ASID, from linear address to sPA; the memory type of the chosen one. */
import { useState } from 'preact/hooks'
import * as text from '../strings.ts'
import { plural } from '../workbench/format.ts'
import { Figure, TableHead } from './figure.tsx'
import { TypeDerivationFigure } from './memory-types.tsx'
import type { TlbRecord } from './tlb-data.ts'
import { tlbView, type TlbRow, type TlbView } from './tlb-view.ts'

interface TlbProps {
  readonly record: TlbRecord
}

export function TlbFigure({ record }: TlbProps) {
  const [filter, setFilter] = useState('')
  const [asid, setAsid] = useState<number>()
  const [chosen, choose] = useState<string>()
  const view = tlbView(record, filter, asid)
  const asids = [...new Set(record.entries.map((entry) => entry.asid))].sort((one, other) => one - other)
  const shown = view.groups.flatMap(({ rows }) => rows).find(({ key }) => key === chosen)
  return (
    <Figure
      name="tlb"
      title={text.tlbOf(record.processor)}
      summary={text.tlbSummary(plural(view.total, 'entry', 'entries'), view.added, view.removed)}
      controls={
        <>
          <label>
            {text.asid}{' '}
            <select
              value={asid ?? ''}
              onChange={({ currentTarget: { value } }) => setAsid(value === '' ? undefined : Number(value))}
            >
              <option value="">{text.allAsids}</option>
              {asids.map((own) => (
                <option key={own} value={own}>
                  {own}
                </option>
              ))}
            </select>
          </label>
          <input
            type="search"
            placeholder={text.address}
            aria-label={text.addressContains}
            value={filter}
            onInput={({ currentTarget }) => setFilter(currentTarget.value)}
          />
        </>
      }
      table={() => <TlbTable view={view} />}
    >
      <p class="fig-soft">{text.tlbLegend}</p>
      {view.groups.length === 0 && <p class="fig-soft">{text.noEntries}</p>}
      {view.groups.map(({ name, asid: own, rows }) => (
        <section key={name} class={own === 0 ? 'fig-tlb-group is-host' : 'fig-tlb-group'}>
          <h4>
            {name} <span class="fig-soft">{plural(rows.length, 'entry', 'entries')}</span>
          </h4>
          <ul>
            {rows.map((row) => (
              <Row key={row.key} row={row} isChosen={row.key === chosen} choose={choose} />
            ))}
          </ul>
        </section>
      ))}
      {shown && <TypeDerivationFigure sources={shown.entry.memoryType} />}
    </Figure>
  )
}

interface RowProps {
  readonly row: TlbRow
  readonly isChosen: boolean
  readonly choose: (key: string) => void
}

function Row({ row, isChosen, choose }: RowProps) {
  const { key, linear, guestAddress, address, size, global, type, isNew } = row
  return (
    <li>
      <button
        type="button"
        class={`fig-tlb-row${isNew ? ' is-changed' : ''}`}
        aria-pressed={isChosen}
        onClick={() => choose(key)}
      >
        <span class="fig-value">{linear}</span>
        <span class="fig-value">
          <span class="fig-soft">→</span>{' '}
          {guestAddress !== address && (
            <>
              <span class="fig-soft">{text.gpa}</span> {guestAddress} <span class="fig-soft">→</span>{' '}
            </>
          )}
          {address}
        </span>
        <span>{size}</span>
        <span class="fig-value">{permissions(row)}</span>
        <b>{type}</b>
        <span>
          {global && <span class="fig-tag">{text.globalEntry}</span>}{' '}
          {isNew && <span class="fig-tag is-warn">{text.newEntry}</span>}
        </span>
      </button>
    </li>
  )
}

/** "RWX U D": what is not there is a dash. */
function permissions({ writable, executable, user, dirty }: TlbRow): string {
  return `R${writable ? 'W' : '–'}${executable ? 'X' : '–'} ${user ? 'U' : '–'} ${dirty ? 'D' : '–'}`
}

function TlbTable({ view }: { readonly view: TlbView }) {
  return (
    <table>
      <TableHead columns={text.tlbColumns} />
      <tbody>
        {view.groups.flatMap(({ name, rows }) =>
          rows.map((row) => (
            <tr key={row.key}>
              <td>{name}</td>
              <th scope="row" class="fig-value">
                {row.linear}
              </th>
              <td class="fig-value">{row.guestAddress}</td>
              <td class="fig-value">{row.address}</td>
              <td>{row.size}</td>
              <td class="fig-value">{permissions(row)}</td>
              <td>{row.type}</td>
              <td>{row.derivation}</td>
              <td>
                {[row.global && text.globalEntry, row.isNew && text.newEntry].filter(Boolean).join(', ')}
              </td>
            </tr>
          )),
        )}
      </tbody>
    </table>
  )
}
