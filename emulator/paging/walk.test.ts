import { describe, expect, it } from 'vitest'
import { ACCESS, type Access, type Cpu } from '../state/cpu.ts'
import { Exit, Fault } from '../state/faults.ts'
import { CR0, CR4, EFER } from '../state/mode.ts'
import { modeChanged } from './contexts.ts'
import { PTE } from './formats.ts'
import { ALL, enterGuest, mapNestedIdentity, mapPage, pagedCpu, PRESENT, setEntry } from './paging.fixture.ts'
import { flushAll } from './tlb.ts'
import { translate } from './translate.ts'

const ROOT = 0x1000
const NESTED = 0x40_0000
const LINEAR = 0x7f12_3456_7000n

function attempt(cpu: Cpu, linear: bigint, access: Access, user = false): number | Fault | Exit {
  try {
    return translate(cpu, linear, access, user)
  } catch (stop) {
    if (stop instanceof Fault || stop instanceof Exit) return stop
    throw stop
  }
}

function errorCode(cpu: Cpu, linear: bigint, access: Access, user = false): number {
  const stop = attempt(cpu, linear, access, user)
  if (!(stop instanceof Fault)) throw new Error(`no #PF but ${JSON.stringify(stop)}`)
  expect(stop.vector).toBe(14)
  expect(stop.linearAddress).toBe(linear)
  return stop.errorCode
}

function nestedFault(
  cpu: Cpu,
  linear: bigint,
  access: Access,
  user = false,
): { info1: bigint; info2: bigint } {
  const stop = attempt(cpu, linear, access, user)
  if (!(stop instanceof Exit)) throw new Error(`no #NPF but ${JSON.stringify(stop)}`)
  expect(stop.code).toBe(0x400)
  return { info1: stop.info1!, info2: stop.info2! }
}

const entryLow = (cpu: Cpu, at: number): number => cpu.memory.read32(at)

describe('the guest page walk', () => {
  it('translates through four levels and keeps the page offset', () => {
    const cpu = pagedCpu(ROOT)
    mapPage(cpu, ROOT, LINEAR, 0x9000)
    expect(translate(cpu, LINEAR + 0x123n, ACCESS.read, false)).toBe(0x9123)
  })

  it('sets A at every level on a read and D only on a write', () => {
    const cpu = pagedCpu(ROOT)
    const pte = mapPage(cpu, ROOT, LINEAR, 0x9000)
    translate(cpu, LINEAR, ACCESS.read, false)
    expect(entryLow(cpu, pte) & (PTE.A | PTE.D)).toBe(PTE.A)
    expect(entryLow(cpu, ROOT + Number((LINEAR >> 39n) & 511n) * 8) & PTE.A).toBe(PTE.A)
    translate(cpu, LINEAR, ACCESS.write, false)
    expect(entryLow(cpu, pte) & (PTE.A | PTE.D)).toBe(PTE.A | PTE.D)
  })

  it('leaves A and D of a leaf alone when its permissions refuse the access', () => {
    const cpu = pagedCpu(ROOT)
    const pte = mapPage(cpu, ROOT, LINEAR, 0x9000, PRESENT | PTE.US)
    expect(errorCode(cpu, LINEAR, ACCESS.write, true)).toBe(7)
    expect(entryLow(cpu, pte) & (PTE.A | PTE.D)).toBe(0)
  })

  const table: [string, number, Access, boolean, number][] = [
    ['a read of a page that is not present', 0, ACCESS.read, false, 0],
    ['a write to a page that is not present', 0, ACCESS.write, false, 2],
    ['a user read of a page that is not present', 0, ACCESS.read, true, 4],
    ['a user read of a supervisor page', PRESENT | PTE.RW, ACCESS.read, true, 5],
    ['a user write to a read-only page', PRESENT | PTE.US, ACCESS.write, true, 7],
    ['a supervisor write to a read-only page with CR0.WP', PRESENT, ACCESS.write, false, 3],
    ['a fetch from a page that is not present, with EFER.NXE', 0, ACCESS.execute, false, 0x10],
  ]
  for (const [what, flags, access, user, code] of table) {
    it(`reports error code ${code.toString(16)}h for ${what}`, () => {
      const cpu = pagedCpu(ROOT)
      mapPage(cpu, ROOT, LINEAR, 0x9000, flags)
      expect(errorCode(cpu, LINEAR, access, user)).toBe(code)
    })
  }

  it('lets a supervisor write a read-only page when CR0.WP is 0', () => {
    const cpu = pagedCpu(ROOT)
    mapPage(cpu, ROOT, LINEAR, 0x9000, PRESENT)
    cpu.state.cr0 &= ~CR0.WP
    modeChanged(cpu)
    expect(translate(cpu, LINEAR, ACCESS.write, false)).toBe(0x9000)
  })

  it('combines permissions over all levels', () => {
    const cpu = pagedCpu(ROOT)
    mapPage(cpu, ROOT, LINEAR, 0x9000, ALL, PRESENT | PTE.RW)
    expect(errorCode(cpu, LINEAR, ACCESS.read, true)).toBe(5)
  })

  it('refuses a fetch through NX, and calls NX reserved when EFER.NXE is 0', () => {
    const cpu = pagedCpu(ROOT)
    const pte = mapPage(cpu, ROOT, LINEAR, 0x9000)
    cpu.memory.write32(pte + 4, PTE.NX)
    expect(errorCode(cpu, LINEAR, ACCESS.execute)).toBe(0x11)
    expect(translate(cpu, LINEAR, ACCESS.read, false)).toBe(0x9000)
    flushAll(cpu)
    cpu.state.efer &= ~EFER.NXE
    modeChanged(cpu)
    expect(errorCode(cpu, LINEAR, ACCESS.read)).toBe(9)
  })

  it('reports address bits at or above MAXPHYADDR as reserved', () => {
    const cpu = pagedCpu(ROOT)
    const pte = mapPage(cpu, ROOT, LINEAR, 0x9000)
    cpu.memory.write32(pte + 4, 1 << 16)
    expect(errorCode(cpu, LINEAR, ACCESS.read)).toBe(9)
    cpu.memory.write32(pte + 4, 1 << 15)
    expect(attempt(cpu, LINEAR, ACCESS.read)).toBe(0x8000_0000_0000 + 0x9000)
  })

  it('maps 2 MB and 1 GB pages and refuses their reserved low address bits', () => {
    const cpu = pagedCpu(ROOT)
    mapPage(cpu, ROOT, LINEAR, 0)
    const pde = ROOT + 0x2000 + Number((LINEAR >> 21n) & 511n) * 8
    cpu.memory.write32(pde, 0x40_0000 | ALL | PTE.PS)
    expect(translate(cpu, LINEAR + 5n, ACCESS.read, false)).toBe(0x40_0000 + Number(LINEAR & 0x1f_ffffn) + 5)
    flushAll(cpu)
    cpu.memory.write32(pde, 0x40_2000 | ALL | PTE.PS)
    expect(errorCode(cpu, LINEAR, ACCESS.read)).toBe(9)
    const pdpe = ROOT + 0x1000 + Number((LINEAR >> 30n) & 511n) * 8
    cpu.memory.write32(pdpe, ALL | PTE.PS)
    expect(translate(cpu, LINEAR, ACCESS.read, false)).toBe(Number(LINEAR & 0x3fff_ffffn))
  })

  it('refuses a supervisor fetch from a user page under SMEP, and data under SMAP', () => {
    const cpu = pagedCpu(ROOT)
    mapPage(cpu, ROOT, LINEAR, 0x9000)
    cpu.state.cr4 |= CR4.SMEP | CR4.SMAP
    modeChanged(cpu)
    expect(errorCode(cpu, LINEAR, ACCESS.execute)).toBe(0x11)
    expect(errorCode(cpu, LINEAR, ACCESS.read)).toBe(1)
  })

  it('walks legacy 32-bit, PSE and PAE tables', () => {
    const cpu = pagedCpu(ROOT)
    cpu.state.efer = 0n
    cpu.state.cr4 = 0n
    modeChanged(cpu)
    cpu.memory.write32(ROOT + 3 * 4, 0x2000 | ALL)
    cpu.memory.write32(0x2000 + 5 * 4, 0x7000 | ALL)
    expect(translate(cpu, 0xc0_5abcn, ACCESS.read, false)).toBe(0x7abc)
    flushAll(cpu)
    cpu.state.cr4 = CR4.PSE
    modeChanged(cpu)
    cpu.memory.write32(ROOT + 3 * 4, 0x40_0000 | ALL | PTE.PS)
    expect(translate(cpu, 0xc0_5abcn, ACCESS.read, false)).toBe(0x40_5abc)
    flushAll(cpu)
    cpu.state.cr4 = CR4.PAE
    modeChanged(cpu)
    setEntry(cpu, ROOT, 0, 0x3000, PRESENT)
    setEntry(cpu, 0x3000, 6, 0x20_0000, ALL | PTE.PS)
    expect(translate(cpu, 0xc0_5abcn, ACCESS.read, false)).toBe(0x20_5abc)
    flushAll(cpu)
    setEntry(cpu, ROOT, 0, 0x3000, PRESENT | PTE.RW)
    expect(errorCode(cpu, 0xc0_5abcn, ACCESS.read)).toBe(9)
  })
})

describe('the nested page walk', () => {
  function guestWithPage(flags = ALL): { cpu: Cpu; pte: number } {
    const cpu = pagedCpu(ROOT)
    mapPage(cpu, ROOT, LINEAR, 0x9000, flags)
    mapNestedIdentity(cpu, NESTED)
    enterGuest(cpu, NESTED)
    const pte = mapPage(cpu, NESTED + 0x4000, 0x9000n, 0xa000)
    // The first 2 MB of guest-physical memory through 4 KB nested pages: identity, but 9000h -> A000h.
    setEntry(cpu, NESTED + 0x2000, 0, NESTED + 0x7000, ALL)
    for (let i = 0; i < 512; i++) setEntry(cpu, NESTED + 0x7000, i, i * 0x1000, ALL)
    setEntry(cpu, NESTED + 0x7000, 9, 0xa000, ALL)
    return { cpu, pte: pte && NESTED + 0x7000 + 9 * 8 }
  }

  it('goes from gVA over gPA to sPA', () => {
    const { cpu } = guestWithPage()
    expect(translate(cpu, LINEAR + 1n, ACCESS.read, false)).toBe(0xa001)
  })

  const table: [string, number, number, Access, bigint][] = [
    ['a read of a nested page that is not present', 0, 0, ACCESS.read, 0x1_0000_0004n],
    ['a read of a nested supervisor page', PRESENT | PTE.RW, 0, ACCESS.read, 0x1_0000_0005n],
    ['a write to a nested read-only page', PRESENT | PTE.US, 0, ACCESS.write, 0x1_0000_0007n],
    ['a fetch through nested NX', ALL, PTE.NX, ACCESS.execute, 0x1_0000_0015n],
    ['a fetch through reserved bits', ALL, 1 << 16, ACCESS.execute, 0x1_0000_001dn],
  ]
  for (const [what, low, high, access, info1] of table) {
    it(`reports EXITINFO1 ${info1.toString(16)}h for ${what}`, () => {
      const { cpu, pte } = guestWithPage()
      cpu.memory.write32(pte, 0xa000 | low)
      cpu.memory.write32(pte + 4, high)
      expect(nestedFault(cpu, LINEAR + 0x10n, access)).toEqual({ info1, info2: 0x9010n })
    })
  }

  it('treats the read of a guest table as a write: a read-only nested page under it faults with bit 33', () => {
    const { cpu } = guestWithPage()
    setEntry(cpu, NESTED + 0x7000, ROOT >> 12, ROOT, PRESENT | PTE.US)
    const { info1, info2 } = nestedFault(cpu, LINEAR, ACCESS.read)
    expect(info1).toBe(0x2_0000_0007n)
    expect(info2).toBe(BigInt(ROOT) + ((LINEAR >> 39n) & 511n) * 8n)
  })

  it('sets D in the nested entry of a guest table that is only read', () => {
    const { cpu } = guestWithPage()
    translate(cpu, LINEAR, ACCESS.read, false)
    expect(cpu.memory.read32(NESTED + 0x7000 + (ROOT >> 12) * 8) & PTE.D).toBe(PTE.D)
  })

  it('raises the guest page fault before it looks at the nested entry of the final page', () => {
    const { cpu, pte } = guestWithPage(PRESENT)
    cpu.memory.write32(pte, 0)
    expect(errorCode(cpu, LINEAR, ACCESS.write)).toBe(3)
  })

  it('keeps nested NX in force when the guest has EFER.NXE = 0', () => {
    const { cpu, pte } = guestWithPage()
    cpu.state.efer &= ~EFER.NXE
    modeChanged(cpu)
    cpu.memory.write32(pte + 4, PTE.NX)
    expect(nestedFault(cpu, LINEAR, ACCESS.execute).info1).toBe(0x1_0000_0015n)
  })

  it('translates guest-physical addresses when the guest has paging off', () => {
    const { cpu } = guestWithPage()
    cpu.state.cr0 &= ~CR0.PG
    cpu.state.efer = 0n
    modeChanged(cpu)
    expect(translate(cpu, 0x9004n, ACCESS.read, false)).toBe(0xa004)
  })
})
