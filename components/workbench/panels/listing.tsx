/** The program as memory has it: addresses, bytes with the parts of each encoding, instructions, how often each was executed. */
import { useEffect, useState } from 'preact/hooks'
import * as text from '../../strings.ts'
import { count, hex } from '../format.ts'
import type { ExecutionCounts, Listing, ListingRow, RunView } from '../protocol.ts'
import { breakpointState } from '../reader-stops.ts'
import type { LabStore } from '../store.ts'
import { partsOf, PARTS } from './encoding-parts.ts'

/** Lines of the program that are shown at a time. */
const SHOWN = 120

/** Runs up to this length are repeated and counted at every look; longer ones when the reader asks. Instructions. */
const QUICK_COUNT = 5000

interface ListingPanelProps {
  readonly store: LabStore
  readonly view: RunView
}

export function ListingPanel({ store, view }: ListingPanelProps) {
  /** Index of the first line; undefined to follow the next instruction. */
  const [first, setFirst] = useState<number>()
  const [listing, setListing] = useState<Listing>()
  const [counts, setCounts] = useState<ExecutionCounts>()
  const isIdle = store.activity.value === 'idle'

  useEffect(() => {
    let isCurrent = true
    const look = async (): Promise<void> => {
      const found = await store.ask((client) => client.listing(first, SHOWN))
      if (isCurrent && found !== undefined) setListing(found)
      if (!isCurrent || view.instructions > QUICK_COUNT) return
      const counted = await store.ask((client) => client.countExecutions(() => undefined))
      if (isCurrent && counted !== undefined) setCounts(counted)
    }
    void look()
    return () => (isCurrent = false)
  }, [store, view, first, isIdle])

  if (listing === undefined) return <p class="wb-soft">{text.listingAppears}</p>
  const { rows, elsewhere, next, total } = listing
  const isCounted = counts !== undefined && counts.instructions <= view.instructions
  return (
    <div class="wb-listing">
      <Bar
        store={store}
        listing={listing}
        counts={isCounted ? counts : undefined}
        onCount={setCounts}
        onMove={setFirst}
        canFollow={first !== undefined && total > SHOWN}
      />
      {elsewhere.length > 0 && (
        <Rows
          store={store}
          caption={text.instructionsElsewhere}
          rows={elsewhere}
          next={next}
          counts={isCounted ? counts : undefined}
        />
      )}
      <Rows
        store={store}
        caption={text.programInMemory}
        rows={rows}
        next={next}
        counts={isCounted ? counts : undefined}
      />
      <Legend />
    </div>
  )
}

interface BarProps {
  readonly store: LabStore
  readonly listing: Listing
  readonly counts: ExecutionCounts | undefined
  readonly onCount: (counts: ExecutionCounts) => void
  readonly onMove: (first: number | undefined) => void
  readonly canFollow: boolean
}

function Bar({ store, listing: { first, end, total }, counts, onCount, onMove, canFollow }: BarProps) {
  const instructions = store.view.value?.instructions ?? 0
  const countAll = async (): Promise<void> => {
    const counted = await store.study((client, progress) => client.countExecutions(progress))
    if (counted !== undefined) onCount(counted)
  }
  return (
    <div class="wb-listing-bar">
      {total > SHOWN && (
        <>
          <button
            type="button"
            class="wb-small-button"
            disabled={first === 0}
            onClick={() => onMove(first - SHOWN)}
          >
            {text.earlier}
          </button>
          <button type="button" class="wb-small-button" disabled={end === total} onClick={() => onMove(end)}>
            {text.later}
          </button>
          <span class="wb-soft">{text.linesShown(first + 1, end, total)}</span>
        </>
      )}
      {canFollow && (
        <button type="button" class="wb-small-button" onClick={() => onMove(undefined)}>
          {text.toNextInstruction}
        </button>
      )}
      {counts?.instructions !== instructions && (
        <>
          <button type="button" class="wb-small-button" onClick={() => void countAll()}>
            {text.countExecutions}
          </button>
          <span class="wb-soft">
            {counts === undefined ? text.repeatsRun : text.countedUpTo(counts.instructions)}
          </span>
        </>
      )}
    </div>
  )
}

interface RowsProps {
  readonly store: LabStore
  readonly caption: string
  readonly rows: readonly ListingRow[]
  readonly next: bigint
  readonly counts: ExecutionCounts | undefined
}

function Rows({ store, caption, rows, next, counts }: RowsProps) {
  return (
    <table class="wb-listing-table">
      <caption>{caption}</caption>
      <thead>
        <tr>
          <th scope="col">
            <span class="wb-hidden">{text.breakpoint}</span>
          </th>
          <th scope="col">{text.address}</th>
          <th scope="col">{text.bytes}</th>
          <th scope="col">{text.instruction}</th>
          <th scope="col">{text.line}</th>
          <th scope="col" class="is-count">
            {text.executed}
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Row
            key={`${row.address}-${row.kind}`}
            store={store}
            row={row}
            isNext={row.kind === 'instruction' && row.address === next}
            executed={counts && executionsOf(row, counts)}
          />
        ))}
      </tbody>
    </table>
  )
}

function executionsOf({ address, length, times }: ListingRow, { counts }: ExecutionCounts): number {
  let executed = 0
  for (let n = 0; n < times; n++) executed += counts.get(address + BigInt(n * length)) ?? 0
  return executed
}

interface RowProps {
  readonly store: LabStore
  readonly row: ListingRow
  readonly isNext: boolean
  readonly executed: number | undefined
}

function Row({ store, row, isNext, executed }: RowProps) {
  const [isOpen, setOpen] = useState(false)
  const { address, kind, labels, place, fields, built } = row
  const world = store.view.value?.cpu.guest === undefined ? 'host' : 'guest'
  return (
    <>
      {labels.map((label) => (
        <tr key={label} class="wb-listing-label">
          <td />
          <th colSpan={5} scope="rowgroup">
            {label}:
          </th>
        </tr>
      ))}
      <tr
        class={`is-${kind}${isNext ? ` is-next is-${world}` : ''}`}
        aria-current={isNext ? 'step' : undefined}
      >
        <td>{kind === 'instruction' && <BreakpointToggle store={store} row={row} />}</td>
        <td class="wb-num">
          {isNext && (
            <>
              <span aria-hidden="true">▶ </span>
              <span class="wb-hidden">{text.nextInstruction} </span>
            </>
          )}
          {hex(address)}
        </td>
        <td class="wb-num">
          {fields === undefined ? (
            <RawBytes row={row} />
          ) : (
            <button
              type="button"
              class="wb-bytes"
              aria-expanded={isOpen}
              title={text.whatEachByteIs}
              onClick={() => setOpen(!isOpen)}
            >
              {partsOf(row.bytes, fields).map(({ part, digits }) => (
                <span key={part.id} class={`wb-part is-${part.id}`}>
                  {digits}
                </span>
              ))}
            </button>
          )}
        </td>
        <td class="wb-num">
          {kind === 'instruction' ? (
            <>
              {row.text || <span class="wb-error">{text.noInstruction}</span>}
              {row.times > 1 && <Repeated row={row} />}
            </>
          ) : (
            <Data kind={kind} length={row.length} />
          )}
          {built !== undefined && <Changed store={store} row={row} built={built} />}
        </td>
        <td>{place !== undefined && <SourceLine store={store} place={place} />}</td>
        <td class="wb-num is-count">
          {kind === 'instruction' && executed !== undefined && (
            <span class={executed === 0 ? 'wb-soft' : ''}>{executed === 0 ? '–' : count(executed)}</span>
          )}
        </td>
      </tr>
      {isOpen && fields !== undefined && (
        <tr class="wb-listing-parts">
          <td />
          <td colSpan={5}>
            <dl>
              {partsOf(row.bytes, fields).map(({ part, digits }) => (
                <div key={part.id}>
                  <dt>
                    <span class={`wb-part is-${part.id}`}>{digits}</span>
                  </dt>
                  <dd>{part.name}</dd>
                </div>
              ))}
            </dl>
          </td>
        </tr>
      )}
    </>
  )
}

/** Breakpoints of source lines go with the text; where there is no line, the address has one. */
function BreakpointToggle({
  store,
  row: { place, address },
}: {
  readonly store: LabStore
  readonly row: ListingRow
}) {
  const entry = store.stops.entries.value.find(({ stop, resolved }) =>
    stop.kind === 'line' || stop.kind === 'address'
      ? resolved?.ok === true && resolved.stop.kind === 'code' && resolved.stop.address === address
      : false,
  )
  return (
    <button
      type="button"
      class="wb-breakpoint-toggle"
      aria-label={text.breakpointAt(hex(address))}
      aria-pressed={entry !== undefined}
      onClick={() => {
        if (entry !== undefined) store.stops.remove(entry.id)
        else if (place !== undefined) store.stops.add({ kind: 'line', ...place })
        else store.stops.add({ kind: 'address', address: `0x${address.toString(16)}` })
      }}
    >
      {entry !== undefined && <i class={`wb-breakpoint is-${breakpointState(entry)}`} />}
    </button>
  )
}

function RawBytes({ row: { bytes, length } }: { readonly row: ListingRow }) {
  const digits = [...bytes].map((byte) => byte.toString(16).toUpperCase().padStart(2, '0')).join(' ')
  return (
    <span class="wb-raw-bytes">
      {digits}
      {length > bytes.length && bytes.length > 0 && ' …'}
    </span>
  )
}

function Repeated({ row: { address, length, times } }: { readonly row: ListingRow }) {
  const last = address + BigInt((times - 1) * length)
  return <span class="wb-soft"> {text.repeatedUpTo(count(times), hex(last))}</span>
}

const WHAT_BYTES_ARE = { data: text.bytesOfData, reserve: text.bytesReserved, rest: text.bytesMore } as const

function Data({ kind, length }: { readonly kind: keyof typeof WHAT_BYTES_ARE; readonly length: number }) {
  return <span class="wb-soft">{WHAT_BYTES_ARE[kind](length)}</span>
}

function SourceLine({
  store,
  place: { file, line },
}: {
  readonly store: LabStore
  readonly place: NonNullable<ListingRow['place']>
}) {
  const source = store.work.texts.value[file]?.split('\n')[line - 1]?.trim()
  return (
    <button
      type="button"
      class="wb-line-link"
      title={source}
      aria-label={text.lineOfFile(file, line)}
      onClick={() => store.goToLine(file, line, true)}
    >
      {line}
    </button>
  )
}

/** The program has overwritten this instruction: what it was, and when it became what it is. */
function Changed({
  store,
  row: { address, bytes },
  built,
}: {
  readonly store: LabStore
  readonly row: ListingRow
  readonly built: string
}) {
  /** 0: the build had these bytes there before the run began. */
  const [at, setAt] = useState<number>()
  const find = async (): Promise<void> => {
    const found = await store.study((client) => client.whenWritten(Number(address), bytes.length))
    if (found !== undefined) setAt(found)
  }
  return (
    <span class="wb-rewritten">
      {text.changedByProgram(built)}{' '}
      {at === undefined ? (
        <button type="button" class="wb-link" onClick={() => void find()}>
          {text.askWhen}
        </button>
      ) : (
        <button type="button" class="wb-link" onClick={() => void store.goTo(at)}>
          {text.byInstruction(at)}
        </button>
      )}
    </span>
  )
}

function Legend() {
  return (
    <p class="wb-listing-legend">
      {PARTS.map((part) => (
        <span key={part.id} class={`wb-part is-${part.id}`}>
          {part.name}
        </span>
      ))}
    </p>
  )
}
