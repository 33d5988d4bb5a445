/**
 * The VMCB field table (APM vol 2 appendix B). Everything else derives from it: what VMRUN, #VMEXIT, VMLOAD and VMSAVE move,
 * the VMCB editor, svm.inc and the reference page.
 */
import type { ScalarField } from '../state/layout.ts'
import type { BitField, BitList, CleanGroup } from './bits.ts'
import { CONTROL_FIELDS } from './control-fields.ts'
import { SAVE_FIELDS } from './save-fields.ts'

/** What moves a field between VMCB and processor. */
export type Mover = 'vmrun' | 'vmexit' | 'vmload' | 'vmsave'

export interface VmcbField {
  /** Stable name: 'control.asid', 'save.g_pat', 'save.cs.selector'. */
  readonly key: string
  /** The manual's spelling. */
  readonly name: string
  /** Bytes from the start of the VMCB. */
  readonly offset: number
  /** 1, 2, 4 or 8 for a number; anything else is a run of bytes. */
  readonly bytes: number
  readonly description: string
  /** Where the manual says what the field means. */
  readonly section: string
  readonly moved: readonly Mover[]
  /** The field is moved only then. */
  readonly when?: 'nested paging' | 'LBR virtualization'
  /** The feature (CPUID name) without which the field does nothing; this machine may not have it. */
  readonly feature?: string
  readonly clean?: CleanGroup
  readonly bits?: BitList
  /** VMLOAD and VMSAVE: the vCPU register that is copied as it stands. */
  readonly register?: ScalarField
}

export const VMCB_BYTES = 4096

/** All fields, by ascending offset. */
export const VMCB_FIELDS: readonly VmcbField[] = [...CONTROL_FIELDS, ...SAVE_FIELDS]

const BY_KEY: ReadonlyMap<string, VmcbField> = new Map(VMCB_FIELDS.map((field) => [field.key, field]))

/** The field named `key`; undefined when there is none. */
export function findField(key: string): VmcbField | undefined {
  return BY_KEY.get(key)
}

/** The field named `key`. Throws when there is none: for names that stand in our own source. */
export function vmcbField(key: string): VmcbField {
  const field = BY_KEY.get(key)
  if (field === undefined) throw new Error(`no VMCB field is named ${key}`)
  return field
}

/** Offset of the field named `key`. */
export function offsetOf(key: string): number {
  return vmcbField(key).offset
}

/** The field that holds byte `offset` of the VMCB; undefined for reserved bytes. */
export function fieldAt(offset: number): VmcbField | undefined {
  return VMCB_FIELDS.find((field) => offset >= field.offset && offset < field.offset + field.bytes)
}

/** A field, or bits of one, by name: 'control.n_cr3', 'control.nested_control.np_enable'. */
export function findBits(
  name: string,
): { readonly field: VmcbField; readonly bit: BitField | undefined } | undefined {
  const field = BY_KEY.get(name)
  if (field !== undefined) return { field, bit: undefined }
  const dot = name.lastIndexOf('.')
  const parent = BY_KEY.get(name.slice(0, Math.max(dot, 0)))
  const bit = parent?.bits?.bits.find(({ key }) => key === name.slice(dot + 1))
  return parent === undefined || bit === undefined ? undefined : { field: parent, bit }
}

/** Reads a field of at most 8 bytes from a VMCB image. */
export function readField(image: DataView, field: VmcbField): bigint {
  switch (field.bytes) {
    case 8:
      return image.getBigUint64(field.offset, true)
    case 4:
      return BigInt(image.getUint32(field.offset, true))
    case 2:
      return BigInt(image.getUint16(field.offset, true))
    case 1:
      return BigInt(image.getUint8(field.offset))
  }
  let value = 0n
  for (let i = Math.min(field.bytes, 8) - 1; i >= 0; i--)
    value = (value << 8n) | BigInt(image.getUint8(field.offset + i))
  return value
}

/** Writes the low bytes of `value` to a field of at most 8 bytes of a VMCB image. */
export function writeField(image: DataView, field: VmcbField, value: bigint): void {
  switch (field.bytes) {
    case 8:
      image.setBigUint64(field.offset, value, true)
      return
    case 4:
      image.setUint32(field.offset, Number(value & 0xffff_ffffn), true)
      return
    case 2:
      image.setUint16(field.offset, Number(value & 0xffffn), true)
      return
    case 1:
      image.setUint8(field.offset, Number(value & 0xffn))
      return
  }
  for (let i = 0; i < Math.min(field.bytes, 8); i++)
    image.setUint8(field.offset + i, Number((value >> BigInt(i * 8)) & 0xffn))
}
