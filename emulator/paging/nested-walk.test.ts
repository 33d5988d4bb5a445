/** Nested paging beyond the usual 4-level case: the host's modes, mixed page sizes, and the controls of VMCB offset 090h. */
import { describe, expect, it, test } from 'vitest'
import { ACCESS, type Access, type Cpu } from '../state/cpu.ts'
import { Exit, Fault } from '../state/faults.ts'
import { CR0, CR4, EFER } from '../state/mode.ts'
import { modeChanged } from './contexts.ts'
import { PTE } from './formats.ts'
import { NESTED_CONTROL } from './nested-control.ts'
import { ALL, enterGuest, mapNestedIdentity, mapPage, pagedCpu, PRESENT, setEntry } from './paging.fixture.ts'
import { ENTRY, flushAll, tlbEntries } from './tlb.ts'
import { translate } from './translate.ts'

const ROOT = 0x1000
const NESTED = 0x40_0000
/** The nested page table of the first 2 MB in guestOn4KPages(). */
const NESTED_PT = NESTED + 0x7000
const LINEAR = 0x7f12_3456_7000n

/** A 4-level guest that maps LINEAR to gPA 9000h, over nested 4 KB pages: identity, but 9000h -> A000h. */
function guestOn4KPages(flags = ALL): Cpu {
  const cpu = pagedCpu(ROOT)
  mapPage(cpu, ROOT, LINEAR, 0x9000, flags)
  mapNestedIdentity(cpu, NESTED)
  setEntry(cpu, NESTED + 0x2000, 0, NESTED_PT, ALL)
  for (let i = 0; i < 512; i++) setEntry(cpu, NESTED_PT, i, i * 0x1000, ALL)
  setEntry(cpu, NESTED_PT, 9, 0xa000, ALL)
  enterGuest(cpu, NESTED)
  return cpu
}

/** A guest with paging off under a host whose CR4 and EFER are these: linear addresses are gPAs. */
function unpagedGuest(hostCr4: bigint, hostEfer: bigint): Cpu {
  const cpu = pagedCpu(ROOT)
  cpu.state.cr0 &= ~CR0.PG
  cpu.state.efer = 0n
  enterGuest(cpu, NESTED)
  cpu.state.hostCr4 = hostCr4
  cpu.state.hostEfer = hostEfer
  return cpu
}

/** EXITINFO1 and EXITINFO2 of the #NPF, or the error code of the #PF, or the sPA. */
function outcome(cpu: Cpu, linear: bigint, access: Access, user = false): unknown {
  try {
    return translate(cpu, linear, access, user)
  } catch (stop) {
    if (stop instanceof Exit) return [stop.info1, stop.info2]
    if (stop instanceof Fault) return { errorCode: stop.errorCode }
    throw stop
  }
}

describe('the nested tables have the format of the host', () => {
  it('32-bit: two levels', () => {
    const cpu = unpagedGuest(0n, 0n)
    cpu.memory.write32(NESTED + 3 * 4, 0x41_0000 | ALL | PTE.PS)
    cpu.memory.write32(0x41_0000 + 5 * 4, 0x7000 | ALL)
    // PS means nothing without CR4.PSE.
    expect(outcome(cpu, 0xc0_5abcn, ACCESS.read)).toBe(0x7abc)
  })

  it('32-bit with PSE: 4 MB pages, whose bits 20:13 are address bits 39:32 and whose bit 21 is reserved', () => {
    const cpu = unpagedGuest(CR4.PSE, 0n)
    cpu.memory.write32(NESTED + 3 * 4, 0x80_0000 | ALL | PTE.PS | (0x12 << 13))
    expect(outcome(cpu, 0xc0_5abcn, ACCESS.read)).toBe(0x12_0080_5abc)
    flushAll(cpu)
    cpu.memory.write32(NESTED + 3 * 4, 0x80_0000 | ALL | PTE.PS | (1 << 21))
    expect(outcome(cpu, 0xc0_5abcn, ACCESS.read)).toEqual([0x1_0000_000dn, 0xc0_5abcn])
  })

  it('PAE: nCR3[31:5] points to four PDPEs', () => {
    const cpu = unpagedGuest(CR4.PAE, EFER.NXE)
    cpu.state.nCr3 = BigInt(NESTED + 0x60)
    setEntry(cpu, NESTED + 0x60, 1, 0x41_0000, PRESENT)
    setEntry(cpu, 0x41_0000, 6, 0x20_0000, ALL | PTE.PS)
    expect(outcome(cpu, 0x40c0_5abcn, ACCESS.read)).toBe(0x20_5abc)
    flushAll(cpu)
    setEntry(cpu, NESTED + 0x60, 1, 0x41_0000, ALL)
    expect(outcome(cpu, 0x40c0_5abcn, ACCESS.read)).toEqual([0x1_0000_000dn, 0x40c0_5abcn])
  })

  it('5-level', () => {
    const cpu = unpagedGuest(CR4.PAE | CR4.LA57, EFER.LMA | EFER.LME | EFER.NXE)
    setEntry(cpu, NESTED, 0, NESTED + 0x1000, ALL)
    mapPage(cpu, NESTED + 0x1000, 0x9000n, 0xa000)
    expect(outcome(cpu, 0x9123n, ACCESS.read)).toBe(0xa123)
  })

  it('and not of the guest: a guest with 5 levels runs on 4', () => {
    const cpu = guestOn4KPages()
    // The page that was the top becomes the second level.
    setEntry(cpu, 0x8000, 0, ROOT, ALL)
    cpu.state.cr3 = 0x8000n
    cpu.state.cr4 |= CR4.LA57
    modeChanged(cpu)
    expect(outcome(cpu, LINEAR, ACCESS.read)).toBe(0xa000)
  })

  const hosts = [
    ['32-bit', 0n, 0n],
    ['PSE', CR4.PSE, 0n],
    ['PAE', CR4.PAE, EFER.NXE],
  ] as const
  test.each(hosts)('%s: gPAs at and above 4 GB are not present', (_, hostCr4, hostEfer) => {
    const cpu = guestOn4KPages()
    // A guest in long mode whose page lies at 4 GB and whose tables do not.
    mapPage(cpu, ROOT, LINEAR, 0x1_0000_9000)
    cpu.state.hostCr4 = hostCr4
    cpu.state.hostEfer = hostEfer
    // 4 GB to itself: with 4 MB, 2 MB or 4 KB pages, as the host has them.
    const bytes = hostCr4 === CR4.PAE ? 8 : 4
    for (let i = 0; i < 512; i++) cpu.memory.write32(0x42_0000 + i * bytes, (i * 0x1000) | ALL)
    const large = hostCr4 === CR4.PSE || hostCr4 === CR4.PAE
    cpu.memory.write32(0x41_0000, large ? ALL | PTE.PS : 0x42_0000 | ALL)
    cpu.memory.write32(NESTED, 0x41_0000 | PRESENT)
    cpu.state.nCr3 = BigInt(hostCr4 === CR4.PAE ? NESTED : 0x41_0000)
    expect(outcome(cpu, LINEAR, ACCESS.write)).toEqual([0x1_0000_0006n, 0x1_0000_9000n])
  })
})

describe('entries of the nested tables', () => {
  it('map the smaller of two page sizes: a 2 MB guest page on 4 KB pages becomes 4 KB entries', () => {
    const cpu = guestOn4KPages()
    setEntry(cpu, ROOT + 0x2000, Number((LINEAR >> 21n) & 511n), 0, ALL | PTE.PS)
    const inPage = (LINEAR & ~0x1f_ffffn) + 0x9000n
    expect(outcome(cpu, inPage, ACCESS.read)).toBe(0xa000)
    expect(outcome(cpu, inPage + 0x2000n, ACCESS.read)).toBe(0xb000)
    expect(tlbEntries(cpu.state).map(({ bytes }) => bytes)).toEqual([0x1000, 0x1000])
  })

  it('allow no store with R/W = 0 even while hCR0.WP is 0', () => {
    const cpu = guestOn4KPages()
    cpu.state.hostCr0 = CR0.PE | CR0.PG
    cpu.state.cr0 &= ~CR0.WP
    modeChanged(cpu)
    setEntry(cpu, NESTED_PT, 9, 0xa000, PRESENT | PTE.US)
    expect(outcome(cpu, LINEAR, ACCESS.write)).toEqual([0x1_0000_0007n, 0x9000n])
  })

  it('make nothing global: only G of the guest counts', () => {
    const cpu = guestOn4KPages()
    cpu.state.cr4 |= CR4.PGE
    modeChanged(cpu)
    setEntry(cpu, NESTED_PT, 9, 0xa000, ALL | PTE.G)
    translate(cpu, LINEAR, ACCESS.read, false)
    expect(tlbEntries(cpu.state).map(({ attributes }) => attributes & ENTRY.global)).toEqual([0])
  })

  it('have a reserved NX bit while hEFER.NXE is 0, and report the fetch only with NX or SMEP', () => {
    const cpu = guestOn4KPages()
    setEntry(cpu, NESTED_PT, 9, 0xa000, ALL, PTE.NX)
    cpu.state.hostEfer &= ~EFER.NXE
    expect(outcome(cpu, LINEAR, ACCESS.read)).toEqual([0x1_0000_000dn, 0x9000n])
    expect(outcome(cpu, LINEAR, ACCESS.execute)).toEqual([0x1_0000_000dn, 0x9000n])
    cpu.state.hostCr4 |= CR4.SMEP
    expect(outcome(cpu, LINEAR, ACCESS.execute)).toEqual([0x1_0000_001dn, 0x9000n])
  })

  it('are executable for supervisors with U/S = 1 whatever hCR4.SMEP and hCR4.SMAP say', () => {
    const cpu = guestOn4KPages()
    cpu.state.hostCr4 |= CR4.SMEP | CR4.SMAP
    expect(outcome(cpu, LINEAR, ACCESS.execute)).toBe(0xa000)
    expect(outcome(cpu, LINEAR, ACCESS.read)).toBe(0xa000)
  })

  it.each([
    ['the PML4E', NESTED, PTE.G, 0],
    ['the PML4E', NESTED, PTE.PS, 0],
    ['the PDPE', NESTED + 0x1000, 0, 1 << 19],
    ['the PDE', NESTED + 0x2000, 0, 1 << 16],
  ])('%s with a reserved bit stops the walk at the guest table', (_, at, low, high) => {
    const cpu = guestOn4KPages()
    cpu.memory.write32(at, cpu.memory.read32(at) | low)
    cpu.memory.write32(at + 4, high)
    const table = BigInt(ROOT) + ((LINEAR >> 39n) & 511n) * 8n
    expect(outcome(cpu, LINEAR, ACCESS.execute)).toEqual([0x2_0000_000fn, table])
  })

  it('get A on every access, and D when the guest stores or when they map a guest table', () => {
    const cpu = guestOn4KPages()
    const flags = (page: number): number => cpu.memory.read32(NESTED_PT + page * 8) & (PTE.A | PTE.D)
    translate(cpu, LINEAR, ACCESS.read, false)
    expect([1, 2, 3, 4, 9].map(flags)).toEqual([0x60, 0x60, 0x60, 0x60, 0x20])
    translate(cpu, LINEAR, ACCESS.write, false)
    expect(flags(9)).toBe(0x60)
  })
})

describe('the PDPEs of a PAE guest', () => {
  /** PDPE n maps gPA 0 with a 2 MB page. */
  function paeGuest(pdpes: readonly number[]): Cpu {
    const cpu = guestOn4KPages()
    cpu.state.efer = 0n
    cpu.state.cr3 = 0x8fe0n
    modeChanged(cpu)
    pdpes.forEach((low, n) => setEntry(cpu, 0x8fe0, n, 0x7000, low))
    setEntry(cpu, 0x7000, 0, 0, ALL | PTE.PS)
    return cpu
  }

  it('are checked when they are used: a reserved bit is a #PF of the guest', () => {
    const cpu = paeGuest([PRESENT, PRESENT | PTE.RW, PRESENT | 0xe00, PRESENT])
    expect(outcome(cpu, 0x5000n, ACCESS.read)).toBe(0x5000)
    expect(outcome(cpu, 0x4000_5000n, ACCESS.read)).toEqual({ errorCode: 9 })
    // Bits 11:9 are available.
    expect(outcome(cpu, 0x8000_5000n, ACCESS.read)).toBe(0x5000)
  })

  it('are read through the nested tables', () => {
    const cpu = paeGuest([PRESENT, PRESENT, PRESENT, PRESENT])
    setEntry(cpu, NESTED_PT, 8, 0x8000, 0)
    expect(outcome(cpu, 0x4000_5000n, ACCESS.read)).toEqual([0x2_0000_0006n, 0x8fe8n])
  })
})

describe('the guest mode execute trap', () => {
  // U/S and NX of the nested entry, the access, and what comes of it (APM vol 2 table 15-21).
  const cases: [string, number, number, Access, boolean, unknown][] = [
    ['a supervisor fetches from U/S = 0', 0, 0, ACCESS.execute, false, 0xa000],
    ['a user fetches from U/S = 0', 0, 0, ACCESS.execute, true, 0xa000],
    ['a supervisor fetches from U/S = 1', PTE.US, 0, ACCESS.execute, false, [0x1_0000_0011n, 0x9000n]],
    ['a user fetches from U/S = 1', PTE.US, 0, ACCESS.execute, true, 0xa000],
    ['a supervisor fetches from NX', 0, PTE.NX, ACCESS.execute, false, [0x1_0000_0011n, 0x9000n]],
    ['a user fetches from NX', PTE.US, PTE.NX, ACCESS.execute, true, [0x1_0000_0015n, 0x9000n]],
    ['a supervisor stores to U/S = 0', 0, 0, ACCESS.write, false, 0xa000],
    ['a user stores to U/S = 0', 0, 0, ACCESS.write, true, 0xa000],
    ['a supervisor reads U/S = 1', PTE.US, 0, ACCESS.read, false, 0xa000],
  ]
  it.each(cases)('%s', (_, us, nx, access, user, expected) => {
    const cpu = guestOn4KPages()
    cpu.state.nestedPaging |= NESTED_CONTROL.executeTrap
    modeChanged(cpu)
    setEntry(cpu, NESTED_PT, 9, 0xa000, PRESENT | PTE.RW | us, nx)
    expect(outcome(cpu, LINEAR, access, user)).toEqual(expected)
  })

  it('needs no U/S in the entries of guest tables', () => {
    const cpu = guestOn4KPages()
    cpu.state.nestedPaging |= NESTED_CONTROL.executeTrap
    modeChanged(cpu)
    setEntry(cpu, NESTED, 0, NESTED + 0x1000, PRESENT | PTE.RW)
    expect(outcome(cpu, LINEAR, ACCESS.execute)).toBe(0xa000)
  })

  it('judges entries of the TLB by the privilege of each fetch', () => {
    const cpu = guestOn4KPages()
    cpu.state.nestedPaging |= NESTED_CONTROL.executeTrap
    cpu.state.cpl = 3
    modeChanged(cpu)
    expect(outcome(cpu, LINEAR, ACCESS.execute, true)).toBe(0xa000)
    cpu.state.cpl = 0
    modeChanged(cpu)
    expect(outcome(cpu, LINEAR, ACCESS.execute)).toEqual([0x1_0000_0011n, 0x9000n])
  })
})

describe('read-only guest page tables', () => {
  function readOnlyTables(): Cpu {
    const cpu = guestOn4KPages()
    cpu.state.nestedPaging |= NESTED_CONTROL.readOnlyTables
    for (let page = 1; page <= 4; page++) setEntry(cpu, NESTED_PT, page, page * 0x1000, PRESENT | PTE.US)
    return cpu
  }

  function markGuestTables(cpu: Cpu, bits: number): void {
    for (const [n, shift] of [39n, 30n, 21n, 12n].entries()) {
      const at = ROOT + n * 0x1000 + Number((LINEAR >> shift) & 511n) * 8
      cpu.memory.write32(at, cpu.memory.read32(at) | bits)
    }
  }

  it('are walked in nested read-only pages as long as A and D need not be set', () => {
    const cpu = readOnlyTables()
    markGuestTables(cpu, PTE.A)
    expect(outcome(cpu, LINEAR, ACCESS.read)).toBe(0xa000)
    expect(cpu.memory.read32(NESTED_PT + 8) & (PTE.A | PTE.D)).toBe(PTE.A)
    const pte = BigInt(ROOT + 0x3000) + ((LINEAR >> 12n) & 511n) * 8n
    expect(outcome(cpu, LINEAR, ACCESS.write)).toEqual([0x2_0000_0007n, pte])
    markGuestTables(cpu, PTE.D)
    expect(outcome(cpu, LINEAR, ACCESS.write)).toBe(0xa000)
  })

  it('fault as writes where A must be set, and as reads where they are not present', () => {
    const cpu = readOnlyTables()
    const pml4e = BigInt(ROOT) + ((LINEAR >> 39n) & 511n) * 8n
    expect(outcome(cpu, LINEAR, ACCESS.read)).toEqual([0x2_0000_0007n, pml4e])
    setEntry(cpu, NESTED_PT, 1, 0x1000, 0)
    expect(outcome(cpu, LINEAR, ACCESS.read)).toEqual([0x2_0000_0004n, pml4e])
  })

  it('get D in their nested entries only when A or D is set in them', () => {
    const cpu = guestOn4KPages()
    cpu.state.nestedPaging |= NESTED_CONTROL.readOnlyTables
    translate(cpu, LINEAR, ACCESS.read, false)
    expect(cpu.memory.read32(NESTED_PT + 8) & PTE.D).toBe(PTE.D)
  })
})
