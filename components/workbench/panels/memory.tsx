/** Physical memory in hexadecimal, from an address or a symbol on; bytes that the last command changed are marked. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { hex } from '../format.ts'
import type { MemoryView, RunView } from '../protocol.ts'
import type { LabStore } from '../store.ts'

const ROW = 16
const ROWS = 16

interface Shown {
  readonly view: MemoryView
  /** What lay there at the view before. */
  readonly before: Uint8Array | undefined
}

export function MemoryPanel({ store, view }: { readonly store: LabStore; readonly view: RunView }) {
  const symbols = [...store.symbols.value.keys()].filter((name) => !name.includes('.'))
  const [expression, setExpression] = useState(() => initialExpression(store, view))
  const [shown, setShown] = useState<Shown>()
  const last = useRef<{ readonly address: number; readonly bytes: Uint8Array } | undefined>(undefined)

  useEffect(() => {
    let isCurrent = true
    void store
      .ask((client) => client.memory(expression, ROW * ROWS))
      .then((memory) => {
        if (!isCurrent || memory === undefined) return
        const before = memory.ok && last.current?.address === memory.address ? last.current.bytes : undefined
        last.current = memory.ok ? memory : undefined
        setShown({ view: memory, before })
      })
    return () => (isCurrent = false)
  }, [store, view, expression, store.activity.value])

  const move = (rows: number): void => {
    if (shown?.view.ok !== true) return
    setExpression(`0x${Math.max(0, shown.view.address + rows * ROW).toString(16)}`)
  }
  const list = `wb-symbols-${store.opened.value?.lab.slug ?? ''}`
  return (
    <>
      <div class="wb-memory-bar">
        <label>
          Address{' '}
          <input
            value={expression}
            list={list}
            spellcheck={false}
            autocomplete="off"
            onChange={(event) => setExpression(event.currentTarget.value)}
          />
        </label>
        <datalist id={list}>
          {symbols.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <button type="button" class="wb-button" onClick={() => move(-ROWS)}>
          Earlier
        </button>
        <button type="button" class="wb-button" onClick={() => move(ROWS)}>
          Later
        </button>
      </div>
      {shown?.view.ok === false && <p class="wb-error">{shown.view.message}</p>}
      {shown?.view.ok === true && (
        <Dump address={shown.view.address} bytes={shown.view.bytes} before={shown.before} />
      )}
    </>
  )
}

/** The first VMCB, else the program. */
function initialExpression(store: LabStore, view: RunView): string {
  const symbol = store.opened.value?.lab.files.find((file) => file.symbol !== undefined)?.symbol
  return symbol ?? `0x${view.cpu.rip.toString(16)}`
}

interface DumpProps {
  readonly address: number
  readonly bytes: Uint8Array
  readonly before: Uint8Array | undefined
}

function Dump({ address, bytes, before }: DumpProps) {
  const rows = Array.from({ length: Math.ceil(bytes.length / ROW) }, (_, n) => n * ROW)
  return (
    <table class="wb-dump">
      <caption class="wb-hidden">Memory from {hex(address)}</caption>
      <tbody>
        {rows.map((at) => (
          <tr key={at}>
            <th scope="row">{(address + at).toString(16).toUpperCase().padStart(8, '0')}</th>
            {[...bytes.subarray(at, at + ROW)].map((byte, column) => {
              const hasChanged = before !== undefined && before[at + column] !== byte
              return (
                <td key={column} class={hasChanged ? 'is-changed' : byte === 0 ? 'is-zero' : ''}>
                  {byte.toString(16).toUpperCase().padStart(2, '0')}
                </td>
              )
            })}
            <td class="wb-ascii">{printable(bytes.subarray(at, at + ROW))}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function printable(bytes: Uint8Array): string {
  return [...bytes].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join('')
}
