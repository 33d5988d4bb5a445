/**
 * What happens between two instructions while state.attention is nonzero. A run loop does, for each instruction:
 *
 *   const before = state.attention
 *   if (before !== 0 && !beforeInstruction(cpu)) return         // halted, or asked to stop
 *   ... execute one instruction, or deliver its fault ...
 *   if (before !== 0) afterInstruction(cpu, before)              // unless it was VMRUN, or a #VMEXIT was taken
 *
 * Both functions may throw Exit with state.rip at the next instruction; such exits zero nRIP.
 */
import { CS, RF, TF } from '../isa/registers.ts'
import { ATTENTION } from '../state/attention.ts'
import type { Cpu } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import { Fault, VECTOR } from '../state/faults.ts'
import { MODE } from '../state/mode.ts'
import { ACTIVITY, type Vcpu } from '../state/vcpu.ts'
import { DR6 } from './debug-bits.ts'
import { instructionBreakpoints } from './debug-registers.ts'
import { deliverEvent, deliverFault, deliverInterrupt, deliverNmi, EVENT_TYPE } from './deliver.ts'
import { lookForEvents, nextEvent } from './events.ts'
import { acknowledgeInterrupt, pendingInterrupt } from './local-apic.ts'
import { VIRTUAL_INTERRUPT } from './virtual-interrupt.ts'

/** Takes pending events, and says whether the vCPU executes an instruction now. */
export function beforeInstruction(cpu: Cpu): boolean {
  const state = cpu.state
  if (state.attention & ATTENTION.event && state.activity !== ACTIVITY.shutdown) takeEvent(cpu)
  if (state.attention & ATTENTION.breakpoints && state.activity === ACTIVITY.running) takeBreakpoint(cpu)
  return (state.attention & (ATTENTION.inactive | ATTENTION.stop)) === 0
}

/**
 * Ends what lasts for one instruction: interrupt shadow, rFLAGS.RF, and the single-step trap. `before` is state.attention as it
 * was when the instruction began; an instruction that cancels its own trap has cleared ATTENTION.trap meanwhile.
 */
export function afterInstruction(cpu: Cpu, before: number): void {
  const state = cpu.state
  if (before & ATTENTION.shadow) {
    state.interruptShadow = 0
    state.attention &= ~ATTENTION.shadow
  }
  if (before & ATTENTION.resume && state.attention & ATTENTION.resume) {
    state.flagsOther &= ~RF
    state.attention &= ~ATTENTION.resume
  }
  const trapped = (before & state.attention & ATTENTION.trap) !== 0
  if (!(state.flagsOther & TF)) state.attention &= ~ATTENTION.trap
  else state.attention |= ATTENTION.trap
  if (trapped) deliverFault(cpu, new Fault(VECTOR.DB, -1, 0n, DR6.BS))
}

/** #DB when an instruction breakpoint names the next instruction; RF = 1 suppresses it (APM vol 2 §13.1.2). */
function takeBreakpoint(cpu: Cpu): void {
  const state = cpu.state
  if (state.flagsOther & RF) return
  const linear = instructionLinear(state)
  const hits = instructionBreakpoints(state.dr7).filter((n) => state.dr[n] === linear)
  if (hits.length > 0)
    deliverFault(
      cpu,
      new Fault(
        VECTOR.DB,
        -1,
        0n,
        hits.reduce((bits, n) => bits | (1 << n), 0),
      ),
    )
}

function instructionLinear(state: Vcpu): bigint {
  if ((state.mode & MODE.codeSize) === 2) return state.rip
  return BigInt.asUintN(32, state.segments[CS].base + state.rip)
}

/** HWCR: 0 SMMLOCK, which turns the SMI intercept off (APM vol 2 §15.22). EXITINFO1 of that intercept: 0 SMISRC. */
const HWCR_SMMLOCK = 1n
const EXTERNAL_SMI = 1n

/** Takes the event that is next; one that only a shadow holds back is looked at again after the next instruction. */
function takeEvent(cpu: Cpu): void {
  const state = cpu.state
  if (state.interruptShadow) return
  state.attention &= ~ATTENTION.event
  switch (nextEvent(state)) {
    case undefined:
      return
    case 'smi':
      if (state.guestMode && !(state.hwcr & HWCR_SMMLOCK))
        cpu.virtualization.intercept(cpu, EXIT.SMI, EXTERNAL_SMI)
      // The handler of the firmware, which does nothing, has run.
      state.smiPending = 0
      break
    case 'nmi':
      if (state.guestMode) cpu.virtualization.intercept(cpu, EXIT.NMI)
      deliverNmi(cpu)
      break
    case 'interrupt': {
      if (state.guestMode) cpu.virtualization.intercept(cpu, EXIT.INTR)
      const vector = pendingInterrupt(state)
      acknowledgeInterrupt(state, vector)
      deliverInterrupt(cpu, vector)
      break
    }
    case 'virtual nmi':
      state.virtualInterrupt = (state.virtualInterrupt & ~VIRTUAL_INTERRUPT.nmi) | VIRTUAL_INTERRUPT.nmiMask
      deliverEvent(cpu, { vector: VECTOR.NMI, type: EVENT_TYPE.nmi, errorCode: -1 })
      break
    case 'virtual interrupt':
      cpu.virtualization.intercept(cpu, EXIT.VINTR)
      state.virtualInterrupt &= ~VIRTUAL_INTERRUPT.irq
      deliverInterrupt(cpu, state.virtualInterruptVector)
  }
  lookForEvents(state)
}
