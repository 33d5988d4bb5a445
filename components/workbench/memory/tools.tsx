/** What else can be done with memory: searching all of it, and changing it while the machine is paused. */
import { useState } from 'preact/hooks'
import { toBytes } from '../bytes.ts'
import { count, hex } from '../format.ts'
import { readShown } from '../radix.tsx'
import type { SearchRequest, SearchResult } from '../state-protocol.ts'
import type { LabStore } from '../store.ts'

const SIZES = [1, 2, 4, 8] as const
type Size = (typeof SIZES)[number]

const KINDS: readonly {
  readonly id: SearchRequest['kind']
  readonly label: string
  readonly hint: string
}[] = [
  { id: 'bytes', label: 'bytes', hint: '48 8B ?? 05' },
  { id: 'text', label: 'text', hint: 'Hello' },
  { id: 'value', label: 'value', hint: '0x1234 or guest' },
]

function SizeChoice({ size, onChange }: { readonly size: Size; readonly onChange: (size: Size) => void }) {
  return (
    <label>
      of{' '}
      <select
        value={size}
        onChange={({ currentTarget }) => onChange(SIZES.find((one) => one === Number(currentTarget.value))!)}
      >
        {SIZES.map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </select>{' '}
      bytes
    </label>
  )
}

interface ToolProps {
  readonly store: LabStore
  readonly onGo: (address: bigint) => void
}

export function MemorySearch({ store, onGo }: ToolProps) {
  const [kind, setKind] = useState(KINDS[0])
  const [pattern, setPattern] = useState('')
  const [size, setSize] = useState<Size>(8)
  const [result, setResult] = useState<SearchResult>()
  const search = async (): Promise<void> =>
    setResult(await store.ask((client) => client.search({ kind: kind.id, pattern, size })))
  return (
    <details class="wb-tool">
      <summary>Search memory</summary>
      <form
        class="wb-memory-bar"
        aria-label="Search memory"
        onSubmit={(event) => {
          event.preventDefault()
          void search()
        }}
      >
        <label>
          <span class="wb-hidden">Kind of pattern</span>
          <select
            value={kind.id}
            onChange={({ currentTarget }) => setKind(KINDS.find(({ id }) => id === currentTarget.value)!)}
          >
            {KINDS.map(({ id, label }) => (
              <option key={id} value={id}>
                {label}
              </option>
            ))}
          </select>
        </label>
        <input
          aria-label="Pattern"
          value={pattern}
          placeholder={kind.hint}
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
          onInput={({ currentTarget }) => setPattern(currentTarget.value)}
        />
        {kind.id === 'value' && <SizeChoice size={size} onChange={setSize} />}
        <button class="wb-button">Search</button>
      </form>
      {result?.ok === false && (
        <p class="wb-error" role="alert">
          {result.message}
        </p>
      )}
      {result?.ok === true && (
        <div role="status">
          <p>
            {result.isCut
              ? `The first ${count(result.found.length)} places:`
              : result.found.length === 0
                ? 'Not in memory.'
                : `Found ${result.found.length === 1 ? 'once' : `${count(result.found.length)} times`}:`}
          </p>
          <ul class="wb-found">
            {result.found.map((address) => (
              <li key={address}>
                <button type="button" class="wb-small-button" onClick={() => onGo(BigInt(address))}>
                  {hex(address)}
                </button>
              </li>
            ))}
          </ul>
        </div>
      )}
    </details>
  )
}

export function MemoryChange({ store, address }: { readonly store: LabStore; readonly address: number }) {
  const [at, setAt] = useState('')
  const [typed, setTyped] = useState('')
  const [size, setSize] = useState<Size>(8)
  const [problem, setProblem] = useState('')
  const canEdit = store.canTravel.value && store.view.value?.ending === undefined
  const read = (text: string): bigint | undefined => readShown(text) ?? store.symbols.value.get(text.trim())
  const change = async (): Promise<void> => {
    const value = read(typed)
    const place = at.trim() === '' ? BigInt(address) : read(at)
    if (value === undefined || place === undefined) {
      setProblem('Address and value are numbers or symbols of the program.')
      return
    }
    if (value >> BigInt(size * 8) !== 0n) {
      setProblem(`The value does not fit in ${size} bytes.`)
      return
    }
    const ram = (store.opened.value?.lab.machine.memory ?? 0) * 0x10_0000
    if (place + BigInt(size) > BigInt(ram)) {
      setProblem(`RAM ends before ${hex(ram)}.`)
      return
    }
    setProblem('')
    await store.change({
      kind: 'memory',
      address: Number(place),
      bytes: toBytes(value, size),
      label: `${size} bytes at ${hex(place)}`,
    })
  }
  return (
    <details class="wb-tool">
      <summary>Change memory</summary>
      <p class="wb-soft">
        {canEdit
          ? 'The machine is paused: a change takes effect now, as an edit in the timeline.'
          : 'Memory can be changed while the machine is paused in the middle of a run.'}
      </p>
      <form
        class="wb-memory-bar"
        aria-label="Change memory"
        onSubmit={(event) => {
          event.preventDefault()
          if (canEdit) void change()
        }}
      >
        <label>
          At{' '}
          <input
            value={at}
            placeholder={hex(address)}
            spellcheck={false}
            autocomplete="off"
            onInput={({ currentTarget }) => setAt(currentTarget.value)}
          />
        </label>
        <label>
          value{' '}
          <input
            value={typed}
            spellcheck={false}
            autocomplete="off"
            onInput={({ currentTarget }) => setTyped(currentTarget.value)}
          />
        </label>
        <SizeChoice size={size} onChange={setSize} />
        <button class="wb-button" aria-disabled={!canEdit}>
          Change
        </button>
      </form>
      {problem !== '' && (
        <p class="wb-error" role="alert">
          {problem}
        </p>
      )}
    </details>
  )
}
