/**
 * Interrupts that wait to be taken between two instructions (APM vol 2 §8.5, §15.17, §15.21). ATTENTION.event is on while one may
 * be taken; a boundary that finds all of them held back turns it off, and whatever may let one through turns it on again.
 */
import { IF } from '../isa/registers.ts'
import { ATTENTION } from '../state/attention.ts'
import { ACTIVITY, type Vcpu } from '../state/vcpu.ts'
import { pendingInterrupt } from './local-apic.ts'
import { VIRTUAL_INTERRUPT } from './virtual-interrupt.ts'

export type PendingEvent =
  'init' | 'startup' | 'smi' | 'nmi' | 'interrupt' | 'virtual nmi' | 'virtual interrupt'

/** The event of the highest priority that nothing holds back. Physical events come before virtual ones. */
export function nextEvent(state: Vcpu): PendingEvent | undefined {
  if (state.activity === ACTIVITY.waiting) return nextWhileWaiting(state)
  if (!state.gif || state.interruptShadow) return undefined
  if (state.initPending && !state.smm) return 'init'
  if (state.smiPending && !state.smm) return 'smi'
  if (state.nmiPending && !state.nmiMasked) return 'nmi'
  if (interruptsAreEnabled(state) && pendingInterrupt(state) >= 0) return 'interrupt'
  if (!virtualGif(state)) return undefined
  if (hasVirtualNmi(state) && !(state.virtualInterrupt & VIRTUAL_INTERRUPT.nmiMask)) return 'virtual nmi'
  return virtualInterruptIsOpen(state) ? 'virtual interrupt' : undefined
}

/** A processor that waits for STARTUP takes nothing else but another INIT before it (§16.5). */
function nextWhileWaiting({ initPending, startupPending }: Vcpu): PendingEvent | undefined {
  if (initPending) return 'init'
  return startupPending ? 'startup' : undefined
}

/** rFLAGS.IF; in a guest with V_INTR_MASKING the host's, as it was at VMRUN (§15.21.1). */
function interruptsAreEnabled(state: Vcpu): boolean {
  const masking = state.guestMode !== 0 && (state.virtualInterrupt & VIRTUAL_INTERRUPT.masking) !== 0
  return ((masking ? Number(state.hostRflags) : state.flagsOther) & IF) !== 0
}

/** V_IRQ, its priority above V_TPR, and rFLAGS.IF (§15.21.4). */
function virtualInterruptIsOpen(state: Vcpu): boolean {
  if (!hasVirtualInterrupt(state) || !(state.flagsOther & IF)) return false
  const word = state.virtualInterrupt
  const priority = (word & VIRTUAL_INTERRUPT.priority) >>> 16
  return (word & VIRTUAL_INTERRUPT.ignoreTpr) !== 0 || priority > (word & VIRTUAL_INTERRUPT.tpr)
}

/** The GIF that virtual events look at besides the physical one (§15.33.2). */
function virtualGif({ virtualInterrupt }: Vcpu): boolean {
  return !(virtualInterrupt & VIRTUAL_INTERRUPT.gifEnable) || (virtualInterrupt & VIRTUAL_INTERRUPT.gif) !== 0
}

/** V_NMI of a guest with NMI virtualization (§15.21.10). */
function hasVirtualNmi({ guestMode, virtualInterrupt }: Vcpu): boolean {
  const needed = VIRTUAL_INTERRUPT.nmiEnable | VIRTUAL_INTERRUPT.nmi
  return guestMode !== 0 && (virtualInterrupt & needed) === needed
}

/** A virtual interrupt or NMI waits, taken or held back. */
export function hasVirtualEvent(state: Vcpu): boolean {
  return hasVirtualInterrupt(state) || hasVirtualNmi(state)
}

function hasVirtualInterrupt(state: Vcpu): boolean {
  return state.guestMode !== 0 && (state.virtualInterrupt & VIRTUAL_INTERRUPT.irq) !== 0
}

/** To be called where rFLAGS.IF, GIF, a task priority or the masking of NMIs may have changed in favour of an event. */
export function lookForEvents(state: Vcpu): void {
  const { initPending, startupPending, smiPending, nmiPending } = state
  if (initPending || startupPending || smiPending || nmiPending) state.attention |= ATTENTION.event
  else if (hasVirtualEvent(state) || pendingInterrupt(state) >= 0) state.attention |= ATTENTION.event
}
