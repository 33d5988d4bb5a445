/**
 * The memory type of a TLB entry: decided when the entry is filled, and kept in one word with all that it was derived from.
 *
 *   22:20   19       18:16  14:12      10  9:7   6       5:3     2:0
 *   nested  guest    guest  effective  CD  MTRR  nested  nested  guest
 *   slot    paging   slot   type           type  paging  PAT     PAT
 *
 * Types are codes of MEMORY_TYPES, slots are those of the PAT. The guest's slot counts with guest paging on, the nested slot
 * and type with nested paging on.
 */
import { OFFSET } from '../state/layout.ts'
import { CR0 } from '../state/mode.ts'
import type { Vcpu } from '../state/vcpu.ts'
import {
  deriveType,
  MEMORY_TYPES,
  patTypeCode,
  TYPE_CODE,
  type MtrrType,
  type PatType,
  type TypeDerivation,
  type TypeSources,
} from './memory-types.ts'
import { mtrrTypeCode } from './mtrr.ts'

const SHIFT = { nestedPat: 3, mtrr: 7, effective: 12, guestSlot: 16, nestedSlot: 20 } as const
const FLAG = { nestedPaging: 1 << 6, cacheDisable: 1 << 10, guestPaging: 1 << 19 } as const
/** Bits 10:0: what the effective type is derived from. */
const SOURCES = 0x7ff

const PAT_TYPES: readonly PatType[] = ['UC', 'UC-', 'WC', 'WP', 'WT', 'WB']
const MTRR_TYPES: readonly MtrrType[] = ['UC', 'WC', 'WP', 'WT', 'WB']

function encodeSources({ guestPat, nestedPat, mtrr, cacheDisable }: TypeSources): number {
  return (
    TYPE_CODE[guestPat] |
    (nestedPat === undefined ? 0 : FLAG.nestedPaging | (TYPE_CODE[nestedPat] << SHIFT.nestedPat)) |
    (TYPE_CODE[mtrr] << SHIFT.mtrr) |
    (cacheDisable ? FLAG.cacheDisable : 0)
  )
}

/** Code of the effective type by bits 10:0 of the word: deriveType() for every combination, so that a TLB fill is one look-up. */
const EFFECTIVE = new Uint8Array(SOURCES + 1)
for (const guestPat of PAT_TYPES)
  for (const nestedPat of [undefined, ...PAT_TYPES])
    for (const mtrr of MTRR_TYPES)
      for (const cacheDisable of [false, true]) {
        const sources = { guestPat, nestedPat, mtrr, cacheDisable }
        EFFECTIVE[encodeSources(sources)] = TYPE_CODE[deriveType(sources).effective]
      }

const PAT = OFFSET.pat >> 2
const GUEST_PAT = OFFSET.gPat >> 2
const CD = Number(CR0.CD)

/**
 * The word for a new entry. `guestSlot` and `nestedSlot` are what the two leaves select, -1 without that paging; `address` is
 * the system-physical address of the entry's page.
 */
export function typeOfNewEntry(state: Vcpu, guestSlot: number, nestedSlot: number, address: number): number {
  const words = state.words
  const nested = nestedSlot >= 0
  // With nested paging the guest's entries index gPAT, the nested ones hPAT; without it there is one PAT (APM vol 2 §15.25.4).
  const pat = nested ? GUEST_PAT : PAT
  let word = guestSlot < 0 ? TYPE_CODE.WB : patTypeCode(words[pat], words[pat + 1], guestSlot)
  if (guestSlot >= 0) word |= FLAG.guestPaging | (guestSlot << SHIFT.guestSlot)
  let cr0 = words[OFFSET.cr0 >> 2]
  if (nested) {
    word |= FLAG.nestedPaging | (nestedSlot << SHIFT.nestedSlot)
    word |= patTypeCode(words[PAT], words[PAT + 1], nestedSlot) << SHIFT.nestedPat
    cr0 |= words[OFFSET.hostCr0 >> 2]
  }
  if (cr0 & CD) word |= FLAG.cacheDisable
  const defType = words[OFFSET.mtrrDefType >> 2]
  word |= mtrrTypeCode(defType, state.mtrrFixedTypes, state.mtrrVariableHalves, address) << SHIFT.mtrr
  return word | (EFFECTIVE[word & SOURCES] << SHIFT.effective)
}

/** Code of the effective type, from the word. */
export function effectiveTypeCode(word: number): number {
  return (word >>> SHIFT.effective) & 7
}

/** The memory type of a TLB entry with its derivation. */
export interface EntryType extends TypeDerivation {
  /** Slot of the PAT that the guest's leaf selects; undefined where its paging is off. */
  readonly guestSlot: number | undefined
  /** Slot of the host's PAT that the nested leaf selects; undefined without nested paging. */
  readonly nestedSlot: number | undefined
}

/** The word of an entry, taken apart. */
export function readEntryType(word: number): EntryType {
  const typeAt = (shift: number): string => MEMORY_TYPES[(word >>> shift) & 7]
  const nested = (word & FLAG.nestedPaging) !== 0
  return {
    ...deriveType({
      guestPat: typeAt(0) as PatType,
      nestedPat: nested ? (typeAt(SHIFT.nestedPat) as PatType) : undefined,
      mtrr: typeAt(SHIFT.mtrr) as MtrrType,
      cacheDisable: (word & FLAG.cacheDisable) !== 0,
    }),
    guestSlot: word & FLAG.guestPaging ? (word >>> SHIFT.guestSlot) & 7 : undefined,
    nestedSlot: nested ? (word >>> SHIFT.nestedSlot) & 7 : undefined,
  }
}
