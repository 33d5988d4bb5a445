/**
 * INIT and STARTUP (APM vol 2 §14.1, §15.21.8, §16.5), which other processors send. INIT is taken between two instructions; then
 * the boot-strap processor begins at the reset vector, and all others wait for STARTUP, which says where they begin.
 */
import { CS } from '../isa/registers.ts'
import { ATTENTION } from '../state/attention.ts'
import type { Cpu } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import { Fault, VECTOR } from '../state/faults.ts'
import { ACTIVITY, type Vcpu } from '../state/vcpu.ts'
import { apicIsEnabled } from './local-apic.ts'
import { deliverFault } from './deliver.ts'
import { initVcpu } from './reset.ts'

/** VM_CR: 2 DIS_A20M, 1 R_INIT, 0 DPD (APM vol 2 §15.30.1). */
const VM_CR_R_INIT = 2n
const VM_CR_SECURE = 7n
/** Error code of the #SX that R_INIT makes of INIT (§8.2.20). */
const SX_INIT = 1

/** What SKINIT leaves behind: events wait, INIT becomes #SX, debug hardware and A20 masking are off (§15.27.6). */
export function secure(state: Vcpu): void {
  state.gif = 0
  state.vmCr |= VM_CR_SECURE
}

const STARTUP_VALID = 0x100

/** An INIT arrives. It waits while GIF is 0. */
export function requestInit(state: Vcpu): void {
  if (!apicIsEnabled(state)) return
  state.initPending = 1
  state.attention |= ATTENTION.event
}

/**
 * A STARTUP arrives. A processor that does not wait for it ignores it, unless an INIT that nothing holds back is about to
 * make it wait.
 */
export function requestStartup(state: Vcpu, vector: number): void {
  if (!apicIsEnabled(state)) return
  if (state.activity !== ACTIVITY.waiting && !(state.initPending && state.gif)) return
  state.startupPending = STARTUP_VALID | vector
  state.attention |= ATTENTION.event
}

/** The intercept comes first, then the redirection to #SX; both use the INIT up, and with it the STARTUP behind it. */
export function takeInit(cpu: Cpu): void {
  const { state } = cpu
  const { startupPending } = state
  state.initPending = 0
  state.startupPending = 0
  const waits = state.activity === ACTIVITY.waiting
  if (!waits && state.guestMode) cpu.virtualization.intercept(cpu, EXIT.INIT)
  if (!waits && state.vmCr & VM_CR_R_INIT) {
    deliverFault(cpu, new Fault(VECTOR.SX, SX_INIT))
    return
  }
  initVcpu(cpu)
  state.startupPending = startupPending
}

/**
 * Real mode at vector * 1000h: CS:IP is vector00h:0000h. Once SKINIT was executed on the boot-strap processor, the others begin
 * as securely (§15.27.8).
 */
export function takeStartup(cpu: Cpu): void {
  const { state } = cpu
  if (cpu.processors()[0].state.skinitExecuted) secure(state)
  const vector = state.startupPending & 0xff
  state.startupPending = 0
  state.segments[CS].selector = vector << 8
  state.segments[CS].base = BigInt(vector << 12)
  state.rip = 0n
  state.activity = ACTIVITY.running
  state.attention &= ~ATTENTION.inactive
}
