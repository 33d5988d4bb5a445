import { describe, expect, it } from 'vitest'
import { deriveType, patSlot, patType, patTypeCode, type MtrrType, type PatType } from './memory-types.ts'

const PAT_TYPES: readonly PatType[] = ['UC', 'UC-', 'WC', 'WP', 'WT', 'WB']
const MTRR_TYPES: readonly MtrrType[] = ['UC', 'WC', 'WP', 'WT', 'WB']

/** A table as the manual prints it: [row, column, cell] for every cell. */
function cells(text: string): [string, string, string][] {
  const [columns, ...rows] = text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
  return rows.flatMap(([row, ...found]) =>
    found.map((cell, i): [string, string, string] => [row, columns[i], cell]),
  )
}

/** APM vol 2 table 15-19; columns are nested types. */
const NESTED = cells(`
        UC   UC-  WC   WP   WT   WB
   UC   UC   UC   UC   UC   UC   UC
   UC-  UC   UC-  WC   UC   UC   UC
   WC   WC   WC   WC   WC+  WC+  WC+
   WP   UC   UC   UC   WP   UC   WP
   WT   UC   UC   UC   UC   WT   WT
   WB   UC   UC   WC   WP   WT   WB`)

/** APM vol 2 tables 7-11 and 15-20; columns are MTRR types. */
const MTRR = cells(`
        UC   WC   WP   WT   WB
   UC   UC   CD   CD   CD   CD
   UC-  UC   WC   CD   CD   CD
   WC   WC   WC   WC   WC   WC
   WC+  WC   WC   WC+  WC+  WC+
   WP   UC   CD   WP   CD   WP
   WT   UC   CD   CD   WT   WT
   WB   UC   WC   WP   WT   WB`)

describe('the combination of guest and nested PAT', () => {
  it.each(NESTED)('of %s and %s is %s', (guest, nested, combined) => {
    const derived = deriveType({
      guestPat: guest as PatType,
      nestedPat: nested as PatType,
      mtrr: 'WB',
      cacheDisable: false,
    })
    expect(derived.combinedPat).toBe(combined)
  })

  it('has a cell for every pair', () => {
    expect(NESTED).toHaveLength(36)
    expect(MTRR).toHaveLength(35)
  })
})

describe('the combination of PAT and MTRR', () => {
  // WC+ is no PAT type: guest WC over nested WB makes it. For the others nested paging is off.
  it.each(MTRR)('of %s and %s is %s', (pat, mtrr, effective) => {
    const sources =
      pat === 'WC+'
        ? ({ guestPat: 'WC', nestedPat: 'WB' } as const)
        : ({ guestPat: pat as PatType, nestedPat: undefined } as const)
    const derived = deriveType({ ...sources, mtrr: mtrr as MtrrType, cacheDisable: false })
    expect(derived.combinedPat).toBe(pat)
    expect(derived.withMtrr).toBe(effective)
    expect(derived.effective).toBe(effective)
  })
})

describe('the effective type', () => {
  const all = PAT_TYPES.flatMap((guestPat) =>
    [undefined, ...PAT_TYPES].flatMap((nestedPat) =>
      MTRR_TYPES.map((mtrr) => ({ guestPat, nestedPat, mtrr })),
    ),
  )

  it('is never one that caches while CR0.CD is set', () => {
    const types = new Set(all.map((sources) => deriveType({ ...sources, cacheDisable: true }).effective))
    expect([...types].sort()).toEqual(['CD', 'UC', 'WC'])
  })

  it('is UC or WC with CR0.CD set exactly where it is so without', () => {
    for (const sources of all) {
      const cached = deriveType({ ...sources, cacheDisable: false }).effective
      const uncached = deriveType({ ...sources, cacheDisable: true }).effective
      expect(uncached).toBe(cached === 'UC' || cached === 'WC' ? cached : 'CD')
    }
  })

  it('of a guest that asks for UC is never cacheable, whatever the host does', () => {
    const asked = all.filter(({ guestPat }) => guestPat === 'UC')
    const types = new Set(asked.map((sources) => deriveType({ ...sources, cacheDisable: false }).effective))
    expect([...types].sort()).toEqual(['CD', 'UC'])
  })

  it('over an uncacheable host mapping is UC or CD, but for a guest that asks for WC', () => {
    for (const sources of all.filter(({ nestedPat }) => nestedPat === 'UC')) {
      const { effective } = deriveType({ ...sources, cacheDisable: false })
      if (sources.guestPat === 'WC') expect(effective).toBe('WC')
      else expect(['UC', 'CD']).toContain(effective)
    }
  })
})

describe('the PAT slot of a leaf', () => {
  it.each([
    ['no bit', 0, 0],
    ['PWT, bit 3', 1 << 3, 1],
    ['PCD, bit 4', 1 << 4, 2],
    ['PAT, bit 7', 1 << 7, 4],
    ['all three', (1 << 3) | (1 << 4) | (1 << 7), 7],
    ['all bits but these', ~((1 << 3) | (1 << 4) | (1 << 7)), 0],
  ])('of 4 KB takes %s', (_, low, slot) => {
    expect(patSlot(low, false)).toBe(slot)
  })

  it.each([
    ['PS, bit 7, for nothing', 1 << 7, 0],
    ['PAT, bit 12', 1 << 12, 4],
    ['PCD and PWT as ever', (1 << 3) | (1 << 4), 3],
    ['all bits but PAT', ~(1 << 12), 3],
  ])('larger than 4 KB takes %s', (_, low, slot) => {
    expect(patSlot(low, true)).toBe(slot)
  })
})

describe('a slot of the PAT', () => {
  const reset = 0x0007_0406_0007_0406n

  it('after reset is WB, WT, UC-, UC, twice', () => {
    const types = Array.from({ length: 8 }, (_, slot) => patType(reset, slot))
    expect(types).toEqual(['WB', 'WT', 'UC-', 'UC', 'WB', 'WT', 'UC-', 'UC'])
  })

  it('is read alike from the whole register and from its halves', () => {
    const pat = 0x0706_0504_0100_0607n
    const low = Number(pat & 0xffff_ffffn)
    const high = Number(pat >> 32n)
    const codes = Array.from({ length: 8 }, (_, slot) => patTypeCode(low, high, slot))
    expect(codes).toEqual([7, 6, 0, 1, 4, 5, 6, 7])
    expect(patType(pat, 3)).toBe('WC')
    expect(patType(pat, 5)).toBe('WP')
  })
})
