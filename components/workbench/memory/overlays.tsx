/** A page of memory taken for something: a table of a page walk, or a VMCB. */
import { useState } from 'preact/hooks'
import { VMCB_BYTES, VMCB_FIELDS } from '../../../emulator/svm/index.ts'
import { summarizeBits } from '../dissection.ts'
import { count, hex, hexWide } from '../format.ts'
import { bytesOf, differs, dump, valueOf } from '../vmcb/image.ts'
import { TABLES, tableEntries, type TableShift } from './units.ts'

/** More entries are shown when asked for. */
const FIRST_ENTRIES = 32

interface TableOverlayProps {
  readonly bytes: Uint8Array
  readonly shift: TableShift
  readonly onShift: (shift: TableShift) => void
  /** Goes to the table or page that an entry points to; `next` is the level of that table. */
  readonly onFollow: (address: number, next: TableShift | undefined) => void
}

export function TableOverlay({ bytes, shift, onShift, onFollow }: TableOverlayProps) {
  const [shown, setShown] = useState(FIRST_ENTRIES)
  const entries = tableEntries(bytes, shift)
  return (
    <>
      <p>
        <label>
          Taken for a{' '}
          <select
            value={shift}
            onChange={({ currentTarget }) =>
              onShift(TABLES.find((one) => one.shift === Number(currentTarget.value))!.shift)
            }
          >
            {TABLES.map((table) => (
              <option key={table.shift} value={table.shift}>
                {table.name}
              </option>
            ))}
          </select>
        </label>{' '}
        <span class="wb-soft">{count(entries.length)} of 512 entries are not zero.</span>
      </p>
      {entries.length > 0 && (
        <table class="wb-vmcb wb-table-entries">
          <thead>
            <tr>
              <th scope="col">Index</th>
              <th scope="col">Entry</th>
              <th scope="col">Meaning</th>
            </tr>
          </thead>
          <tbody>
            {entries.slice(0, shown).map(({ index, value, bits, isLeaf, target, next }) => (
              <tr key={index} data-entry={index}>
                <th scope="row">{index}</th>
                <td>
                  {target === undefined ? (
                    <span class="wb-value">{hexWide(value, 8)}</span>
                  ) : (
                    <button type="button" class="wb-follow wb-value" onClick={() => onFollow(target, next)}>
                      {hexWide(value, 8)}
                    </button>
                  )}
                </td>
                <td>
                  {target === undefined ? 'not present' : `${isLeaf ? 'page' : 'table'} at ${hex(target)}`}{' '}
                  <span class="wb-decoded">{summarizeBits(value, 8, bits)}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {entries.length > shown && (
        <button type="button" class="wb-link" onClick={() => setShown(entries.length)}>
          Show all {count(entries.length)}
        </button>
      )}
    </>
  )
}

interface VmcbOverlayProps {
  readonly bytes: Uint8Array
  readonly before: Uint8Array | undefined
}

/** The fields that are not zero, or have just changed. */
export function VmcbOverlay({ bytes, before }: VmcbOverlayProps) {
  if (bytes.length < VMCB_BYTES) return <p class="wb-soft">A VMCB does not fit before the end of memory.</p>
  const hasChanged = (field: (typeof VMCB_FIELDS)[number]): boolean =>
    before?.length === bytes.length && differs(field, bytes, before)
  const fields = VMCB_FIELDS.filter(
    (field) => hasChanged(field) || bytesOf(bytes, field).some((byte) => byte !== 0),
  )
  if (fields.length === 0) return <p class="wb-soft">Every field would be zero.</p>
  return (
    <table class="wb-vmcb">
      <thead>
        <tr>
          <th scope="col">Offset</th>
          <th scope="col">Field</th>
          <th scope="col">Value</th>
        </tr>
      </thead>
      <tbody>
        {fields.map((field) => {
          const isNumber = field.bytes <= 8
          const value = isNumber ? valueOf(bytes, field) : 0n
          return (
            <tr key={field.key} class={hasChanged(field) ? 'is-changed' : ''} data-overlay={field.key}>
              <td class="wb-num">{field.offset.toString(16).toUpperCase().padStart(3, '0')}h</td>
              <th scope="row">{field.name}</th>
              <td>
                <span class="wb-value">
                  {isNumber ? hexWide(value, field.bytes) : dump(bytesOf(bytes, field))}
                </span>
                {isNumber && <span class="wb-decoded">{summarizeBits(value, field.bytes, field.bits)}</span>}
              </td>
            </tr>
          )
        })}
      </tbody>
    </table>
  )
}
