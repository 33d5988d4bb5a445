/**
 * What an event passes on its way to the processor: a lane of gates for each kind of event, in the order in which they are taken
 * (APM vol 2 §15.17, §15.21). An event is taken when all gates of its lane are open and no lane above it gets through.
 */
import type { EventState } from '../../emulator/machine/index.ts'
import { hex } from '../workbench/format.ts'

export interface Gate {
  readonly name: string
  /** What the gate looks at, with its present value: "IF = 0". */
  readonly value: string
  readonly isOpen: boolean
  /** What opens it; of an open one, what closes it. */
  readonly hint: string
}

export interface GateLane {
  readonly event: NonNullable<EventState['next']>
  readonly name: string
  readonly isPending: boolean
  /** What waits: "NMI", "vectors 41h, 50h". */
  readonly pending: string
  readonly gates: readonly Gate[]
  /** All gates are open. */
  readonly isOpen: boolean
  /** The processor takes this one before the next instruction. */
  readonly isNext: boolean
  /** What becomes of it when it is taken. */
  readonly destination: string
}

export interface InterruptGatesView {
  readonly world: 'host' | 'guest'
  readonly lanes: readonly GateLane[]
  /** In one sentence. */
  readonly summary: string
}

type Lane = (state: EventState) => Omit<GateLane, 'isOpen' | 'isNext'>

/** By priority, the highest first: physical events before virtual ones. */
const LANES: readonly Lane[] = [init, startup, smi, nmi, interrupt, virtualNmi, virtualInterrupt]

export function interruptGatesView(state: EventState): InterruptGatesView {
  const lanes = LANES.map((lane) => lane(state)).map((lane): GateLane => {
    return { ...lane, isOpen: lane.gates.every(({ isOpen }) => isOpen), isNext: lane.event === state.next }
  })
  return { world: state.guestMode ? 'guest' : 'host', lanes: lanes.filter(isShown), summary: summary(lanes) }
}

/** INIT, STARTUP and SMI are rare: they are shown when they wait. */
function isShown({ event, isPending }: GateLane): boolean {
  return isPending || (event !== 'init' && event !== 'startup' && event !== 'smi')
}

function summary(lanes: readonly GateLane[]): string {
  const next = lanes.find(({ isNext }) => isNext)
  if (next !== undefined) return `Next: ${next.name}. ${next.destination}.`
  const waiting = lanes.filter(({ isPending }) => isPending)
  if (waiting.length === 0) return 'Nothing waits.'
  return waiting
    .map(({ name, gates }) => {
      const closed = gates.filter(({ isOpen }) => !isOpen).map((gate) => gate.value)
      return `${name} waits: ${closed.join(', ')}.`
    })
    .join(' ')
}

function gate(name: string, value: string, isOpen: boolean, opens: string, closes: string): Gate {
  return { name, value, isOpen, hint: isOpen ? closes : opens }
}

function bit(value: boolean): 0 | 1 {
  return value ? 1 : 0
}

/** A processor that waits for STARTUP takes nothing but that and INIT. */
function running({ waitsForStartup }: EventState): readonly Gate[] {
  if (!waitsForStartup) return []
  return [gate('Activity', 'waits for STARTUP', false, 'STARTUP from another processor', '')]
}

function gif({ gif: isOn }: EventState): Gate {
  return gate(
    'GIF',
    `GIF = ${bit(isOn)}`,
    isOn,
    'STGI, or the VMRUN of a guest, sets it',
    'CLGI or #VMEXIT clears it',
  )
}

function shadow({ interruptShadow }: EventState): Gate {
  return gate(
    'Interrupt shadow',
    interruptShadow ? 'after STI, MOV SS or POP SS' : 'none',
    !interruptShadow,
    'the next instruction ends it',
    'STI, MOV SS and POP SS cast one over the next instruction',
  )
}

function outsideSmm({ inSmm }: EventState): Gate {
  return gate('SMM', inSmm ? 'in SMM' : 'not in SMM', !inSmm, 'RSM leaves it', 'an SMI enters it')
}

function destination(state: EventState, isIntercepted: boolean, exit: string, own: string): string {
  if (isIntercepted) return `#VMEXIT(${exit})`
  return state.guestMode ? `${own} of the guest` : own
}

function init(state: EventState): ReturnType<Lane> {
  const isIntercepted = state.guestMode && state.intercepts.init
  return {
    event: 'init',
    name: 'INIT',
    isPending: state.initPending,
    pending: 'INIT',
    gates: state.waitsForStartup ? [] : [gif(state), shadow(state), outsideSmm(state)],
    destination: isIntercepted ? '#VMEXIT(INIT)' : 'The processor is initialized',
  }
}

function startup(state: EventState): ReturnType<Lane> {
  const isNext = state.next === 'startup'
  return {
    event: 'startup',
    name: 'STARTUP',
    isPending: isNext,
    pending: 'STARTUP',
    gates: [],
    destination: 'The processor begins in real mode',
  }
}

function smi(state: EventState): ReturnType<Lane> {
  const isIntercepted = state.guestMode && state.intercepts.smi
  return {
    event: 'smi',
    name: 'SMI',
    isPending: state.smiPending,
    pending: 'SMI',
    gates: [...running(state), gif(state), shadow(state), outsideSmm(state)],
    destination: isIntercepted ? '#VMEXIT(SMI)' : 'The SMM handler',
  }
}

function nmi(state: EventState): ReturnType<Lane> {
  const { nmiMasked } = state
  const isIntercepted = state.guestMode && state.intercepts.nmi
  return {
    event: 'nmi',
    name: 'NMI',
    isPending: state.nmiPending,
    pending: 'NMI',
    gates: [
      ...running(state),
      gif(state),
      shadow(state),
      gate(
        'NMI mask',
        `masked = ${bit(nmiMasked)}`,
        !nmiMasked,
        'IRET ends the handling of the NMI before',
        'an NMI that is taken masks the next',
      ),
    ],
    destination: destination(state, isIntercepted, 'NMI', 'IDT entry 2'),
  }
}

/** With V_INTR_MASKING the guest's IF does not hold back physical interrupts: the host's does, as it was at VMRUN. */
function interruptFlag(state: EventState): Gate {
  const { virtual, guestMode, interruptFlag: own, hostInterruptFlag } = state
  if (guestMode && virtual.masking)
    return gate(
      'IF of the host',
      `V_INTR_MASKING = 1, host IF = ${bit(hostInterruptFlag)}`,
      hostInterruptFlag,
      'only a #VMEXIT, then STI and another VMRUN',
      'CLI in the host before VMRUN',
    )
  const value = guestMode ? `V_INTR_MASKING = 0, IF = ${bit(own)}` : `IF = ${bit(own)}`
  return gate(
    'IF',
    value,
    own,
    'STI, POPF or IRET sets it',
    'CLI, POPF or the gate of an interrupt clears it',
  )
}

function interrupt(state: EventState): ReturnType<Lane> {
  const { requested, processorPriority, taskPriority, virtual, guestMode } = state
  const highest = requested.at(-1) ?? 0
  const isAbove = highest >> 4 > processorPriority >> 4
  const isIntercepted = guestMode && state.intercepts.intr
  const inService = processorPriority >> 4 > taskPriority
  // Where the guest's CR8 is V_TPR, it does not move the physical priority.
  const register = guestMode && virtual.masking ? 'the host’s CR8' : 'CR8'
  return {
    event: 'interrupt',
    name: 'Physical interrupt',
    isPending: requested.length > 0,
    pending: `${requested.length === 1 ? 'vector' : 'vectors'} ${requested.map(hex).join(', ')}`,
    gates: [
      ...running(state),
      gif(state),
      shadow(state),
      interruptFlag(state),
      gate(
        'Priority',
        requested.length === 0
          ? `class above ${processorPriority >> 4} needed`
          : `class ${highest >> 4} ${isAbove ? '>' : '≤'} ${processorPriority >> 4} of the PPR`,
        requested.length === 0 || isAbove,
        inService ? 'an end of interrupt (EOI) for the one in service' : `${register} below ${highest >> 4}`,
        `a higher ${register}, or an interrupt in service`,
      ),
    ],
    destination: destination(
      state,
      isIntercepted,
      'INTR',
      requested.length > 0 ? `IDT entry ${hex(highest)}` : 'The IDT',
    ),
  }
}

/** The gates that virtual events have before them besides the physical GIF. */
function virtualGif({ virtual }: EventState): readonly Gate[] {
  if (!virtual.gifEnable) return []
  return [
    gate(
      'Virtual GIF',
      `V_GIF = ${bit(virtual.gif)}`,
      virtual.gif,
      'STGI of the guest sets it',
      'CLGI of the guest clears it',
    ),
  ]
}

function inGuest({ guestMode }: EventState): Gate {
  return gate('Guest mode', guestMode ? 'a guest runs' : 'the host runs', guestMode, 'VMRUN', '#VMEXIT')
}

function virtualNmi(state: EventState): ReturnType<Lane> {
  const { virtual, guestMode } = state
  return {
    event: 'virtual nmi',
    name: 'Virtual NMI',
    isPending: guestMode && virtual.nmiEnable && virtual.nmi,
    pending: 'V_NMI = 1',
    gates: [
      ...running(state),
      inGuest(state),
      gate(
        'NMI virtualization',
        `V_NMI_ENABLE = ${bit(virtual.nmiEnable)}`,
        virtual.nmiEnable,
        'the host sets bit 26 of VMCB offset 060h',
        'the host clears bit 26 of VMCB offset 060h',
      ),
      gif(state),
      shadow(state),
      ...virtualGif(state),
      gate(
        'Virtual NMI mask',
        `V_NMI_MASK = ${bit(virtual.nmiMask)}`,
        !virtual.nmiMask,
        'IRET of the guest',
        'a virtual NMI that is taken',
      ),
    ],
    destination: 'IDT entry 2 of the guest',
  }
}

function virtualInterrupt(state: EventState): ReturnType<Lane> {
  const { virtual, guestMode, interruptFlag: own, intercepts } = state
  const isAbove = virtual.ignoreTpr || virtual.priority > virtual.tpr
  const isIntercepted = guestMode && intercepts.vintr
  return {
    event: 'virtual interrupt',
    name: 'Virtual interrupt',
    isPending: guestMode && virtual.irq,
    pending: `V_IRQ = 1, vector ${hex(virtual.vector)}`,
    gates: [
      ...running(state),
      inGuest(state),
      gif(state),
      shadow(state),
      ...virtualGif(state),
      gate(
        'IF of the guest',
        `IF = ${bit(guestMode && own)}`,
        guestMode && own,
        'STI, POPF or IRET of the guest sets it',
        'CLI, POPF or the gate of an interrupt clears it',
      ),
      gate(
        'V_TPR',
        virtual.ignoreTpr
          ? 'V_IGN_TPR = 1'
          : `V_INTR_PRIO ${virtual.priority} ${isAbove ? '>' : '≤'} V_TPR ${virtual.tpr}`,
        isAbove,
        virtual.masking ? 'a lower CR8 of the guest, which is V_TPR' : 'a lower V_TPR, or V_IGN_TPR = 1',
        virtual.ignoreTpr ? 'V_IGN_TPR = 0' : 'a higher V_TPR',
      ),
    ],
    destination: isIntercepted
      ? '#VMEXIT(VINTR)'
      : virtual.irq
        ? `IDT entry ${hex(virtual.vector)} of the guest`
        : 'The IDT of the guest',
  }
}
