/**
 * Where the processor begins after RESET: FFFF_FFF0h, 16 bytes below 4 GiB (APM vol 2 §14.1.5). The top 64 KiB of that range
 * show what RAM has at F0000h..FFFFFh, as on a PC whose firmware is shadowed there; writes are swallowed.
 */
import type { MmioRegion, PhysicalMemory } from '../state/memory.ts'

const BASE = 0xffff_0000
const BYTES = 0x1_0000
const SHADOW = 0xf_0000

/** The window, for a machine with at least 1 MiB of RAM. */
export function createBootRom(memory: PhysicalMemory): MmioRegion {
  return {
    base: BASE,
    bytes: BYTES,
    read: (offset, size) => memory.read(SHADOW + offset, size),
    write() {
      // Read-only.
    },
  }
}
