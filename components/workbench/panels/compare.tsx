/** Two points of the run side by side: pinned positions, and what differs between them. */
import { useState } from 'preact/hooks'
import { findField } from '../../../emulator/svm/index.ts'
import * as text from '../../strings.ts'
import { count, hex, hexWide } from '../format.ts'
import { useRemembered } from '../remembered.ts'
import type { Comparison } from '../state-protocol.ts'
import type { LabStore } from '../store.ts'
import type { PanelProps } from './registry.tsx'

const MOST_PINS = 12

function arePositions(value: unknown): value is readonly number[] {
  return (
    Array.isArray(value) &&
    value.length <= MOST_PINS &&
    value.every((at) => Number.isSafeInteger(at) && at >= 0)
  )
}

export function ComparePanel({ store, view }: PanelProps) {
  const [pins, setPins] = useRemembered<readonly number[]>(store, 'pins', [0], arePositions)
  const [from, setFrom] = useState(pins.at(-1) ?? 0)
  /** Undefined for where the machine is. */
  const [to, setTo] = useState<number>()
  const [comparison, setComparison] = useState<Comparison>()
  const here = view.instructions
  const compare = async (): Promise<void> =>
    setComparison(await store.study((client) => client.compare(from, to ?? here)))
  const name = (at: number): string => (at === 0 ? text.startOfRun : text.instructionNumber(at))
  return (
    <>
      <div class="wb-memory-bar">
        <button
          type="button"
          class="wb-button"
          aria-disabled={pins.includes(here)}
          onClick={() => {
            if (pins.includes(here)) return
            setPins([...pins, here].slice(-MOST_PINS).sort((a, b) => a - b))
            setFrom(here)
          }}
        >
          {text.pin(name(here))}
        </button>
        <label>
          {text.compare}{' '}
          <select value={from} onChange={({ currentTarget }) => setFrom(Number(currentTarget.value))}>
            {pins.map((at) => (
              <option key={at} value={at}>
                {name(at)}
              </option>
            ))}
          </select>
        </label>
        <label>
          {text.withWhat}{' '}
          <select
            value={to?.toString() ?? ''}
            onChange={({ currentTarget: { value } }) => setTo(value === '' ? undefined : Number(value))}
          >
            <option value="">{text.whereMachineIs}</option>
            {pins.map((at) => (
              <option key={at} value={at}>
                {name(at)}
              </option>
            ))}
          </select>
        </label>
        <button
          type="button"
          class="wb-button"
          aria-disabled={!store.canTravel.value}
          onClick={() => void compare()}
        >
          {text.compare}
        </button>
        {pins.length > 1 && (
          <button
            type="button"
            class="wb-link"
            onClick={() => {
              setPins([0])
              setFrom(0)
              setTo(undefined)
            }}
          >
            {text.removeAllPins}
          </button>
        )}
      </div>
      {comparison === undefined ? (
        <p class="wb-soft">{text.aboutCompare}</p>
      ) : (
        <Differences store={store} comparison={comparison} name={name} />
      )}
    </>
  )
}

interface DifferencesProps {
  readonly store: LabStore
  readonly comparison: Comparison
  readonly name: (at: number) => string
}

function Differences({ store, comparison, name }: DifferencesProps) {
  const { from, to, registers, fields, pages, pageCount } = comparison
  const severalCpus = (store.view.value?.cpus.length ?? 1) > 1
  const isSame = registers.length + fields.length + pageCount === 0
  return (
    <div data-compared={`${from}-${to}`}>
      <p role="status">
        {isSame
          ? text.nothingDiffers(name(from), name(to))
          : text.someDiffer(name(from), name(to), registers.length, fields.length, pageCount)}
      </p>
      {registers.length > 0 && (
        <Table
          caption={text.registers}
          rows={registers.map((one) => ({
            name: severalCpus ? text.ofVcpu(one.name, one.processor) : one.name,
            from: hexWide(one.from, one.bytes),
            to: hexWide(one.to, one.bytes),
          }))}
        />
      )}
      {fields.length > 0 && (
        <Table
          caption={text.vmcbFieldsInMemory}
          rows={fields.map(({ vmcb, field: key, from: before, to: after }) => {
            const field = findField(key)!
            return {
              name: text.fieldOf(field.name, vmcb),
              from: hexWide(before, field.bytes),
              to: hexWide(after, field.bytes),
            }
          })}
        />
      )}
      {pages.length > 0 && (
        <table class="wb-vmcb">
          <caption>
            {pageCount > pages.length ? text.firstPagesOfMemory(pages.length, pageCount) : text.pagesOfMemory}
          </caption>
          <thead>
            <tr>
              <th scope="col">{text.page}</th>
              <th scope="col">{text.bytesThatDiffer}</th>
              <th scope="col">{text.firstThatDiffers}</th>
            </tr>
          </thead>
          <tbody>
            {pages.map(({ address, bytes, first }) => (
              <tr key={address}>
                <th scope="row">{hex(address)}</th>
                <td class="wb-num">{count(bytes)}</td>
                <td class="wb-num">{hex(first)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  )
}

interface TableProps {
  readonly caption: string
  readonly rows: readonly { readonly name: string; readonly from: string; readonly to: string }[]
}

function Table({ caption, rows }: TableProps) {
  return (
    <table class="wb-vmcb">
      <caption>{caption}</caption>
      <thead>
        <tr>
          <th scope="col">{text.nameOfValue}</th>
          <th scope="col">{text.valueFirst}</th>
          <th scope="col">{text.valueThen}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ name, from, to }) => (
          <tr key={name} data-different={name}>
            <th scope="row">{name}</th>
            <td class="wb-value">{from}</td>
            <td class="wb-value">{to}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
