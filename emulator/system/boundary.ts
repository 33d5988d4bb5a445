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
import { takeInit, takeStartup } from './initialization.ts'
import { acknowledgeInterrupt, pendingInterrupt } from './local-apic.ts'
import { enterSmm } from './smm.ts'
import { HWCR } from './smm-msrs.ts'
import { isBetweenIterations } from './repeat.ts'
import { VIRTUAL_INTERRUPT } from './virtual-interrupt.ts'

/** Takes pending events, and says whether the vCPU executes an instruction now. */
export function beforeInstruction(cpu: Cpu): boolean {
  const state = cpu.state
  // The run loop goes on elsewhere first: what it does must not depend on where a run was cut into slices.
  if (state.attention & ATTENTION.stop) return false
  // Traps of the last instruction come before interrupts (APM vol 2 table 8-8).
  if (state.attention & ATTENTION.debugTrap) takeDebugTrap(cpu)
  if (state.attention & ATTENTION.event && state.activity !== ACTIVITY.shutdown) takeEvent(cpu)
  // A task that the event switched to may trap before its first instruction.
  if (state.attention & ATTENTION.debugTrap) takeDebugTrap(cpu)
  if (state.attention & ATTENTION.breakpoints && state.activity === ACTIVITY.running) takeBreakpoint(cpu)
  return (state.attention & ATTENTION.inactive) === 0
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
  } else if (state.flagsOther & RF) state.attention |= ATTENTION.resume
  const trapped = (before & state.attention & ATTENTION.trap) !== 0
  if (!(state.flagsOther & TF)) state.attention &= ~ATTENTION.trap
  else state.attention |= ATTENTION.trap
  if (trapped) deliverFault(cpu, new Fault(VECTOR.DB, -1, 0n, DR6.BS | state.pendingDebug))
}

/** The #DB of what the last instruction accessed, or of the task that was switched to. A load of SS holds it back. */
function takeDebugTrap(cpu: Cpu): void {
  const { pendingDebug, interruptShadow } = cpu.state
  if (!interruptShadow) deliverFault(cpu, new Fault(VECTOR.DB, -1, 0n, pendingDebug))
}

/** #DB when an instruction breakpoint names the next instruction; RF = 1 suppresses it (APM vol 2 §13.1.2). */
function takeBreakpoint(cpu: Cpu): void {
  const state = cpu.state
  if (state.flagsOther & RF || isBetweenIterations(state)) return
  const linear = instructionLinear(state)
  const hits = instructionBreakpoints(state.dr7).filter((n) => state.dr[n] === linear)
  const dr6 = hits.reduce((bits, n) => bits | (1 << n), 0)
  if (dr6 !== 0) deliverFault(cpu, new Fault(VECTOR.DB, -1, 0n, dr6))
}

function instructionLinear(state: Vcpu): bigint {
  if ((state.mode & MODE.codeSize) === 2) return state.rip
  return BigInt.asUintN(32, state.segments[CS].base + state.rip)
}

/** EXITINFO1 of the SMI intercept: 0 SMISRC. There are no other than external SMIs. */
const EXTERNAL_SMI = 1n

/** Takes the event that is next; one that only a shadow holds back is looked at again after the next instruction. */
function takeEvent(cpu: Cpu): void {
  const state = cpu.state
  if (state.interruptShadow) return
  state.attention &= ~ATTENTION.event
  switch (nextEvent(state)) {
    case undefined:
      return
    case 'init':
      takeInit(cpu)
      break
    case 'startup':
      takeStartup(cpu)
      break
    case 'smi':
      // HWCR.SMMLOCK turns the intercept off (APM vol 2 §15.32).
      if (state.guestMode && !(state.hwcr & HWCR.SMMLOCK))
        cpu.virtualization.intercept(cpu, EXIT.SMI, EXTERNAL_SMI | state.smiIoInfo, state.smiIoRip)
      enterSmm(cpu)
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
