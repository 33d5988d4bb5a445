/** A VMCB as it lies in memory, field by field, beside what its text gave. */
import { useState } from 'preact/hooks'
import { readField, VMCB_FIELDS, type VmcbField } from '../../../emulator/svm/index.ts'
import { summarizeBits } from '../dissection.ts'
import { Dissector } from '../dissector.tsx'
import { hex, hexWide } from '../format.ts'
import type { RunView, VmcbImages } from '../protocol.ts'

type Filter = 'nonzero' | 'changed' | 'all'
const FILTERS: readonly Filter[] = ['nonzero', 'changed', 'all']

function bytesOf(image: Uint8Array, { offset, bytes }: VmcbField): Uint8Array {
  return image.subarray(offset, offset + bytes)
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, index) => byte === b[index])
}

/** The fields whose bytes are not those of the text. */
export function changedFields({ image, initial }: VmcbImages): VmcbField[] {
  return VMCB_FIELDS.filter((field) => !isEqual(bytesOf(image, field), bytesOf(initial, field)))
}

function isShown(field: VmcbField, filter: Filter, { image, initial }: VmcbImages): boolean {
  const now = bytesOf(image, field)
  const hasChanged = !isEqual(now, bytesOf(initial, field))
  if (filter === 'all') return true
  return hasChanged || (filter === 'nonzero' && now.some((byte) => byte !== 0))
}

interface VmcbPanelProps {
  readonly view: RunView
  readonly previous: RunView | undefined
}

export function VmcbPanel({ view, previous }: VmcbPanelProps) {
  const [chosen, choose] = useState(view.vmcbs[0]?.name)
  const [filter, setFilter] = useState<Filter>('nonzero')
  const vmcb = view.vmcbs.find(({ name }) => name === chosen) ?? view.vmcbs[0]
  if (vmcb === undefined) return <p class="wb-soft">This lab has no VMCB text.</p>
  const before = previous?.vmcbs.find(({ name }) => name === vmcb.name)
  const fields = VMCB_FIELDS.filter((field) => isShown(field, filter, vmcb))
  return (
    <>
      <div class="wb-vmcb-bar">
        {view.vmcbs.length > 1 && (
          <label>
            VMCB{' '}
            <select value={vmcb.name} onChange={(event) => choose(event.currentTarget.value)}>
              {view.vmcbs.map(({ name, address }) => (
                <option key={name} value={name}>
                  {name} at {hex(address)}
                </option>
              ))}
            </select>
          </label>
        )}
        {view.vmcbs.length === 1 && (
          <span>
            {vmcb.name} at {hex(vmcb.address)}
          </span>
        )}
        <fieldset class="wb-filter">
          <legend class="wb-hidden">Fields shown</legend>
          {FILTERS.map((name) => (
            <label key={name}>
              <input
                type="radio"
                name={`wb-filter-${vmcb.name}-${vmcb.address}`}
                checked={filter === name}
                onChange={() => setFilter(name)}
              />
              {name}
            </label>
          ))}
        </fieldset>
      </div>
      {fields.length === 0 ? (
        <p class="wb-soft">No field differs from the text.</p>
      ) : (
        <table class="wb-vmcb">
          <caption class="wb-hidden">Fields of {vmcb.name} in memory</caption>
          <thead>
            <tr>
              <th scope="col">Offset</th>
              <th scope="col">Field</th>
              <th scope="col">Value in memory</th>
            </tr>
          </thead>
          <tbody>
            {fields.map((field) => (
              <Field key={field.key} field={field} vmcb={vmcb} before={before} />
            ))}
          </tbody>
        </table>
      )}
    </>
  )
}

interface FieldProps {
  readonly field: VmcbField
  readonly vmcb: VmcbImages
  readonly before: VmcbImages | undefined
}

function Field({ field, vmcb, before }: FieldProps) {
  const [isOpen, setOpen] = useState(false)
  const now = bytesOf(vmcb.image, field)
  const text = bytesOf(vmcb.initial, field)
  const differs = !isEqual(now, text)
  const isNew = before !== undefined && !isEqual(now, bytesOf(before.image, field))
  const isNumber = field.bytes <= 8
  const value = isNumber ? readField(new DataView(vmcb.image.buffer, vmcb.image.byteOffset), field) : 0n
  const decoded = isNumber ? summarizeBits(value, field.bytes, field.bits) : ''
  return (
    <>
      <tr class={isNew ? 'is-changed' : ''} data-field={field.key}>
        <td class="wb-num">{field.offset.toString(16).toUpperCase().padStart(3, '0')}h</td>
        <th scope="row">
          <button type="button" class="wb-expand" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            {field.name}
          </button>
        </th>
        <td>
          <span class="wb-value">{isNumber ? hexWide(value, field.bytes) : dump(now)}</span>
          {isNew && <span class="wb-hidden"> (changed by the last command)</span>}
          {differs && (
            <span class="wb-differs">text: {isNumber ? hexWide(little(text), field.bytes) : dump(text)}</span>
          )}
          {decoded !== '' && <span class="wb-decoded">{decoded}</span>}
        </td>
      </tr>
      {isOpen && (
        <tr class="wb-field-more">
          <td colSpan={3}>
            <p>
              {field.description}.{' '}
              <span class="wb-soft">
                {field.key}, {field.section}
              </span>
            </p>
            {isNumber && <Dissector name={field.name} value={value} bytes={field.bytes} bits={field.bits} />}
          </td>
        </tr>
      )}
    </>
  )
}

function little(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

function dump(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).toUpperCase().padStart(2, '0')).join(' ')
}
