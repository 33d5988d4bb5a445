/** Test set-up: a processor with nothing but registers and memory, and page tables written entry by entry. */
import type { Cpu, CpuModel } from '../state/cpu.ts'
import { PhysicalMemory } from '../state/memory.ts'
import { CR0, CR4, EFER } from '../state/mode.ts'
import { vcpuView } from '../state/vcpu.ts'
import { modeChanged } from './contexts.ts'
import { PTE } from './formats.ts'

export const PRESENT = PTE.P
export const ALL = PTE.P | PTE.RW | PTE.US

const model: CpuModel = {
  name: 'test',
  physicalAddressBits: 48,
  linearAddressBits: 57,
  has: (feature) => feature === 'page1gb' || feature === 'pse36',
  cpuid: () => [0, 0, 0, 0],
}

/** A processor in 64-bit mode with 16 MB of RAM whose CR3 is `root`; no translation is set up. */
export function pagedCpu(root = 0x1000): Cpu {
  const memory = new PhysicalMemory(16 * 1024 * 1024, 1)
  const unused = (): never => {
    throw new Error('not part of this test')
  }
  const cpu: Cpu = {
    index: 0,
    state: vcpuView(memory.buffer, 0),
    memory,
    model,
    ports: { read: unused, write: unused },
    virtualization: {
      intercept: unused,
      exitFor: unused,
      interceptMsr: unused,
      exitForIo: unused,
      interceptException: unused,
      exit: unused,
    },
    observer: {},
    seed: 0,
    processors: () => [cpu],
    mapLocalApic: () => undefined,
  }
  cpu.state.cr0 = CR0.PE | CR0.PG | CR0.WP
  cpu.state.cr4 = CR4.PAE
  cpu.state.efer = EFER.LMA | EFER.LME | EFER.NXE
  cpu.state.cr3 = BigInt(root)
  modeChanged(cpu)
  return cpu
}

/** Enters guest mode with nested paging under a 4-level host; gCR3 is the CR3 already set. */
export function enterGuest(cpu: Cpu, nCr3: number, asid = 1): void {
  const state = cpu.state
  state.hostCr4 = CR4.PAE
  state.hostEfer = EFER.LMA | EFER.LME | EFER.NXE
  state.nCr3 = BigInt(nCr3)
  state.nestedPaging = 1
  state.guestMode = 1
  state.asid = asid
  modeChanged(cpu)
}

/** Writes a 64-bit entry: `low` and `high` words are OR-ed into the address. */
export function setEntry(
  cpu: Cpu,
  table: number,
  index: number,
  address: number,
  low: number,
  high = 0,
): void {
  cpu.memory.write32(table + index * 8, (address & 0xffff_f000) | low)
  cpu.memory.write32(table + index * 8 + 4, Math.floor(address / 0x1_0000_0000) | high)
}

/**
 * Builds a 4-level map of one 4 KB page with tables at `root`, root + 1000h, + 2000h, + 3000h, every level with `flags`.
 * Returns the address of the page-table entry.
 */
export function mapPage(
  cpu: Cpu,
  root: number,
  linear: bigint,
  address: number,
  flags = ALL,
  upper = ALL,
): number {
  const index = (shift: bigint): number => Number((linear >> shift) & 511n)
  setEntry(cpu, root, index(39n), root + 0x1000, upper)
  setEntry(cpu, root + 0x1000, index(30n), root + 0x2000, upper)
  setEntry(cpu, root + 0x2000, index(21n), root + 0x3000, upper)
  setEntry(cpu, root + 0x3000, index(12n), address, flags)
  return root + 0x3000 + index(12n) * 8
}

/** Nested tables at `root` that map guest-physical 0..16 MB to itself with 2 MB pages. */
export function mapNestedIdentity(cpu: Cpu, root: number, flags = ALL): void {
  setEntry(cpu, root, 0, root + 0x1000, ALL)
  setEntry(cpu, root + 0x1000, 0, root + 0x2000, ALL)
  for (let i = 0; i < 8; i++) setEntry(cpu, root + 0x2000, i, i * 0x20_0000, flags | PTE.PS)
}
