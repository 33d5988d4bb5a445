/** The page of physical memory at which a processor finds its local APIC (APM vol 2 §16.3.2): a register every 16 bytes. */
import { ATTENTION } from '../state/attention.ts'
import type { Cpu } from '../state/cpu.ts'
import { PAGE_SIZE } from '../state/memory-map.ts'
import type { MmioRegion, PhysicalMemory } from '../state/memory.ts'
import { APIC, APIC_BASE } from '../system/apic-registers.ts'
import { apicIsEnabled, readApic, writeApic } from '../system/local-apic.ts'
import { sendInterrupt } from './interprocessor.ts'

/**
 * The page of the only processor that `processors` has. Registers are read and written as aligned doublewords; wider accesses
 * see zeros above, narrower writes and all accesses between registers do nothing. Returns a function that puts the page where
 * APIC_BAR says, or takes it away.
 */
export function createApicPage(memory: PhysicalMemory, processors: () => readonly Cpu[]): () => void {
  let region: MmioRegion | undefined

  function read(offset: number): bigint {
    const [{ state }] = processors()
    return offset % 16 < 4 ? BigInt(readApic(state, offset >>> 4) >>> (8 * (offset % 4))) : 0n
  }

  function write(offset: number, size: number, value: bigint): void {
    const cpus = processors()
    if (offset % 16 !== 0 || size < 4) return
    writeApic(cpus[0], offset >>> 4, Number(value & 0xffff_ffffn))
    if (offset >>> 4 === APIC.commandLow) sendInterrupt(cpus, cpus[0])
    // The timer may expire before the run that is going on would end.
    cpus[0].state.attention |= ATTENTION.stop
  }

  return () => {
    const [{ state }] = processors()
    if (region !== undefined) memory.removeRegion(region)
    region = undefined
    if (!apicIsEnabled(state)) return
    region = { base: Number(state.apicBase & APIC_BASE.address), bytes: PAGE_SIZE, read, write }
    memory.addRegion(region)
  }
}
