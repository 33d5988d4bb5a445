/** Memory in rows: bytes or larger numbers, what changed marked, addresses that lead somewhere to be followed. */
import * as text from '../../strings.ts'
import { hex } from '../format.ts'
import type { MemoryStretch } from '../state-protocol.ts'
import { cellsOf, printable, symbolFor, UNITS, type Cell, type Unit } from './units.ts'

const ROW = 16

interface DumpProps {
  readonly stretch: MemoryStretch & { readonly ok: true }
  /** What lay there before the last command, if that is known. */
  readonly before: Uint8Array | undefined
  readonly unit: Unit
  readonly symbols: ReadonlyMap<string, bigint>
  readonly onFollow: (address: bigint) => void
}

export function Dump({ stretch, before, unit, symbols, onFollow }: DumpProps) {
  const { address, bytes, labels } = stretch
  const size = UNITS[unit]
  const rows = Array.from({ length: Math.ceil(bytes.length / ROW) }, (_, n) => n * ROW)
  const cells = cellsOf(bytes, size, before)
  return (
    <table class={`wb-dump is-${unit}`}>
      <caption class="wb-hidden">{text.memoryFrom(hex(address), unit)}</caption>
      <tbody>
        {rows.map((at) => {
          const names = [...labels].filter(
            ([place]) => place >= address + BigInt(at) && place < address + BigInt(at + ROW),
          )
          return [
            names.length > 0 && (
              <tr key={`${at}-names`} class="wb-dump-labels">
                <td />
                <td colSpan={ROW / size + 1}>
                  {names.map(([place, name]) => text.symbolAt(name, hex(place))).join(', ')}
                </td>
              </tr>
            ),
            <tr key={at}>
              <th scope="row">{(address + BigInt(at)).toString(16).toUpperCase().padStart(8, '0')}</th>
              {cells.slice(at / size, (at + ROW) / size).map((cell) => (
                <CellView
                  key={cell.offset}
                  cell={cell}
                  size={size}
                  symbol={size === 8 && cell.value !== 0n ? symbolFor(cell.value, symbols) : undefined}
                  onFollow={onFollow}
                />
              ))}
              <td class="wb-ascii">{printable(bytes.subarray(at, at + ROW))}</td>
            </tr>,
          ]
        })}
      </tbody>
    </table>
  )
}

interface CellProps {
  readonly cell: Cell
  readonly size: number
  readonly symbol: string | undefined
  readonly onFollow: (address: bigint) => void
}

function CellView({ cell: { value, hasChanged }, size, symbol, onFollow }: CellProps) {
  const digits = value
    .toString(16)
    .toUpperCase()
    .padStart(size * 2, '0')
  const mark = hasChanged && <span class="wb-hidden"> ({text.changed})</span>
  return (
    <td class={hasChanged ? 'is-changed' : value === 0n ? 'is-zero' : ''}>
      {size === 8 && value !== 0n ? (
        <button
          type="button"
          class="wb-follow"
          title={text.goToPlace(symbol ?? hex(value))}
          onClick={() => onFollow(value)}
        >
          {digits}
        </button>
      ) : (
        digits
      )}
      {symbol !== undefined && <span class="wb-soft"> {symbol}</span>}
      {mark}
    </td>
  )
}
