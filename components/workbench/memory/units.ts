/** A stretch of memory as numbers of one size, as page-table entries, and what addresses in it lead to. */
import { pageEntryBits } from '../../figures/page-entry-bits.ts'
import type { BitList } from '../../../emulator/svm/index.ts'
import { littleEndian } from '../bytes.ts'
import { hex } from '../format.ts'

export const UNITS = { bytes: 1, words: 2, doublewords: 4, quadwords: 8 } as const
export type Unit = keyof typeof UNITS

/** A number in memory, the lowest byte first. */
export interface Cell {
  /** From the start of the stretch. */
  readonly offset: number
  readonly value: bigint
  /** Some of its bytes are not what they were. */
  readonly hasChanged: boolean
}

/** Whole numbers of `size` bytes; what is left at the end is left out. `before`: what lay there earlier, if that is known. */
export function cellsOf(bytes: Uint8Array, size: number, before: Uint8Array | undefined): Cell[] {
  return Array.from({ length: Math.floor(bytes.length / size) }, (_, n) => {
    const offset = n * size
    const own = bytes.subarray(offset, offset + size)
    return {
      offset,
      value: littleEndian(own),
      hasChanged: before !== undefined && own.some((byte, at) => before[offset + at] !== byte),
    }
  })
}

/** Tables of long mode by the lowest address bit that indexes them. */
export const TABLES = [
  { shift: 39, name: 'PML4' },
  { shift: 30, name: 'PDP' },
  { shift: 21, name: 'PD' },
  { shift: 12, name: 'PT' },
] as const
export type TableShift = (typeof TABLES)[number]['shift']

const LEVELS = TABLES.map(({ shift }) => ({ shift, bits: 9 }))
const PRESENT = 1n
const PAGE_SIZE = 0x80n
/** Bits 51:12. */
const ADDRESS = 0xf_ffff_ffff_f000n

export interface TableEntry {
  readonly index: number
  readonly value: bigint
  readonly bits: BitList
  readonly isLeaf: boolean
  /** Of the next table or the page; undefined where nothing is present. */
  readonly target: number | undefined
  /** The table that the entry points to is one of these; undefined for pages. */
  readonly next: TableShift | undefined
}

/** The entries of a table that are not zero. */
export function tableEntries(bytes: Uint8Array, shift: TableShift): TableEntry[] {
  return cellsOf(bytes, 8, undefined).flatMap(({ value }, index) => {
    if (value === 0n) return []
    const isLeaf = shift === 12 || (shift < 39 && (value & PAGE_SIZE) !== 0n)
    const low = isLeaf ? (1n << BigInt(shift)) - 1n : 0xfffn
    const isPresent = (value & PRESENT) !== 0n
    return {
      index,
      value,
      bits: pageEntryBits({ shift, isLeaf, bytes: 8 }, LEVELS),
      isLeaf,
      target: isPresent ? Number(value & ADDRESS & ~low) : undefined,
      next:
        isLeaf || !isPresent ? undefined : TABLES[TABLES.findIndex((one) => one.shift === shift) + 1].shift,
    }
  })
}

/** How far behind a symbol an address may lie to be named after it. Bytes. */
const NEAR = 0x1000n

/** "vmcb", "guest + 4"; undefined where no symbol is near. */
export function symbolFor(value: bigint, symbols: ReadonlyMap<string, bigint>): string | undefined {
  let best: { readonly name: string; readonly at: bigint } | undefined
  for (const [name, at] of symbols) {
    if (name.includes('.') || at === 0n || at > value || value - at >= NEAR) continue
    if (best === undefined || at > best.at) best = { name, at }
  }
  if (best === undefined) return undefined
  const distance = value - best.at
  return distance === 0n ? best.name : `${best.name} + ${hex(distance)}`
}

/** Characters as they are, dots for the rest. */
export function printable(bytes: Uint8Array): string {
  return [...bytes].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join('')
}
