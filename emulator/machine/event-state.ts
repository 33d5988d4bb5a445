/** What waits to be taken by a processor and what may hold it back, as plain data (APM vol 2 §15.17, §15.21). */
import { IF } from '../isa/registers.ts'
import { EXIT } from '../state/exit-codes.ts'
import { readRflags } from '../state/flags.ts'
import { ACTIVITY, type Vcpu } from '../state/vcpu.ts'
import { APIC } from '../system/apic-registers.ts'
import { nextEvent, type PendingEvent } from '../system/events.ts'
import { readApic, requestedInterrupts } from '../system/local-apic.ts'
import { VIRTUAL_INTERRUPT } from '../system/virtual-interrupt.ts'

export interface EventState {
  readonly guestMode: boolean
  /** The processor waits for STARTUP and takes nothing but that and INIT. */
  readonly waitsForStartup: boolean
  readonly gif: boolean
  readonly interruptShadow: boolean
  /** rFLAGS.IF of what runs, and of the host as it was at VMRUN. */
  readonly interruptFlag: boolean
  readonly hostInterruptFlag: boolean
  readonly initPending: boolean
  readonly smiPending: boolean
  readonly nmiPending: boolean
  readonly nmiMasked: boolean
  readonly inSmm: boolean
  /** Vectors that the local APIC has accepted and the processor has not, in ascending order. */
  readonly requested: readonly number[]
  /** CR8: 3:0 of it are the class that an interrupt must exceed. */
  readonly taskPriority: number
  /** PPR of the local APIC: 7:4 are the class that an interrupt must exceed, of the TPR or of what is in service. */
  readonly processorPriority: number
  /** VMCB offset 060h as the processor has it; all off while the host runs. */
  readonly virtual: VirtualEventState
  /** The intercepts of the events, in guest mode. */
  readonly intercepts: Readonly<Record<keyof typeof EVENT_INTERCEPTS, boolean>>
  /** What the processor takes before the next instruction. */
  readonly next: PendingEvent | undefined
}

export interface VirtualEventState {
  readonly irq: boolean
  readonly vector: number
  readonly priority: number
  readonly ignoreTpr: boolean
  readonly tpr: number
  readonly masking: boolean
  readonly gifEnable: boolean
  readonly gif: boolean
  readonly nmiEnable: boolean
  readonly nmi: boolean
  readonly nmiMask: boolean
}

const EVENT_INTERCEPTS = {
  init: EXIT.INIT,
  smi: EXIT.SMI,
  nmi: EXIT.NMI,
  intr: EXIT.INTR,
  vintr: EXIT.VINTR,
} as const

/** A copy of all that decides which event is taken next. */
export function inspectEvents(state: Vcpu): EventState {
  const isOn = (code: number): boolean => ((state.intercepts[code >>> 5] >>> (code & 31)) & 1) !== 0
  const { init, smi, nmi, intr, vintr } = EVENT_INTERCEPTS
  return {
    guestMode: state.guestMode !== 0,
    waitsForStartup: state.activity === ACTIVITY.waiting,
    gif: state.gif !== 0,
    interruptShadow: state.interruptShadow !== 0,
    interruptFlag: (readRflags(state) & IF) !== 0,
    hostInterruptFlag: (Number(state.hostRflags) & IF) !== 0,
    initPending: state.initPending !== 0,
    smiPending: state.smiPending !== 0,
    nmiPending: state.nmiPending !== 0,
    nmiMasked: state.nmiMasked !== 0,
    inSmm: state.smm !== 0,
    requested: requestedInterrupts(state),
    taskPriority: Number(state.cr8),
    processorPriority: readApic(state, APIC.processorPriority),
    virtual: inspectVirtualEvents(state),
    intercepts: { init: isOn(init), smi: isOn(smi), nmi: isOn(nmi), intr: isOn(intr), vintr: isOn(vintr) },
    next: nextEvent(state),
  }
}

function inspectVirtualEvents({ virtualInterrupt: word, virtualInterruptVector }: Vcpu): VirtualEventState {
  const isSet = (bit: number): boolean => (word & bit) !== 0
  return {
    irq: isSet(VIRTUAL_INTERRUPT.irq),
    vector: virtualInterruptVector,
    priority: (word & VIRTUAL_INTERRUPT.priority) >>> 16,
    ignoreTpr: isSet(VIRTUAL_INTERRUPT.ignoreTpr),
    tpr: word & VIRTUAL_INTERRUPT.tpr,
    masking: isSet(VIRTUAL_INTERRUPT.masking),
    gifEnable: isSet(VIRTUAL_INTERRUPT.gifEnable),
    gif: isSet(VIRTUAL_INTERRUPT.gif),
    nmiEnable: isSet(VIRTUAL_INTERRUPT.nmiEnable),
    nmi: isSet(VIRTUAL_INTERRUPT.nmi),
    nmiMask: isSet(VIRTUAL_INTERRUPT.nmiMask),
  }
}
