/** The state after RESET and INIT (APM vol 2 §14.1.3, table 14-1). */
import { CS, LDTR, RDX, TR } from '../isa/registers.ts'
import { modeChanged } from '../paging/contexts.ts'
import { flushAll } from '../paging/tlb.ts'
import { ATTENTION } from '../state/attention.ts'
import type { Cpu } from '../state/cpu.ts'
import { REGISTER_BYTES } from '../state/memory-map.ts'
import { setArithmeticFlags } from '../state/flags.ts'
import { ATTRIBUTE, CR0 } from '../state/mode.ts'
import { ACTIVITY } from '../state/vcpu.ts'
import { APIC, APIC_BASE } from './apic-registers.ts'
import { DR6, DR7 } from './debug-bits.ts'
import { SYSTEM_TYPE } from './descriptors.ts'
import { resetApic } from './local-apic.ts'

const DATA = ATTRIBUTE.P | ATTRIBUTE.S | ATTRIBUTE.readWrite | ATTRIBUTE.accessed
const CODE = DATA | ATTRIBUTE.code
const REAL_MODE_LIMIT = 0xffff

/** The local APIC is at FEE0_0000h and enabled. */
const APIC_RESET_BASE = 0xfee0_0000n | APIC_BASE.enable

/** What RESET makes other than zero and INIT leaves as it is. Processor 0 is the boot-strap one: bit 8 of the APIC base. */
const RESET = {
  cr0: CR0.CD | CR0.NW,
  xcr0: 1n,
  // Nothing masked, and zeros in all registers, none of them empty.
  fpuControl: 0x40,
  fpuTags: 0xff,
  pat: 0x0007_0406_0007_0406n,
  apicBase: APIC_RESET_BASE,
  tscRatio: 1n << 32n,
  smbase: 0x3_0000n,
} as const

/** What both initialize. */
const INITIAL = {
  rip: 0xfff0n,
  cr2: 0n,
  cr3: 0n,
  cr4: 0n,
  efer: 0n,
  dr6: BigInt(DR6.fixed),
  dr7: BigInt(DR7.fixed),
  flagsOther: 2,
  cpl: 0,
  gdtrBase: 0n,
  gdtrLimit: REAL_MODE_LIMIT,
  idtrBase: 0n,
  idtrLimit: REAL_MODE_LIMIT,
  interruptShadow: 0,
  gif: 1,
  nmiPending: 0,
  nmiMasked: 0,
  guestMode: 0,
  nestedPaging: 0,
  asid: 0,
  virtualInterrupt: 0,
  deliveringEvent: 0n,
} as const

/** Puts the registers, hidden state and TLB of a vCPU where RESET leaves them; the instruction counter starts anew. */
export function resetVcpu(cpu: Cpu): void {
  const { state } = cpu
  state.words.fill(0, 0, REGISTER_BYTES / 4)
  Object.assign(state, RESET)
  if (cpu.index === 0) state.apicBase |= APIC_BASE.bootstrap
  state.flagsSize = 8
  initialize(cpu)
  restartApic(cpu, cpu.index)
}

/**
 * INIT leaves the caches and their control bits, extended registers, MTRRs, PAT and the other MSRs, the time-stamp counter and
 * the APIC's address and ID unchanged. The manual does not speak of a guest in which it is taken: guest mode ends.
 */
export function initVcpu(cpu: Cpu): void {
  initProcessor(cpu)
  restartApic(cpu, cpu.state.apic[APIC.id] >>> 24)
}

/** What INIT does to all but the APIC; SKINIT does no more (§15.27.6). The processor runs. */
export function initProcessor(cpu: Cpu): void {
  const { state } = cpu
  state.cr0 &= CR0.CD | CR0.NW
  setArithmeticFlags(state, 0)
  state.attention &= ATTENTION.stop | ATTENTION.branches
  initialize(cpu)
}

function initialize(cpu: Cpu): void {
  const { state } = cpu
  Object.assign(state, INITIAL)
  state.cr0 |= CR0.ET
  state.gpr.fill(0n)
  state.gpr[RDX] = BigInt(cpu.model.cpuid(1, 0, state)[0])
  state.dr.fill(0n)
  state.segments.forEach((segment, index) => {
    segment.selector = 0
    segment.base = 0n
    segment.attributes = index === CS ? CODE : DATA
    segment.limit = REAL_MODE_LIMIT
  })
  state.segments[CS].selector = 0xf000
  state.segments[CS].base = 0xffff_0000n
  state.segments[LDTR].attributes = ATTRIBUTE.P | SYSTEM_TYPE.ldt
  state.segments[TR].attributes = ATTRIBUTE.P | SYSTEM_TYPE.busyTss
  state.activity = ACTIVITY.running
  flushAll(cpu)
  modeChanged(cpu)
}

/** All processors but the boot-strap one wait for STARTUP. */
function restartApic(cpu: Cpu, apicId: number): void {
  const { state } = cpu
  resetApic(state, apicId)
  cpu.mapLocalApic()
  if (state.apicBase & APIC_BASE.bootstrap) return
  state.activity = ACTIVITY.waiting
  state.attention |= ATTENTION.inactive
}
