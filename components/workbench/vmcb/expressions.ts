/** Values as a .vmcb text has them: names of bits where names suffice, else a number in the notation that stood there. */
import { bitMask, type BitField, type VmcbField } from '../../../emulator/svm/index.ts'

/** The single bits of a field by the names in a list; undefined if something else is in it. */
function flagsOf(field: VmcbField, list: string): BitField[] | undefined {
  const flags = list.split(',').map((part) => {
    const name = part.trim().toLowerCase()
    return field.bits?.bits.find(({ key, width }) => key === name && width === 1)
  })
  return flags.every((flag) => flag !== undefined) ? flags : undefined
}

/** The names of a value's bits, those of `first` before others; undefined where names do not give the value. */
function asFlags(field: VmcbField, value: bigint, first: readonly BitField[]): string | undefined {
  const singles = (field.bits?.bits ?? []).filter(({ width }) => width === 1)
  const isSet = (bit: BitField): boolean => (value & bitMask(bit)) !== 0n
  const all = singles.reduce((mask, bit) => mask | bitMask(bit), 0n)
  if (value === 0n || (value & ~all) !== 0n) return undefined
  const kept = first.filter(isSet)
  return [...kept, ...singles.filter((bit) => isSet(bit) && !kept.includes(bit))]
    .map(({ key }) => key)
    .join(', ')
}

/** A number in the notation of another one, with as many digits; hexadecimal where there is none to go by. */
export function numberLike(value: bigint, old = ''): string {
  const plain = old.replaceAll('_', '')
  if (/^0b[01]+$/i.test(plain)) return `0b${value.toString(2).padStart(plain.length - 2, '0')}`
  const hexadecimal = /^0x([0-9a-f]+)$/i.exec(plain)
  if (hexadecimal !== null) return `0x${value.toString(16).padStart(hexadecimal[1].length, '0')}`
  if (/^\d[0-9a-f]*h$/i.test(plain)) {
    const digits = value.toString(16).toUpperCase()
    return `${/^\d/.test(digits) ? '' : '0'}${digits}h`
  }
  return /^\d+$/.test(plain) || value < 10n ? value.toString() : `0x${value.toString(16)}`
}

/** What to write for a field; `old` is what stands there now. */
export function expressField(field: VmcbField, value: bigint, old?: string): string {
  const flags = old === undefined ? [] : flagsOf(field, old)
  const names = flags === undefined ? undefined : asFlags(field, value, flags)
  return names ?? numberLike(value, old)
}

/** What to write for some bits of a field; `old` is what stands there now. */
export function expressBits(bit: BitField, value: bigint, old?: string): string {
  const isNumber = old !== undefined && /^\d/.test(old)
  const name = isNumber ? undefined : bit.values?.get(Number(value))
  return name ?? numberLike(value, old)
}
