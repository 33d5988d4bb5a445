/** The registers of the local APIC by number (APM vol 2 §16.3), and the bits of APIC_BAR and the local vectors. */

/** Registers by number: their offset is ten times as much, in hexadecimal too (APM vol 2 table 16-2). */
export const APIC = {
  id: 0x02,
  version: 0x03,
  taskPriority: 0x08,
  arbitrationPriority: 0x09,
  processorPriority: 0x0a,
  endOfInterrupt: 0x0b,
  logicalDestination: 0x0d,
  destinationFormat: 0x0e,
  spuriousVector: 0x0f,
  /** Eight registers of 32 vectors each, and so the next two. */
  inService: 0x10,
  triggerMode: 0x18,
  requested: 0x20,
  errorStatus: 0x28,
  commandLow: 0x30,
  commandHigh: 0x31,
  timer: 0x32,
  thermal: 0x33,
  performance: 0x34,
  local0: 0x35,
  local1: 0x36,
  error: 0x37,
  initialCount: 0x38,
  currentCount: 0x39,
  divide: 0x3e,
} as const

/** Bits of APIC_BAR: 51:12 address, 11 AE, 8 BSC (APM vol 2 §16.3.1). */
export const APIC_BASE = { address: 0xf_ffff_ffff_f000n, enable: 0x800n, bootstrap: 0x100n } as const

/** Local vectors: 16 M, the interrupt is masked. */
export const LVT_MASKED = 0x1_0000
