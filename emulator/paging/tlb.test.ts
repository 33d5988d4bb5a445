import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ACCESS, type Cpu } from '../state/cpu.ts'
import { CR4 } from '../state/mode.ts'
import { dropContexts, dropFastWrites, fastLookup, fillFastTag, modeChanged } from './contexts.ts'
import { PTE } from './formats.ts'
import { ALL, enterGuest, mapNestedIdentity, mapPage, pagedCpu, setEntry } from './paging.fixture.ts'
import {
  ENTRY,
  flushAll,
  flushAsid,
  flushNonGlobal,
  insertEntry,
  invalidatePage,
  isSavedTlb,
  restoreTlb,
  saveTlb,
  tlbEntries,
} from './tlb.ts'
import { heldTranslation, translate, tryTranslate } from './translate.ts'

const ROOT = 0x1000
const LINEAR = 0x4000_0000n

/** Pages that compete: 32 for each of 256 sets. */
const competingPage = fc.nat(0x1fff).map((n) => (n & 0xff) | ((n >> 8) << 13))
const filledPage = fc.record({ linear: competingPage, asid: fc.constantFrom(1, 2), global: fc.boolean() })

function fill(cpu: Cpu, { linear, asid, global }: { linear: number; asid: number; global: boolean }): void {
  cpu.state.guestMode = 1
  cpu.state.asid = asid
  const attributes = global ? ENTRY.global : 0
  insertEntry(cpu, linear << 12, 0, { attributes, address: 0x9000, guestAddress: 0x9000, memoryType: 0 })
}

describe('the TLB', () => {
  it('goes on using a translation after the table changed, until INVLPG', () => {
    const cpu = pagedCpu(ROOT)
    mapPage(cpu, ROOT, LINEAR, 0x9000)
    expect(translate(cpu, LINEAR, ACCESS.read, false)).toBe(0x9000)
    mapPage(cpu, ROOT, LINEAR, 0xb000)
    expect(translate(cpu, LINEAR, ACCESS.read, false)).toBe(0x9000)
    invalidatePage(cpu, LINEAR + 0x7ffn)
    expect(translate(cpu, LINEAR, ACCESS.read, false)).toBe(0xb000)
  })

  it("drops all of a guest's large page on INVLPG, into however many nested pages it was split", () => {
    const cpu = pagedCpu(ROOT)
    // A guest page of 1 GB on nested pages of 2 MB.
    setEntry(cpu, ROOT, 0, ROOT + 0x1000, ALL)
    setEntry(cpu, ROOT + 0x1000, 1, 0, ALL | PTE.PS)
    mapNestedIdentity(cpu, 0x40_0000)
    enterGuest(cpu, 0x40_0000)
    translate(cpu, LINEAR, ACCESS.read, false)
    translate(cpu, LINEAR + 0x20_0000n, ACCESS.read, false)
    expect(tlbEntries(cpu.state)).toHaveLength(2)
    invalidatePage(cpu, LINEAR + 0x2000_0000n)
    expect(tlbEntries(cpu.state)).toEqual([])
  })

  it('flushes every entry of an ASID and no other, whatever was filled, replaced and invalidated before', () => {
    fc.assert(
      fc.property(
        fc.array(filledPage, { maxLength: 2000 }),
        fc.array(competingPage),
        (pages, invalidated) => {
          const cpu = pagedCpu(ROOT)
          const { state } = cpu
          for (const page of pages) fill(cpu, page)
          for (const linear of invalidated) invalidatePage(cpu, BigInt(linear) << 12n, 1)
          for (const page of pages.slice(0, 9)) fill(cpu, page)
          const before = tlbEntries(state)
          flushNonGlobal(cpu, 1)
          const kept = before.filter(({ asid, attributes }) => asid !== 1 || attributes & ENTRY.global)
          expect(tlbEntries(state)).toEqual(kept)
          flushAsid(cpu, 1)
          expect(tlbEntries(state)).toEqual(before.filter(({ asid }) => asid !== 1))
          flushAll(cpu)
          expect(tlbEntries(state)).toEqual([])
        },
      ),
      { numRuns: 40 },
    )
  })

  it('goes on from what was saved as it would have gone on itself', () => {
    fc.assert(
      fc.property(
        fc.array(filledPage),
        fc.array(filledPage),
        fc.array(filledPage),
        (before, other, after) => {
          const [saved, restored] = [pagedCpu(ROOT), pagedCpu(ROOT)]
          for (const page of before) fill(saved, page)
          for (const { linear } of before.slice(0, 3)) invalidatePage(saved, BigInt(linear) << 12n, 1)
          for (const page of other) fill(restored, page)
          const state = saveTlb(saved.state)
          expect(isSavedTlb(state)).toBe(true)
          restoreTlb(restored.state, state)
          restored.state.tlbSizes = saved.state.tlbSizes
          for (const cpu of [saved, restored]) {
            for (const page of after) fill(cpu, page)
            flushNonGlobal(cpu, 1)
          }
          expect(saveTlb(restored.state)).toEqual(saveTlb(saved.state))
        },
      ),
    )
  })

  it('cannot have been saved with an entry in two places, half an entry, or one that lies elsewhere', () => {
    const cpu = pagedCpu(ROOT)
    fill(cpu, { linear: 5, asid: 1, global: false })
    const empty = saveTlb(pagedCpu(ROOT).state)
    const entry = saveTlb(cpu.state).slice(empty.length)
    const elsewhere = entry.slice()
    elsewhere[elsewhere.length - 1]++
    expect(isSavedTlb(Uint32Array.of(...empty, ...entry))).toBe(true)
    expect(isSavedTlb(Uint32Array.of(...empty, ...entry, ...entry))).toBe(false)
    expect(isSavedTlb(Uint32Array.of(...empty, ...entry.slice(1)))).toBe(false)
    expect(isSavedTlb(Uint32Array.of(...empty, ...elsewhere))).toBe(false)
    expect(isSavedTlb(new Uint32Array(0))).toBe(false)
  })

  it('needs no flush when permissions are raised', () => {
    const cpu = pagedCpu(ROOT)
    const pte = mapPage(cpu, ROOT, LINEAR, 0x9000, PTE.P | PTE.US)
    translate(cpu, LINEAR, ACCESS.read, true)
    cpu.memory.write32(pte, 0x9000 | ALL)
    expect(translate(cpu, LINEAR, ACCESS.write, true)).toBe(0x9000)
  })

  it('keeps the same linear page apart by ASID, and a world switch flushes nothing', () => {
    const cpu = pagedCpu(ROOT)
    mapPage(cpu, ROOT, LINEAR, 0x9000)
    translate(cpu, LINEAR, ACCESS.read, false)
    mapNestedIdentity(cpu, 0x40_0000)
    mapPage(cpu, 0x10_0000, LINEAR, 0xc000)
    cpu.state.cr3 = 0x10_0000n
    enterGuest(cpu, 0x40_0000, 7)
    expect(translate(cpu, LINEAR, ACCESS.read, false)).toBe(0xc000)
    cpu.state.guestMode = 0
    cpu.state.cr3 = BigInt(ROOT)
    modeChanged(cpu)
    mapPage(cpu, ROOT, LINEAR, 0xd000)
    expect(translate(cpu, LINEAR, ACCESS.read, false)).toBe(0x9000)
    flushAsid(cpu, 7)
    expect(tlbEntries(cpu.state).map((entry) => entry.asid)).toEqual([0])
    flushAll(cpu)
    expect(translate(cpu, LINEAR, ACCESS.read, false)).toBe(0xd000)
  })

  it('keeps global pages through a flush of non-global ones, if CR4.PGE is set', () => {
    const cpu = pagedCpu(ROOT)
    cpu.state.cr4 |= CR4.PGE
    modeChanged(cpu)
    mapPage(cpu, ROOT, LINEAR, 0x9000, ALL | PTE.G)
    translate(cpu, LINEAR, ACCESS.read, false)
    mapPage(cpu, ROOT, LINEAR, 0xb000)
    flushNonGlobal(cpu)
    expect(translate(cpu, LINEAR, ACCESS.read, false)).toBe(0x9000)
    flushAsid(cpu)
    expect(translate(cpu, LINEAR, ACCESS.read, false)).toBe(0xb000)
  })

  it('tells process contexts apart by PCID', () => {
    const cpu = pagedCpu(ROOT)
    cpu.state.cr4 |= CR4.PCIDE
    cpu.state.cr3 = BigInt(ROOT) | 5n
    modeChanged(cpu)
    mapPage(cpu, ROOT, LINEAR, 0x9000)
    translate(cpu, LINEAR, ACCESS.read, false)
    cpu.state.cr3 = BigInt(ROOT) | 6n
    modeChanged(cpu)
    mapPage(cpu, ROOT, LINEAR, 0xb000)
    expect(translate(cpu, LINEAR, ACCESS.read, false)).toBe(0xb000)
    flushNonGlobal(cpu, 0, 6)
    expect(tlbEntries(cpu.state).map((entry) => entry.pcid)).toEqual([5])
  })

  it('replaces the entries of a set in fill order, whatever was hit since', () => {
    const cpu = pagedCpu(ROOT)
    const page = (n: number): bigint => LINEAR + BigInt(n * 8192) * 0x1000n
    for (let n = 0; n < 5; n++) {
      mapPage(cpu, ROOT + n * 0x4000, page(n), 0x9000)
      cpu.state.cr3 = BigInt(ROOT + n * 0x4000)
      translate(cpu, page(n), ACCESS.read, false)
      if (n < 4) translate(cpu, page(0), ACCESS.read, false)
    }
    const held = tlbEntries(cpu.state).map((entry) => entry.linear)
    expect(held).not.toContain(page(0))
    expect(held).toContain(page(4))
  })
})

describe('fast tags', () => {
  it('never outlive the TLB entry they came from', () => {
    const cpu = pagedCpu(ROOT)
    mapPage(cpu, ROOT, LINEAR, 0x9000)
    translate(cpu, LINEAR, ACCESS.write, false)
    expect(fastLookup(cpu, Number(LINEAR), 0, true)).toBe(0x9000)
    invalidatePage(cpu, LINEAR)
    expect(fastLookup(cpu, Number(LINEAR), 0, false)).toBe(-1)
    expect(heldTranslation(cpu.state, LINEAR)).toBeUndefined()
  })

  it('do not let a supervisor translation serve user code', () => {
    const cpu = pagedCpu(ROOT)
    mapPage(cpu, ROOT, LINEAR, 0x9000, PTE.P | PTE.RW)
    translate(cpu, LINEAR, ACCESS.read, false)
    cpu.state.cpl = 3
    modeChanged(cpu)
    expect(fastLookup(cpu, Number(LINEAR), 0, false)).toBe(-1)
    expect(tryTranslate(cpu, Number(LINEAR), 0, ACCESS.read, true)).toBe(-1)
    expect(fastLookup(cpu, Number(LINEAR), 0, false)).toBe(-1)
  })

  it('do not allow a store before the walk has set D', () => {
    const cpu = pagedCpu(ROOT)
    mapPage(cpu, ROOT, LINEAR, 0x9000)
    translate(cpu, LINEAR, ACCESS.read, false)
    expect(fastLookup(cpu, Number(LINEAR), 0, false)).toBe(0x9000)
    expect(fastLookup(cpu, Number(LINEAR), 0, true)).toBe(-1)
  })

  it('lose their right to store when somebody wants to hear of the first write', () => {
    const cpu = pagedCpu(ROOT)
    mapPage(cpu, ROOT, LINEAR, 0x9000)
    translate(cpu, LINEAR, ACCESS.write, false)
    cpu.memory.watchPages()
    dropFastWrites(cpu)
    expect(fastLookup(cpu, Number(LINEAR), 0, true)).toBe(-1)
    const heard: number[] = []
    cpu.memory.observer = { firstWrite: (page) => heard.push(page) }
    cpu.memory.write(translate(cpu, LINEAR, ACCESS.write, false), 4, 1n)
    cpu.memory.write(translate(cpu, LINEAR, ACCESS.write, false), 4, 2n)
    expect(heard).toEqual([9])
    expect(translate(cpu, LINEAR, ACCESS.write, false)).toBe(0x9000)
    expect(fastLookup(cpu, Number(LINEAR), 0, true)).toBe(0x9000)
  })
})

it.each([1, 1022, 1023, 1024, 9000])(
  'a context that is dropped after %i fills has no fast tag left',
  (fills) => {
    const cpu = pagedCpu(ROOT)
    for (let repetition = 0; repetition < 2; repetition++) {
      const pages = Array.from({ length: fills }, (_, n) => n << 12)
      for (const linear of pages) fillFastTag(cpu, linear, 0, 0x9000, true)
      expect(fastLookup(cpu, pages.at(-1)!, 0, true)).toBe(0x9000)
      dropContexts(cpu)
      expect(pages.filter((linear) => fastLookup(cpu, linear, 0, false) >= 0)).toEqual([])
    }
  },
)
