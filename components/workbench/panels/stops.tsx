/** All breakpoints and watchpoints: on or off, where each came to lie or why it cannot be, and a form for new ones. */
import { useState } from 'preact/hooks'
import * as text from '../../strings.ts'
import { hex } from '../format.ts'
import type { StopEntry } from '../reader-stops.ts'
import { describeReaderStop } from '../stop-text.ts'
import type { LabStore } from '../store.ts'
import { STOP_KINDS, type StopInput } from './stop-kinds.ts'

export function StopsPanel({ store }: { readonly store: LabStore }) {
  const entries = store.stops.entries.value
  return (
    <div class="wb-stops">
      {entries.length === 0 ? (
        <p class="wb-soft">{text.aboutStops}</p>
      ) : (
        <ul class="wb-stop-list" aria-label={text.stops}>
          {entries.map((entry) => (
            <Entry key={entry.id} store={store} entry={entry} />
          ))}
        </ul>
      )}
      {entries.length > 1 && (
        <button type="button" class="wb-link" onClick={() => store.stops.clear()}>
          {text.removeAllStops}
        </button>
      )}
      <NewStop store={store} />
    </div>
  )
}

function Entry({ store, entry }: { readonly store: LabStore; readonly entry: StopEntry }) {
  const { id, stop, isEnabled } = entry
  const name = describeReaderStop(stop)
  return (
    <li>
      <label>
        <input
          type="checkbox"
          checked={isEnabled}
          onChange={({ currentTarget }) => store.stops.setEnabled(id, currentTarget.checked)}
        />
        {name}
      </label>
      <Place entry={entry} isStale={store.isStale.value} />
      <span class="wb-stop-actions">
        {stop.kind === 'line' && (
          <button
            type="button"
            class="wb-small-button"
            aria-label={text.showNamed(name)}
            onClick={() => store.goToLine(stop.file, stop.line, true)}
          >
            {text.show}
          </button>
        )}
        <button
          type="button"
          class="wb-small-button"
          aria-label={text.removeNamed(name)}
          onClick={() => store.stops.remove(id)}
        >
          {text.remove}
        </button>
      </span>
    </li>
  )
}

/** Where the stop lies in the machine. */
function Place({
  entry: { isEnabled, resolved },
  isStale,
}: {
  readonly entry: StopEntry
  readonly isStale: boolean
}) {
  if (!isEnabled) return <span class="wb-soft">{text.isOff}</span>
  if (isStale || resolved === undefined) return <span class="wb-soft">{text.placedWhenBuilt}</span>
  if (!resolved.ok) return <span class="wb-error">{text.cannotBe(resolved.message)}</span>
  const { stop } = resolved
  if (stop.kind === 'code') return <span class="wb-stop-place">{text.atAddress(hex(stop.address))}</span>
  if (stop.kind === 'memory')
    return (
      <span class="wb-stop-place">{text.fromTo(hex(stop.address), hex(stop.address + stop.bytes - 1))}</span>
    )
  return null
}

/** Values of the inputs by their ids; what is not there has its first choice, or is empty. */
type Values = Readonly<Record<string, string>>

function NewStop({ store }: { readonly store: LabStore }) {
  const [kind, setKind] = useState(STOP_KINDS[0])
  const [values, setValues] = useState<Values>({})
  const inputs = kind.inputs(store)
  const value = (input: StopInput): string => values[input.id] ?? input.first ?? ''
  const isComplete = inputs.every((input) => input.isOptional === true || value(input).trim() !== '')
  return (
    <form
      class="wb-new-stop"
      aria-label={text.newStop}
      onSubmit={(event) => {
        event.preventDefault()
        if (!isComplete) return
        store.stops.add(
          kind.read((id) => {
            const input = inputs.find((one) => one.id === id)
            return input === undefined ? '' : value(input).trim()
          }),
        )
        setValues({})
      }}
    >
      <label>
        <span>{text.stopAt}</span>
        <select
          value={kind.id}
          onChange={({ currentTarget }) => {
            setKind(STOP_KINDS.find(({ id }) => id === currentTarget.value)!)
            setValues({})
          }}
        >
          {STOP_KINDS.map(({ id, label }) => (
            <option key={id} value={id}>
              {label}
            </option>
          ))}
        </select>
      </label>
      {inputs.map((input) => (
        <Input
          key={`${kind.id}-${input.id}`}
          input={input}
          list={`wb-${store.opened.value?.lab.slug ?? ''}-stop-${input.id}`}
          value={value(input)}
          onChange={(next) => setValues({ ...values, [input.id]: next })}
        />
      ))}
      <button class="wb-button" aria-disabled={!isComplete}>
        {text.add}
      </button>
    </form>
  )
}

interface InputProps {
  readonly input: StopInput
  /** The id of its list of suggestions. */
  readonly list: string
  readonly value: string
  readonly onChange: (value: string) => void
}

function Input({ input: { label, choices, suggestions, hint }, list, value, onChange }: InputProps) {
  if (choices !== undefined)
    return (
      <label>
        <span>{label}</span>
        <select value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
          {choices.map(([choice, meaning]) => (
            <option key={choice} value={choice}>
              {meaning}
            </option>
          ))}
        </select>
      </label>
    )
  return (
    <>
      <label>
        <span>{label}</span>
        <input
          value={value}
          list={list}
          placeholder={hint}
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
          onInput={({ currentTarget }) => onChange(currentTarget.value)}
        />
      </label>
      <datalist id={list}>
        {suggestions?.map(([suggestion, meaning]) => (
          <option key={suggestion} value={suggestion}>
            {meaning}
          </option>
        ))}
      </datalist>
    </>
  )
}
