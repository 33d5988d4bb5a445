/** VMCB images field by field: which fields differ, and which of them a form shows. */
import { readField, VMCB_FIELDS, type VmcbField } from '../../../emulator/svm/index.ts'

export const FILTERS = ['nonzero', 'changed', 'all'] as const
export type Filter = (typeof FILTERS)[number]

export function bytesOf(image: Uint8Array, { offset, bytes }: VmcbField): Uint8Array {
  return image.subarray(offset, offset + bytes)
}

/** Of a field of at most 8 bytes. */
export function valueOf(image: Uint8Array, field: VmcbField): bigint {
  return readField(new DataView(image.buffer, image.byteOffset, image.length), field)
}

export function differs(field: VmcbField, a: Uint8Array, b: Uint8Array): boolean {
  const other = bytesOf(b, field)
  return bytesOf(a, field).some((byte, index) => byte !== other[index])
}

/** The fields whose bytes differ. */
export function differentFields(a: Uint8Array, b: Uint8Array): VmcbField[] {
  return VMCB_FIELDS.filter((field) => differs(field, a, b))
}

export interface Choice {
  readonly filter: Filter
  /** Part of a field's name, key or offset; empty for all. */
  readonly query: string
  /** Fields that are shown whatever the filter. */
  readonly always: ReadonlySet<string>
}

/** The fields to show of an image; `other` is what it is compared with. A query looks through all fields. */
export function shownFields(
  image: Uint8Array,
  other: Uint8Array,
  { filter, query, always }: Choice,
): VmcbField[] {
  const wanted = query.trim().toLowerCase()
  if (wanted !== '') return VMCB_FIELDS.filter((field) => matches(field, wanted))
  return VMCB_FIELDS.filter((field) => {
    if (filter === 'all' || always.has(field.key) || differs(field, image, other)) return true
    return filter === 'nonzero' && bytesOf(image, field).some((byte) => byte !== 0)
  })
}

function matches({ key, name, offset, bits }: VmcbField, query: string): boolean {
  const offsets = [`${offset.toString(16)}h`, `0x${offset.toString(16)}`]
  return (
    [key, name.toLowerCase()].some((text) => text.toLowerCase().includes(query)) ||
    offsets.includes(query) ||
    (bits?.bits.some((bit) => bit.key === query) ?? false)
  )
}

/** "0A8h", as wide as the largest offset. */
export function offsetOf({ offset }: VmcbField): string {
  return `${offset.toString(16).toUpperCase().padStart(3, '0')}h`
}

/** "12 34 56" */
export function dump(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).toUpperCase().padStart(2, '0')).join(' ')
}
