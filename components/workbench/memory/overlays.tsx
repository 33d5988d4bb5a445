/** A page of memory taken for something: a table of a page walk, or a VMCB. */
import { useState } from 'preact/hooks'
import { VMCB_BYTES, VMCB_FIELDS } from '../../../emulator/svm/index.ts'
import * as text from '../../strings.ts'
import { summarizeBits } from '../dissection.ts'
import { hex, hexWide } from '../format.ts'
import { bytesOf, differs, dump, offsetOf, valueOf } from '../vmcb/image.ts'
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
          {text.takenForA}{' '}
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
        <span class="wb-soft">{text.entriesNotZero(entries.length)}</span>
      </p>
      {entries.length > 0 && (
        <table class="wb-vmcb wb-table-entries">
          <thead>
            <tr>
              <th scope="col">{text.indexOfEntry}</th>
              <th scope="col">{text.entry}</th>
              <th scope="col">{text.meaning}</th>
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
                  {target === undefined
                    ? text.notPresent
                    : (isLeaf ? text.pageAt : text.tableAt)(hex(target))}{' '}
                  <span class="wb-decoded">{summarizeBits(value, 8, bits)}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {entries.length > shown && (
        <button type="button" class="wb-link" onClick={() => setShown(entries.length)}>
          {text.showAll(entries.length)}
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
  if (bytes.length < VMCB_BYTES) return <p class="wb-soft">{text.vmcbDoesNotFit}</p>
  const hasChanged = (field: (typeof VMCB_FIELDS)[number]): boolean =>
    before?.length === bytes.length && differs(field, bytes, before)
  const fields = VMCB_FIELDS.filter(
    (field) => hasChanged(field) || bytesOf(bytes, field).some((byte) => byte !== 0),
  )
  if (fields.length === 0) return <p class="wb-soft">{text.everyFieldIsZero}</p>
  return (
    <table class="wb-vmcb">
      <thead>
        <tr>
          <th scope="col">{text.offset}</th>
          <th scope="col">{text.field}</th>
          <th scope="col">{text.value}</th>
        </tr>
      </thead>
      <tbody>
        {fields.map((field) => {
          const isNumber = field.bytes <= 8
          const value = isNumber ? valueOf(bytes, field) : 0n
          return (
            <tr key={field.key} class={hasChanged(field) ? 'is-changed' : ''} data-overlay={field.key}>
              <td class="wb-num">{offsetOf(field)}</td>
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
