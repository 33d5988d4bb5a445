/** The log of the run with filters, and on demand everything that happened in a part of it, told by repeating that part. */
import { useEffect, useState } from 'preact/hooks'
import { STREAM_KINDS } from '../../../emulator/machine/index.ts'
import * as text from '../../strings.ts'
import { count } from '../format.ts'
import { readShown } from '../radix.tsx'
import { useRemembered } from '../remembered.ts'
import type { LogEntry, LogKind, LogPage } from '../state-protocol.ts'
import type { LabStore } from '../store.ts'
import type { PanelProps } from './registry.tsx'

/** Of the log that is always kept, by the word that the reader chooses. */
const NOTED: Readonly<Partial<Record<LogKind, string>>> = {
  vmrun: 'VMRUN',
  vmexit: '#VMEXIT',
  raised: text.exceptionsRaised,
  delivered: text.throughIdt,
  'relied-on-undefined': text.undefinedReliedOn,
}
const NOTED_KINDS = Object.keys(NOTED) as LogKind[]

const DETAIL: Readonly<Partial<Record<LogKind, string>>> = {
  instruction: text.instructions,
  access: text.accesses,
  walk: text.pageWalks,
  tlb: text.tlb,
  intercept: text.intercepts,
  check: text.checks,
  'world-switch': text.worldSwitches,
  event: text.events,
  bus: text.bus,
}

/** Instructions that are told in detail unless the reader says how many. */
const FEW = 20

function isListOf(kinds: readonly LogKind[]): (value: unknown) => value is readonly LogKind[] {
  return (value): value is readonly LogKind[] =>
    Array.isArray(value) && value.every((kind) => kinds.includes(kind as LogKind))
}

export function LogPanel({ store, view }: PanelProps) {
  const [kinds, setKinds] = useRemembered(store, 'log-kinds', NOTED_KINDS, isListOf(NOTED_KINDS))
  const [processor, setProcessor] = useState<number>()
  const [wanted, setWanted] = useState('')
  const [page, setPage] = useState<LogPage>()
  const isIdle = store.activity.value === 'idle'
  useEffect(() => {
    let isCurrent = true
    void store
      .ask((client) => client.log({ kinds, processor, text: wanted }))
      .then((answer) => {
        if (isCurrent && answer !== undefined) setPage(answer)
      })
    return () => (isCurrent = false)
  }, [store, view, kinds, processor, wanted, isIdle])
  return (
    <>
      <div class="wb-vmcb-bar">
        <Kinds
          label={text.kindsOfEntries}
          names={NOTED}
          all={NOTED_KINDS}
          chosen={kinds}
          onChange={setKinds}
        />
        {view.cpus.length > 1 && (
          <label>
            {text.ofWhich}{' '}
            <select
              value={processor?.toString() ?? ''}
              onChange={({ currentTarget: { value } }) =>
                setProcessor(value === '' ? undefined : Number(value))
              }
            >
              <option value="">{text.everyVcpu}</option>
              {view.cpus.map((_, n) => (
                <option key={n} value={n}>
                  {text.vcpuOf(n)}
                </option>
              ))}
            </select>
          </label>
        )}
        <label>
          {text.withWhat}{' '}
          <input
            type="search"
            value={wanted}
            placeholder={text.textToFind}
            spellcheck={false}
            autocomplete="off"
            onInput={({ currentTarget }) => setWanted(currentTarget.value)}
          />
        </label>
      </div>
      {page !== undefined && (
        <>
          <p class="wb-soft" role="status">
            {page.total > page.entries.length
              ? text.lastEntries(page.entries.length, page.total)
              : text.entries(page.total)}
            {page.forgotten > 0 && `; ${text.entriesForgotten(page.forgotten)}`}.
          </p>
          <Entries store={store} entries={page.entries} label={text.log} severalCpus={view.cpus.length > 1} />
        </>
      )}
      <Detail store={store} view={view} previous={undefined} filter={{ processor, text: wanted }} />
    </>
  )
}

interface KindsProps {
  readonly label: string
  readonly names: Readonly<Partial<Record<LogKind, string>>>
  readonly all: readonly LogKind[]
  readonly chosen: readonly LogKind[]
  readonly onChange: (chosen: readonly LogKind[]) => void
}

function Kinds({ label, names, all, chosen, onChange }: KindsProps) {
  return (
    <fieldset class="wb-filter wb-kinds">
      <legend class="wb-hidden">{label}</legend>
      {all.map((kind) => (
        <label key={kind}>
          <input
            type="checkbox"
            checked={chosen.includes(kind)}
            onChange={({ currentTarget: { checked } }) =>
              onChange(all.filter((one) => (one === kind ? checked : chosen.includes(one))))
            }
          />
          {names[kind]}
        </label>
      ))}
    </fieldset>
  )
}

interface EntriesProps {
  readonly store: LabStore
  readonly entries: readonly LogEntry[]
  readonly label: string
  readonly severalCpus: boolean
}

/** The position of an entry is a button that goes there. */
function Entries({ store, entries, label, severalCpus }: EntriesProps) {
  return (
    <ol class="wb-log" aria-label={label}>
      {entries.map(({ at, processor, kind, text: what }, n) => (
        <li key={n} data-kind={kind}>
          <button
            type="button"
            class="wb-follow wb-num"
            aria-label={text.goToInstruction(at)}
            onClick={() => void store.goTo(at)}
          >
            {count(at)}
          </button>
          {severalCpus && <span class="wb-soft">{text.vcpuOf(processor)}</span>}
          <span class="wb-log-text">{what}</span>
        </li>
      ))}
    </ol>
  )
}

interface DetailProps extends PanelProps {
  readonly filter: { readonly processor: number | undefined; readonly text: string }
}

function Detail({ store, view, filter }: DetailProps) {
  const end = view.instructions
  const [from, setFrom] = useState('')
  const [to, setTo] = useState('')
  const [kinds, setKinds] = useRemembered<readonly LogKind[]>(
    store,
    'detail-kinds',
    ['instruction', 'access', 'world-switch'],
    isListOf(STREAM_KINDS),
  )
  const [page, setPage] = useState<LogPage>()
  const [problem, setProblem] = useState('')
  const first = from.trim() === '' ? BigInt(Math.max(0, end - FEW)) : readShown(from)
  const last = to.trim() === '' ? BigInt(end) : readShown(to)
  const tell = async (): Promise<void> => {
    if (first === undefined || last === undefined || first > last || last > BigInt(end)) {
      setProblem(text.writeTwoPositions(end))
      return
    }
    setProblem('')
    const stretch = { from: Number(first), to: Number(last) }
    setPage(await store.study((client, progress) => client.detail(stretch, { kinds, ...filter }, progress)))
  }
  return (
    <details class="wb-tool">
      <summary>{text.everythingInPart}</summary>
      <p class="wb-soft">{text.aboutDetail}</p>
      <form
        class="wb-memory-bar"
        aria-label={text.partInDetail}
        onSubmit={(event) => {
          event.preventDefault()
          void tell()
        }}
      >
        <label>
          {text.fromWhere}{' '}
          <input
            value={from}
            placeholder={`${Math.max(0, end - FEW)}`}
            onInput={({ currentTarget }) => setFrom(currentTarget.value)}
          />
        </label>
        <label>
          {text.toWhere}{' '}
          <input
            value={to}
            placeholder={`${end}`}
            onInput={({ currentTarget }) => setTo(currentTarget.value)}
          />
        </label>
        <Kinds
          label={text.kindsInDetail}
          names={DETAIL}
          all={STREAM_KINDS}
          chosen={kinds}
          onChange={setKinds}
        />
        <button class="wb-button" aria-disabled={!store.canTravel.value}>
          {text.tell}
        </button>
      </form>
      {problem !== '' && (
        <p class="wb-error" role="alert">
          {problem}
        </p>
      )}
      {page !== undefined && (
        <>
          <p class="wb-soft" role="status">
            {`${page.total > page.entries.length ? text.firstEntries(page.entries.length, page.total) : text.entries(page.total)}.`}
          </p>
          <Entries
            store={store}
            entries={page.entries}
            label={text.inDetail}
            severalCpus={view.cpus.length > 1}
          />
        </>
      )}
    </details>
  )
}
