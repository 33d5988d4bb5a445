/**
 * Delivery of exceptions and interrupts (APM vol 2 chapter 8): intercepts, double faults, and the way through the IDT of real,
 * legacy protected and long mode.
 *
 * While an event is on its way, state.deliveringEvent holds it in EXITINTINFO format (APM vol 2 §15.7.2):
 *   63:32 error code   31 V   11 error code valid   10:8 type   7:0 vector
 */
import { AC, CS, DS, ES, FS, GS, IF, IOPL, NT, RF, RSP, SS, TF, VM } from '../isa/registers.ts'
import { modeChanged } from '../paging/contexts.ts'
import { readLinear } from '../paging/access.ts'
import { ATTENTION } from '../state/attention.ts'
import type { Cpu } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import { Fault, generalProtection, VECTOR } from '../state/faults.ts'
import { readRflags, writeRflags } from '../state/flags.ts'
import { ATTRIBUTE, CR0, MODE } from '../state/mode.ts'
import { ACTIVITY, type Vcpu } from '../state/vcpu.ts'
import { DR6, DR7 } from './debug-bits.ts'
import { dropDebugTraps } from './debug-traps.ts'
import {
  dpl,
  isCode,
  isConforming,
  isLongMode,
  isNull,
  loadedSegment,
  requireDescriptor,
  selectorError,
  SYSTEM_TYPE,
  tableAddress,
} from './descriptors.ts'
import { endBranchStep, recordInterrupt } from './last-branch.ts'
import { checkTarget, NULL_SEGMENT, setSegment } from './segmentation.ts'
import { isBetweenIterations } from './repeat.ts'
import { currentStack, pushFrame, setStackPointer, type Stack } from './stack.ts'
import { legacyInnerStack, longStack, nullStackSegment } from './task-state.ts'
import { switchTask } from './task-switch.ts'

/** Types of events, as EXITINTINFO and EVENTINJ number them. */
export const EVENT_TYPE = { interrupt: 0, nmi: 2, exception: 3, software: 4 } as const

export interface Event {
  readonly vector: number
  /** One of EVENT_TYPE. INT3, INTO and INT1 are exceptions, only INTn is `software`. */
  readonly type: number
  /** -1: none is pushed. */
  readonly errorCode: number
}

const EVENT_VALID = 1n << 31n
const ERROR_CODE_VALID = 1 << 11

function encodeEvent({ vector, type, errorCode }: Event): bigint {
  const low = BigInt(vector | (type << 8) | (errorCode >= 0 ? ERROR_CODE_VALID : 0)) | EVENT_VALID
  return errorCode >= 0 ? low | (BigInt(errorCode) << 32n) : low
}

/** Exception classes that combine into a double fault (APM vol 2 table 8-2, 8-3). */
function isContributory(vector: number): boolean {
  return vector === VECTOR.DE || (vector >= VECTOR.TS && vector <= VECTOR.GP) || vector === VECTOR.CP
}

const DOUBLE_FAULT: Event = { vector: VECTOR.DF, type: EVENT_TYPE.exception, errorCode: 0 }

/** What a fault becomes when it hits while `first` (EXITINTINFO format, 0 for none) was on its way; undefined: shutdown. */
function combine(first: bigint, fault: Fault): Event | undefined {
  const second: Event = { vector: fault.vector, type: EVENT_TYPE.exception, errorCode: fault.errorCode }
  if (first === 0n || Number((first >> 8n) & 7n) !== EVENT_TYPE.exception) return second
  const vector = Number(first & 0xffn)
  const severe = isContributory(fault.vector) || fault.vector === VECTOR.PF
  if (vector === VECTOR.DF) return severe || fault.vector === VECTOR.DF ? undefined : second
  if (vector === VECTOR.PF) return severe ? DOUBLE_FAULT : second
  return isContributory(vector) && isContributory(fault.vector) ? DOUBLE_FAULT : second
}

/**
 * Delivers an exception; `state.rip` is what the handler returns to. A fault on the way is combined with it, up to shutdown.
 * In guest mode intercepts come first. Throws Exit, never Fault.
 */
export function deliverFault(cpu: Cpu, fault: Fault): void {
  const state = cpu.state
  // An instruction that faults begins anew, its accesses too.
  dropDebugTraps(state)
  for (let current = fault; ;) {
    cpu.observer.raised?.(current)
    if (current.vector === VECTOR.DB) recordDebugCause(cpu, current.dr6)
    if (state.guestMode) cpu.virtualization.interceptException(cpu, current)
    // CR2 is written once the #PF intercept has been passed, also when the #PF becomes a #DF (APM vol 2 §15.12.15).
    if (current.vector === VECTOR.PF) state.cr2 = current.linearAddress
    const event = combine(state.deliveringEvent, current)
    if (event === undefined) {
      shutdown(cpu)
      return
    }
    if (event === DOUBLE_FAULT && state.guestMode)
      cpu.virtualization.interceptException(cpu, new Fault(VECTOR.DF, 0))
    const next = tryDeliver(
      cpu,
      event,
      state.rip,
      resumesInstruction(state, event, current.dr6),
      current.linearAddress,
    )
    if (next === undefined) return
    current = next
  }
}

/**
 * Delivers an event that is not subject to intercepts itself: an interrupt, an NMI, or what EVENTINJ holds (APM vol 2 §15.20).
 * `returnRip` is what the handler returns to. Faults on the way are delivered instead. Throws Exit, never Fault.
 */
export function deliverEvent(cpu: Cpu, event: Event, returnRip = cpu.state.rip): void {
  const next = tryDeliver(cpu, event, returnRip, resumesInstruction(cpu.state, event, 0), 0n)
  if (next !== undefined) deliverFault(cpu, next)
}

/** A maskable interrupt. */
export function deliverInterrupt(cpu: Cpu, vector: number): void {
  deliverEvent(cpu, { vector, type: EVENT_TYPE.interrupt, errorCode: -1 })
}

/** A non-maskable interrupt, which masks further ones until IRET. */
export function deliverNmi(cpu: Cpu): void {
  cpu.state.nmiPending = 0
  cpu.state.nmiMasked = 1
  deliverEvent(cpu, { vector: VECTOR.NMI, type: EVENT_TYPE.nmi, errorCode: -1 })
}

/**
 * INTn (type `software`), INT3, INTO and INT1 (type `exception`), called by the instruction: `state.rip` is the next one. Throws
 * Fault with state.deliveringEvent still set, so that the fault combines with the interrupted delivery.
 */
export function deliverSoftware(cpu: Cpu, vector: number, type: number): void {
  const state = cpu.state
  const event = { vector, type, errorCode: -1 }
  state.deliveringEvent = encodeEvent(event)
  throughIdt(cpu, event, state.rip, false)
  state.deliveringEvent = 0n
  cpu.observer.delivered?.(vector, -1, 0n)
}

/** Delivers, and returns the fault that stopped it, if one did. */
function tryDeliver(
  cpu: Cpu,
  event: Event,
  returnRip: bigint,
  resume: boolean,
  linear: bigint,
): Fault | undefined {
  cpu.state.deliveringEvent = encodeEvent(event)
  try {
    throughIdt(cpu, event, returnRip, resume)
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown
    throw thrown
  }
  cpu.state.deliveringEvent = 0n
  cpu.observer.delivered?.(event.vector, event.errorCode, linear)
  return undefined
}

/**
 * Faults push RF = 1, so that an instruction breakpoint does not hit twice; traps and aborts do not, nor do interrupts, but for
 * those between two iterations of a repeated instruction (APM vol 2 §3.1.6).
 */
function resumesInstruction(state: Vcpu, { vector, type }: Event, dr6: number): boolean {
  if (isBetweenIterations(state)) return true
  if (type !== EVENT_TYPE.exception) return false
  if (vector === VECTOR.DB) return (dr6 & DR6.BD) !== 0
  return vector !== VECTOR.BP && vector !== VECTOR.OF && vector !== VECTOR.DF && vector !== VECTOR.MC
}

/** Adds the cause of a #DB to DR6 and, for a general-detect fault, lets the handler use the debug registers. */
function recordDebugCause(cpu: Cpu, dr6: number): void {
  cpu.state.dr6 = (cpu.state.dr6 & ~BigInt(DR6.B)) | BigInt(dr6)
  endBranchStep(cpu.state)
  if (dr6 & DR6.BD) cpu.state.dr7 &= ~BigInt(DR7.GD)
}

/** Shutdown: only RESET, and in guest mode the shutdown intercept, gets out of it (APM vol 2 §8.1.4, §15.14.3). */
export function shutdown(cpu: Cpu): void {
  const state = cpu.state
  if (state.guestMode) cpu.virtualization.intercept(cpu, EXIT.SHUTDOWN)
  state.deliveringEvent = 0n
  state.activity = ACTIVITY.shutdown
  state.attention |= ATTENTION.inactive
}

/** EXT of error codes: 1 for faults of interrupts and NMIs, whose source is not the processor itself (APM vol 2 §8.4.1). */
function externalBit({ type }: Event): number {
  return type === EVENT_TYPE.interrupt || type === EVENT_TYPE.nmi ? 1 : 0
}

/** INTn, INT3 and INTO may only use gates of their privilege; injected ones behave the same (APM vol 2 §15.20). */
function checksGatePrivilege({ type, vector }: Event): boolean {
  if (type === EVENT_TYPE.software) return true
  return type === EVENT_TYPE.exception && (vector === VECTOR.BP || vector === VECTOR.OF)
}

function throughIdt(cpu: Cpu, event: Event, returnRip: bigint, resume: boolean): void {
  cpu.caches?.completeWrites(cpu.index, 'interrupt')
  if (!(cpu.state.cr0 & CR0.PE)) realMode(cpu, event, returnRip)
  else protectedMode(cpu, event, returnRip, resume)
}

/** What every delivery leaves behind: the handler begins outside shadows, traps and halts. */
function begin(cpu: Cpu, rip: bigint, clearedFlags: number): void {
  const state = cpu.state
  const from = state.rip
  writeRflags(state, readRflags(state) & ~clearedFlags)
  state.rip = rip
  if (state.attention & ATTENTION.branches) recordInterrupt(state, from)
  state.repeatedAt = 0
  state.interruptShadow = 0
  state.activity = ACTIVITY.running
  state.attention &= ~(ATTENTION.shadow | ATTENTION.trap | ATTENTION.resume | ATTENTION.inactive)
  modeChanged(cpu)
}

/** Entry n of the real-mode table: 31:16 CS, 15:0 IP (APM vol 2 §8.6). */
function realMode(cpu: Cpu, event: Event, returnRip: bigint): void {
  const state = cpu.state
  if (event.vector * 4 + 3 > state.idtrLimit) generalProtection()
  const entry = Number(readLinear(cpu, tableAddress(cpu, state.idtrBase, event.vector * 4, 4), 4, false))
  const cs = state.segments[CS]
  const frame = [BigInt(readRflags(state) & 0xffff), BigInt(cs.selector), returnRip]
  const stack = currentStack(state)
  setStackPointer(state, stack.pointerBytes, pushFrame(cpu, stack, 2, frame))
  cs.selector = entry >>> 16
  cs.base = BigInt((entry >>> 16) << 4)
  begin(cpu, BigInt(entry & 0xffff), IF | TF | AC | RF)
}

/** A gate of the IDT, legacy or long. */
interface Gate {
  readonly selector: number
  readonly offset: bigint
  readonly masksInterrupts: boolean
  readonly itemBytes: 2 | 4 | 8
  /** 0: no interrupt stack table. */
  readonly ist: number
  /** A task gate: `selector` names a TSS, and nothing else counts. */
  readonly isTask: boolean
}

/**
 * Reads and checks the gate of an event (APM vol 2 §4.8.3, §8.7.1, §8.9.1):
 *   47 P   46:45 DPL   44 0   43:40 type   34:32 IST   31:16 selector   63:48, 15:0 offset
 * and in long mode 8 more bytes with offset 63:32.
 */
function readGate(cpu: Cpu, event: Event, external: number): Gate {
  const state = cpu.state
  const long = isLongMode(cpu)
  // IDT bit set: the index is a vector.
  const errorCode = (event.vector << 3) | 2 | external
  const at = event.vector * (long ? 16 : 8)
  if (at + (long ? 15 : 7) > state.idtrLimit) generalProtection(errorCode)
  const raw = readLinear(cpu, tableAddress(cpu, state.idtrBase, at, 8), 8, false)
  const attributes = Number((raw >> 40n) & 0xffn)
  const type = attributes & (ATTRIBUTE.S | ATTRIBUTE.type)
  const wide = type === SYSTEM_TYPE.interruptGate || type === SYSTEM_TYPE.trapGate
  const narrow = !long && (type === SYSTEM_TYPE.interruptGate16 || type === SYSTEM_TYPE.trapGate16)
  const isTask = !long && type === SYSTEM_TYPE.taskGate
  if (!wide && !narrow && !isTask) generalProtection(errorCode)
  if (checksGatePrivilege(event) && dpl(attributes) < state.cpl) generalProtection(errorCode)
  if (!(attributes & ATTRIBUTE.P)) throw new Fault(VECTOR.NP, errorCode)
  const offset16 = raw & 0xffffn
  const offset32 = offset16 | ((raw >> 32n) & 0xffff_0000n)
  const upper = long
    ? readLinear(cpu, tableAddress(cpu, state.idtrBase, at + 8, 8), 8, false) & 0xffff_ffffn
    : 0n
  return {
    selector: Number((raw >> 16n) & 0xffffn),
    offset: narrow ? offset16 : offset32 | (upper << 32n),
    masksInterrupts: (type & 1) === 0,
    itemBytes: long ? 8 : narrow ? 2 : 4,
    ist: long ? Number((raw >> 32n) & 7n) : 0,
    isTask,
  }
}

/** The handler's code segment and privilege level. The accessed bit is not set yet. */
function readHandlerSegment(cpu: Cpu, selector: number, external: number) {
  const state = cpu.state
  const errorCode = selectorError(selector, external)
  if (isNull(selector)) generalProtection(external)
  const descriptor = requireDescriptor(cpu, selector, VECTOR.GP, 8, external)
  const attributes = descriptor.attributes
  if (!isCode(attributes) || dpl(attributes) > state.cpl) generalProtection(errorCode)
  if (isLongMode(cpu) && (attributes & (ATTRIBUTE.L | ATTRIBUTE.DB)) !== ATTRIBUTE.L)
    generalProtection(errorCode)
  if (!(attributes & ATTRIBUTE.P)) throw new Fault(VECTOR.NP, errorCode)
  const level = isConforming(attributes) ? state.cpl : dpl(attributes)
  // From virtual-8086 mode only privilege level 0 can be entered (APM vol 2 §8.7.5).
  if (state.mode & MODE.virtual8086 && level !== 0) generalProtection(errorCode)
  return { descriptor, level }
}

/** The stack that the frame goes to. */
function handlerStack(cpu: Cpu, gate: Gate, level: number, external: number): Stack {
  const state = cpu.state
  const inner = level !== state.cpl
  if (!isLongMode(cpu)) return inner ? legacyInnerStack(cpu, level, external) : currentStack(state, external)
  const segment = inner ? nullStackSegment(level) : state.segments[SS]
  const stack =
    inner || gate.ist > 0
      ? longStack(cpu, gate.ist, level, segment, external)
      : { segment, pointer: state.gpr[RSP], pointerBytes: 8 as const, user: level === 3, errorCode: external }
  // The frame is 16-byte aligned whatever stack it goes to (APM vol 2 §8.9.3).
  return { ...stack, pointer: stack.pointer & ~0xfn }
}

function protectedMode(cpu: Cpu, event: Event, returnRip: bigint, resume: boolean): void {
  const state = cpu.state
  const external = externalBit(event)
  const fromVirtual8086 = (state.mode & MODE.virtual8086) !== 0
  if (fromVirtual8086 && event.type === EVENT_TYPE.software && (state.flagsOther & IOPL) !== IOPL)
    generalProtection()
  const gate = readGate(cpu, event, external)
  if (gate.isTask) {
    const { errorCode } = event
    switchTask(cpu, gate.selector, { cause: 'event', external, errorCode, returnRip, resume })
    return
  }
  const { descriptor, level } = readHandlerSegment(cpu, gate.selector, external)
  const stack = handlerStack(cpu, gate, level, external)
  checkTarget(cpu, descriptor, gate.offset)

  const pushesStack = level !== state.cpl || isLongMode(cpu)
  const segments = state.segments
  const flags = (readRflags(state) & ~RF) | (resume ? RF : 0)
  const frame = [
    ...(fromVirtual8086 ? [GS, FS, DS, ES].map((n) => BigInt(segments[n].selector)) : []),
    ...(pushesStack ? [BigInt(segments[SS].selector), state.gpr[RSP]] : []),
    BigInt(flags >>> 0),
    BigInt(segments[CS].selector),
    returnRip,
    ...(event.errorCode >= 0 ? [BigInt(event.errorCode)] : []),
  ]
  const cs = loadedSegment(cpu, (gate.selector & ~3) | level, descriptor)
  const pointer = pushFrame(cpu, stack, gate.itemBytes, frame)

  if (fromVirtual8086) for (const n of [GS, FS, DS, ES]) setSegment(segments[n], NULL_SEGMENT)
  if (level !== state.cpl) setSegment(segments[SS], stack.segment)
  setSegment(segments[CS], cs)
  state.cpl = level
  setStackPointer(state, stack.pointerBytes, pointer)
  begin(cpu, gate.offset, TF | NT | RF | VM | (gate.masksInterrupts ? IF : 0))
}
