/** What else can be done with memory: searching all of it, and changing it while the machine is paused. */
import { useState } from 'preact/hooks'
import * as text from '../../strings.ts'
import { toBytes } from '../bytes.ts'
import { hex } from '../format.ts'
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
  { id: 'bytes', label: text.patternOfBytes, hint: '48 8B ?? 05' },
  { id: 'text', label: text.patternOfText, hint: text.exampleOfText },
  { id: 'value', label: text.patternOfValue, hint: text.exampleOfValue },
]

function SizeChoice({ size, onChange }: { readonly size: Size; readonly onChange: (size: Size) => void }) {
  return (
    <label>
      {text.ofWhich}{' '}
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
      {text.sizeInBytes}
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
      <summary>{text.searchMemory}</summary>
      <form
        class="wb-memory-bar"
        aria-label={text.searchMemory}
        onSubmit={(event) => {
          event.preventDefault()
          void search()
        }}
      >
        <label>
          <span class="wb-hidden">{text.kindOfPattern}</span>
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
          aria-label={text.pattern}
          value={pattern}
          placeholder={kind.hint}
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
          onInput={({ currentTarget }) => setPattern(currentTarget.value)}
        />
        {kind.id === 'value' && <SizeChoice size={size} onChange={setSize} />}
        <button class="wb-button">{text.search}</button>
      </form>
      {result?.ok === false && (
        <p class="wb-error" role="alert">
          {result.message}
        </p>
      )}
      {result?.ok === true && (
        <div role="status">
          <p>{placesFound(result)}</p>
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

function placesFound({ found, isCut }: SearchResult & { readonly ok: true }): string {
  if (isCut) return text.firstPlaces(found.length)
  if (found.length === 0) return text.notInMemory
  return found.length === 1 ? text.foundOnce : text.foundTimes(found.length)
}

export function MemoryChange({ store, address }: { readonly store: LabStore; readonly address: number }) {
  const [at, setAt] = useState('')
  const [typed, setTyped] = useState('')
  const [size, setSize] = useState<Size>(8)
  const [problem, setProblem] = useState('')
  const canEdit = store.canTravel.value && store.view.value?.ending === undefined
  const read = (written: string): bigint | undefined =>
    readShown(written) ?? store.symbols.value.get(written.trim())
  const change = async (): Promise<void> => {
    const value = read(typed)
    const place = at.trim() === '' ? BigInt(address) : read(at)
    if (value === undefined || place === undefined) {
      setProblem(text.numbersOrSymbols)
      return
    }
    if (value >> BigInt(size * 8) !== 0n) {
      setProblem(text.valueDoesNotFit(size))
      return
    }
    const ram = (store.opened.value?.lab.machine.memory ?? 0) * 0x10_0000
    if (place + BigInt(size) > BigInt(ram)) {
      setProblem(`${text.ramEndsBefore(hex(ram))}.`)
      return
    }
    setProblem('')
    await store.change({
      kind: 'memory',
      address: Number(place),
      bytes: toBytes(value, size),
      label: text.bytesAt(size, hex(place)),
    })
  }
  return (
    <details class="wb-tool">
      <summary>{text.changeMemory}</summary>
      <p class="wb-soft">{canEdit ? text.changeTakesEffectNow : text.memoryChangesInRun}</p>
      <form
        class="wb-memory-bar"
        aria-label={text.changeMemory}
        onSubmit={(event) => {
          event.preventDefault()
          if (canEdit) void change()
        }}
      >
        <label>
          {text.changeAt}{' '}
          <input
            value={at}
            placeholder={hex(address)}
            spellcheck={false}
            autocomplete="off"
            onInput={({ currentTarget }) => setAt(currentTarget.value)}
          />
        </label>
        <label>
          {text.changeTo}{' '}
          <input
            value={typed}
            spellcheck={false}
            autocomplete="off"
            onInput={({ currentTarget }) => setTyped(currentTarget.value)}
          />
        </label>
        <SizeChoice size={size} onChange={setSize} />
        <button class="wb-button" aria-disabled={!canEdit}>
          {text.change}
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
