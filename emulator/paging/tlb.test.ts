import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ACCESS } from '../state/cpu.ts'
import { CR4 } from '../state/mode.ts'
import { dropContexts, dropFastWrites, fastLookup, fillFastTag, modeChanged } from './contexts.ts'
import { PTE } from './formats.ts'
import { ALL, enterGuest, mapNestedIdentity, mapPage, pagedCpu, setEntry } from './paging.fixture.ts'
import { ENTRY, flushAll, flushAsid, flushNonGlobal, insertEntry, invalidatePage, tlbEntries } from './tlb.ts'
import { heldTranslation, translate, tryTranslate } from './translate.ts'

const ROOT = 0x1000
const LINEAR = 0x4000_0000n

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
    const page = fc.record({ linear: fc.nat(0x1fff), asid: fc.constantFrom(1, 2), global: fc.boolean() })
    fc.assert(
      fc.property(fc.array(page, { maxLength: 600 }), fc.array(fc.nat(0x1fff)), (pages, invalidated) => {
        const cpu = pagedCpu(ROOT)
        const { state } = cpu
        state.guestMode = 1
        const fill = ({ linear, asid, global }: (typeof pages)[number]): void => {
          state.asid = asid
          const attributes = global ? ENTRY.global : 0
          insertEntry(cpu, linear << 12, 0, {
            attributes,
            address: 0x9000,
            guestAddress: 0x9000,
            memoryType: 0,
          })
        }
        pages.forEach(fill)
        for (const linear of invalidated) invalidatePage(cpu, BigInt(linear) << 12n, 1)
        pages.slice(0, 9).forEach(fill)
        const before = tlbEntries(state)
        flushNonGlobal(cpu, 1)
        const kept = before.filter(({ asid, attributes }) => asid !== 1 || attributes & ENTRY.global)
        expect(tlbEntries(state)).toEqual(kept)
        flushAsid(cpu, 1)
        expect(tlbEntries(state)).toEqual(before.filter(({ asid }) => asid !== 1))
        flushAll(cpu)
        expect(tlbEntries(state)).toEqual([])
      }),
      { numRuns: 40 },
    )
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
    const page = (n: number): bigint => LINEAR + BigInt(n * 256) * 0x1000n
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

it.each([1, 40, 255, 256, 2000])('a context that is dropped after %i fills has no fast tag left', (fills) => {
  const cpu = pagedCpu(ROOT)
  for (let repetition = 0; repetition < 2; repetition++) {
    const pages = Array.from({ length: fills }, (_, n) => n << 12)
    for (const linear of pages) fillFastTag(cpu, linear, 0, 0x9000, true)
    expect(fastLookup(cpu, pages.at(-1)!, 0, true)).toBe(0x9000)
    dropContexts(cpu)
    expect(pages.filter((linear) => fastLookup(cpu, linear, 0, false) >= 0)).toEqual([])
  }
})
