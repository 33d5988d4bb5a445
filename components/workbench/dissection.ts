/** Takes a value apart by a list of bit fields, for the dissector. */
import { bitMask, type BitField, type BitList } from '../../emulator/svm/index.ts'
import * as text from '../strings.ts'
import { hex } from './format.ts'

export interface DissectedField {
  /** "12", "51:12" */
  readonly bits: string
  readonly name: string
  readonly value: bigint
  /** The name of the value, where the manual has one. */
  readonly valueName: string
  readonly description: string
  /** Some of its bits are to blame. */
  readonly isOffending: boolean
}

export interface DissectedBit {
  readonly bit: number
  readonly isSet: boolean
  readonly isOffending: boolean
  /** The field that the bit belongs to; empty for a reserved bit. */
  readonly field: string
}

function range(high: number, low: number): string {
  return high === low ? `${low}` : `${high}:${low}`
}

/** Runs of ones in `mask`, highest first. */
function runs(mask: bigint, width: number): { readonly high: number; readonly low: number }[] {
  const found: { high: number; low: number }[] = []
  for (let bit = width - 1; bit >= 0; bit--) {
    if (((mask >> BigInt(bit)) & 1n) === 0n) continue
    const current = found.at(-1)
    if (current?.low === bit + 1) current.low = bit
    else found.push({ high: bit, low: bit })
  }
  return found
}

function dissectField(bit: BitField, value: bigint, offending: bigint): DissectedField {
  const mask = bitMask(bit)
  const own = (value & mask) >> BigInt(bit.low)
  return {
    bits: range(bit.low + bit.width - 1, bit.low),
    name: bit.name,
    value: own,
    valueName: bit.values === undefined ? '' : (bit.values.get(Number(own)) ?? text.reserved),
    description: bit.description,
    isOffending: (offending & mask) !== 0n,
  }
}

/**
 * The fields of a value of `bytes` bytes that say something: those to blame (`offending`) first, then those that are not zero
 * and those whose values have names, from the highest bit down. Bits that no field covers appear as reserved when they are set
 * or to blame.
 */
export function dissectFields(
  value: bigint,
  bytes: number,
  list: BitList | undefined,
  offending = 0n,
): DissectedField[] {
  const fields = list?.bits ?? []
  const covered = fields.reduce((mask, bit) => mask | bitMask(bit), 0n)
  const shown = fields.filter(
    (bit) => ((value | offending) & bitMask(bit)) !== 0n || bit.values !== undefined,
  )
  const reserved = list === undefined ? [] : runs((value | offending) & ~covered, bytes * 8)
  return [
    ...shown.map((bit) => ({ low: bit.low, row: dissectField(bit, value, offending) })),
    ...reserved.map(({ high, low }) => {
      const bit: BitField = {
        key: '',
        name: text.reserved,
        low,
        width: high - low + 1,
        description: text.aboutReserved,
      }
      return { low, row: dissectField(bit, value, offending) }
    }),
  ]
    .sort((a, b) => Number(b.row.isOffending) - Number(a.row.isOffending) || b.low - a.low)
    .map(({ row }) => row)
}

/** How many low bytes of a value say something: 1, 2, 4 or 8, enough for its fields, its ones and the bits to blame. */
function meaningfulBytes(value: bigint, bytes: number, list: BitList | undefined, offending: bigint): number {
  const fields = list?.bits.reduce((mask, bit) => mask | bitMask(bit), 0n) ?? 0n
  const digits = (value | offending | fields).toString(2).length
  return [1, 2, 4].find((size) => size <= bytes && digits <= size * 8) ?? bytes
}

/** The bits of a value, highest first, without high bytes that say nothing. */
export function dissectBits(
  value: bigint,
  bytes: number,
  list: BitList | undefined,
  offending = 0n,
): DissectedBit[] {
  const width = meaningfulBytes(value, bytes, list, offending) * 8
  return Array.from({ length: width }, (_, index) => {
    const bit = width - 1 - index
    const field = list?.bits.find(({ low, width }) => bit >= low && bit < low + width)
    return {
      bit,
      isSet: ((value >> BigInt(bit)) & 1n) === 1n,
      isOffending: ((offending >> BigInt(bit)) & 1n) === 1n,
      field: field?.name ?? '',
    }
  })
}

/** "bit 12", "bits 51:12" */
function nameOfBits(bits: string): string {
  return bits.includes(':') ? text.bitRange(bits) : text.bitNumber(bits)
}

/** A value in one line: "SVME, LMA, LME", "PA1 = WC, PA0 = WB"; empty where nothing is set. */
export function summarizeBits(value: bigint, bytes: number, list: BitList | undefined): string {
  return dissectFields(value, bytes, list)
    .filter((field) => field.value !== 0n || field.valueName !== '')
    .map(({ bits, name, value: own, valueName }) => {
      const label = name === text.reserved ? nameOfBits(bits) : name
      if (valueName !== '') return `${label} = ${valueName === text.reserved ? hex(own) : valueName}`
      return own === 1n && !bits.includes(':') ? label : `${label} = ${hex(own)}`
    })
    .join(', ')
}
