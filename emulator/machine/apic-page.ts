/** The page of physical memory at which a processor finds its local APIC (APM vol 2 §16.3.2): a register every 16 bytes. */
import { ATTENTION } from '../state/attention.ts'
import type { Cpu } from '../state/cpu.ts'
import { PAGE_SIZE } from '../state/memory-map.ts'
import type { MmioRegion, PhysicalMemory } from '../state/memory.ts'
import { APIC, APIC_BASE } from '../system/apic-registers.ts'
import { apicIsEnabled, readApic, writeApic } from '../system/local-apic.ts'
import { sendInterrupt } from './interprocessor.ts'

function readPage({ state }: Cpu, offset: number): bigint {
  return offset % 16 < 4 ? BigInt(readApic(state, offset >>> 4) >>> (8 * (offset % 4))) : 0n
}

function writePage(cpu: Cpu, offset: number, size: number, value: bigint): void {
  if (offset % 16 !== 0 || size < 4) return
  writeApic(cpu, offset >>> 4, Number(value & 0xffff_ffffn))
  if (offset >>> 4 === APIC.commandLow) sendInterrupt(cpu)
  // The timer may expire before the run that is going on would end.
  cpu.state.attention |= ATTENTION.stop
}

/**
 * Returns a function that shows physical memory as one processor sees it: with its own APIC where its APIC_BAR says, or with
 * none. Registers are read and written as aligned doublewords; wider accesses see zeros above, narrower writes and all accesses
 * between registers do nothing.
 */
export function createApicPage(memory: PhysicalMemory): (cpu: Cpu) => void {
  let region: MmioRegion | undefined
  let shown: Cpu

  return (cpu) => {
    shown = cpu
    const base = apicIsEnabled(cpu.state) ? Number(cpu.state.apicBase & APIC_BASE.address) : undefined
    if (base === region?.base) return
    if (region !== undefined) memory.removeRegion(region)
    region =
      base === undefined
        ? undefined
        : {
            base,
            bytes: PAGE_SIZE,
            read: (offset) => readPage(shown, offset),
            write: (offset, size, value) => writePage(shown, offset, size, value),
          }
    if (region !== undefined) memory.addRegion(region)
  }
}
