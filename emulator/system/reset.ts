/** The state after RESET (APM vol 2 §14.1.3, table 14-1). */
import { CS, LDTR, RDX, TR } from '../isa/registers.ts'
import { modeChanged } from '../paging/contexts.ts'
import { flushAll } from '../paging/tlb.ts'
import type { Cpu } from '../state/cpu.ts'
import { REGISTER_BYTES } from '../state/memory-map.ts'
import { ATTRIBUTE, CR0 } from '../state/mode.ts'
import { ACTIVITY } from '../state/vcpu.ts'
import { APIC_BASE } from './apic-registers.ts'
import { DR6, DR7 } from './debug-bits.ts'
import { SYSTEM_TYPE } from './descriptors.ts'
import { resetApic } from './local-apic.ts'

const DATA = ATTRIBUTE.P | ATTRIBUTE.S | ATTRIBUTE.readWrite | ATTRIBUTE.accessed
const CODE = DATA | ATTRIBUTE.code
const REAL_MODE_LIMIT = 0xffff

/** The local APIC is at FEE0_0000h and enabled. */
const APIC_RESET_BASE = 0xfee0_0000n | APIC_BASE.enable

/** Values that are not zero. Processor 0 is the boot-strap one: bit 8 of the APIC base. */
const RESET = {
  rip: 0xfff0n,
  cr0: CR0.CD | CR0.NW | CR0.ET,
  dr6: BigInt(DR6.fixed),
  dr7: BigInt(DR7.fixed),
  xcr0: 1n,
  pat: 0x0007_0406_0007_0406n,
  apicBase: APIC_RESET_BASE,
  tscRatio: 1n << 32n,
} as const

/** Puts the registers, hidden state and TLB of a vCPU where RESET leaves them; the instruction counter starts anew. */
export function resetVcpu(cpu: Cpu): void {
  const state = cpu.state
  state.words.fill(0, 0, REGISTER_BYTES / 4)
  Object.assign(state, RESET)
  if (cpu.index === 0) state.apicBase |= APIC_BASE.bootstrap
  state.flagsOther = 2
  state.flagsSize = 8
  state.gdtrLimit = REAL_MODE_LIMIT
  state.idtrLimit = REAL_MODE_LIMIT
  state.segments.forEach((segment, index) => {
    segment.attributes = index === CS ? CODE : DATA
    segment.limit = REAL_MODE_LIMIT
  })
  state.segments[CS].selector = 0xf000
  state.segments[CS].base = 0xffff_0000n
  state.segments[LDTR].attributes = ATTRIBUTE.P | SYSTEM_TYPE.ldt
  state.segments[TR].attributes = ATTRIBUTE.P | SYSTEM_TYPE.busyTss
  state.gpr[RDX] = BigInt(cpu.model.cpuid(1, 0, state)[0])
  state.gif = 1
  resetApic(state, cpu.index)
  cpu.mapLocalApic()
  state.activity = ACTIVITY.running
  flushAll(cpu)
  modeChanged(cpu)
}
