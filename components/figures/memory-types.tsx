/** The figures of memory types: a PAT slot by slot, the derivation of one type, and a calculator of them. */
import { useState } from 'preact/hooks'
import type { MtrrType, TypeSources } from '../../emulator/machine/index.ts'
import * as text from '../strings.ts'
import { Figure, TableHead } from './figure.tsx'
import { derivationView, MTRRS, patSlots, type PatSlot, type TypeTable } from './memory-types-view.ts'

interface PatProps {
  /** "PAT", "gPAT" */
  readonly name: string
  readonly value: bigint
}

/** A PAT slot by slot; encodings that the manual reserves are marked. */
export function PatFigure({ name, value }: PatProps) {
  const slots = patSlots(value)
  return (
    <Figure name="pat" title={text.slotsOf(name)} table={() => <PatTable name={name} slots={slots} />}>
      <ol class="fig-pat">
        {slots.toReversed().map(({ slot, byte, type }) => (
          <li key={slot} class={type === undefined ? 'is-reserved' : ''}>
            <span class="fig-soft">{text.patSlot(slot)}</span>
            <b>{type ?? text.markedReserved}</b>
            <span class="fig-value">{byte}</span>
            <span class="fig-value fig-soft">{indexBits(slot)}</span>
          </li>
        ))}
      </ol>
      <p class="fig-soft">{text.aboutSlotBits}</p>
    </Figure>
  )
}

function indexBits(slot: number): string {
  return slot.toString(2).padStart(3, '0')
}

function PatTable({ name, slots }: { readonly name: string; readonly slots: readonly PatSlot[] }) {
  return (
    <table>
      <caption>{name}</caption>
      <TableHead columns={text.patColumns} />
      <tbody>
        {slots.map(({ slot, byte, type }) => (
          <tr key={slot}>
            <th scope="row">{text.patSlot(slot)}</th>
            <td class="fig-value">{indexBits(slot)}</td>
            <td class="fig-value">{byte}</td>
            <td>{type ?? text.reservedForWrmsr}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

interface CalculatorProps {
  /** The PAT of the guest, or the only one. */
  readonly guestPat: bigint
  /** The PAT of the host. */
  readonly hostPat: bigint
  readonly isNested?: boolean
}

/** Pick the slots, the MTRR type, nested paging and CR0.CD: what comes of them, and which places of the tables decide. */
export function MemoryTypeCalculator({ guestPat, hostPat, isNested = true }: CalculatorProps) {
  const [guestSlot, setGuestSlot] = useState(0)
  const [nestedSlot, setNestedSlot] = useState(0)
  const [mtrr, setMtrr] = useState<MtrrType>('WB')
  const [nested, setNested] = useState(isNested)
  const [cacheDisable, setCacheDisable] = useState(false)
  const guestType = patSlots(guestPat)[guestSlot].type
  const nestedType = patSlots(hostPat)[nestedSlot].type
  const sources: TypeSources | undefined = guestType &&
    nestedType && { guestPat: guestType, nestedPat: nested ? nestedType : undefined, mtrr, cacheDisable }
  return (
    <div class="fig-calculator">
      <div class="fig-choices">
        <SlotChoice
          label={nested ? text.guestPatSlot : text.onlyPatSlot}
          pat={guestPat}
          slot={guestSlot}
          choose={setGuestSlot}
        />
        {nested && (
          <SlotChoice label={text.nestedPatSlot} pat={hostPat} slot={nestedSlot} choose={setNestedSlot} />
        )}
        <label>
          {text.mtrr}{' '}
          <select value={mtrr} onChange={({ currentTarget }) => setMtrr(currentTarget.value as MtrrType)}>
            {MTRRS.map((type) => (
              <option key={type}>{type}</option>
            ))}
          </select>
        </label>
        <label>
          <input type="checkbox" checked={nested} onChange={() => setNested(!nested)} /> {text.nestedPaging}
        </label>
        <label>
          <input type="checkbox" checked={cacheDisable} onChange={() => setCacheDisable(!cacheDisable)} />{' '}
          {text.cacheDisableBit}
        </label>
      </div>
      {sources ? <TypeDerivationFigure sources={sources} /> : <p>{text.reservedHasNoType}</p>}
    </div>
  )
}

interface SlotChoiceProps {
  readonly label: string
  readonly pat: bigint
  readonly slot: number
  readonly choose: (slot: number) => void
}

function SlotChoice({ label, pat, slot, choose }: SlotChoiceProps) {
  return (
    <label>
      {label}{' '}
      <select value={slot} onChange={({ currentTarget }) => choose(Number(currentTarget.value))}>
        {patSlots(pat).map(({ slot: own, type }) => (
          <option key={own} value={own} disabled={type === undefined}>
            {own}: {type ?? text.reserved}
          </option>
        ))}
      </select>
    </label>
  )
}

interface DerivationProps {
  /** Of a TLB entry: its `memoryType`. */
  readonly sources: TypeSources
}

/** How one memory type comes about. */
export function TypeDerivationFigure({ sources }: DerivationProps) {
  const { tables, steps, effective } = derivationView(sources)
  return (
    <Figure
      name="memory-types"
      title={text.memoryTypeIs(effective)}
      table={() => <Steps steps={steps} effective={effective} />}
    >
      <p class="fig-type-steps" aria-live="polite">
        {steps.join(' → ')}
      </p>
      <div class="fig-type-tables">
        {tables.map((table) => (
          <TypeGrid key={table.title} table={table} />
        ))}
      </div>
    </Figure>
  )
}

function TypeGrid({ table }: { readonly table: TypeTable }) {
  const { title, rowName, columnName, columns, rows, row, column } = table
  return (
    <div class="fig-scroll" role="group" aria-label={title} tabIndex={0}>
      <table class="fig-type-grid">
        <caption>{text.rowsAndColumns(title, rowName, columnName)}</caption>
        <thead>
          <tr>
            <td />
            {columns.map((name) => (
              <th key={name} scope="col" class={name === column ? 'is-used' : ''}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, cells }) => (
            <tr key={name} class={name === row ? 'is-used' : ''}>
              <th scope="row">{name}</th>
              {cells.map((cell, n) => (
                <td
                  key={columns[n]}
                  class={columns[n] === column ? (name === row ? 'is-used is-result' : 'is-used') : ''}
                >
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Steps({ steps, effective }: { readonly steps: readonly string[]; readonly effective: string }) {
  return (
    <table>
      <caption>{text.effectiveTypeIs(effective)}</caption>
      <tbody>
        {steps.map((step, n) => (
          <tr key={step}>
            <th scope="row">{text.stepNumber(n + 1)}</th>
            <td>{step}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
