/** Two points of the run side by side: pinned positions, and what differs between them. */
import { useState } from 'preact/hooks'
import { findField } from '../../../emulator/svm/index.ts'
import { count, hex, hexWide, plural } from '../format.ts'
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
  const name = (at: number): string => (at === 0 ? 'the start' : `instruction ${count(at)}`)
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
          Pin {name(here)}
        </button>
        <label>
          Compare{' '}
          <select value={from} onChange={({ currentTarget }) => setFrom(Number(currentTarget.value))}>
            {pins.map((at) => (
              <option key={at} value={at}>
                {name(at)}
              </option>
            ))}
          </select>
        </label>
        <label>
          with{' '}
          <select
            value={to?.toString() ?? ''}
            onChange={({ currentTarget: { value } }) => setTo(value === '' ? undefined : Number(value))}
          >
            <option value="">where the machine is</option>
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
          Compare
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
            Remove all pins
          </button>
        )}
      </div>
      {comparison === undefined ? (
        <p class="wb-soft">
          Pin a point of the run, go on, and compare: registers, VMCBs and memory. The machine stays where it
          is.
        </p>
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
        From {name(from)} to {name(to)}:{' '}
        {isSame
          ? 'nothing differs.'
          : `${plural(registers.length, 'register')}, ${plural(fields.length, 'VMCB field')} and ${plural(pageCount, 'page')} of memory differ.`}
      </p>
      {registers.length > 0 && (
        <Table
          caption="Registers"
          rows={registers.map((one) => ({
            name: `${one.name}${severalCpus ? ` of vCPU ${one.processor}` : ''}`,
            from: hexWide(one.from, one.bytes),
            to: hexWide(one.to, one.bytes),
          }))}
        />
      )}
      {fields.length > 0 && (
        <Table
          caption="VMCB fields in memory"
          rows={fields.map(({ vmcb, field: key, from: before, to: after }) => {
            const field = findField(key)!
            return {
              name: `${field.name} of ${vmcb}`,
              from: hexWide(before, field.bytes),
              to: hexWide(after, field.bytes),
            }
          })}
        />
      )}
      {pages.length > 0 && (
        <table class="wb-vmcb">
          <caption>
            Pages of memory
            {pageCount > pages.length && `, the first ${pages.length} of ${count(pageCount)}`}
          </caption>
          <thead>
            <tr>
              <th scope="col">Page</th>
              <th scope="col">Bytes that differ</th>
              <th scope="col">The first one</th>
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
          <th scope="col">Name</th>
          <th scope="col">First</th>
          <th scope="col">Then</th>
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
