/**
 * The local APIC in xAPIC mode (APM vol 2 chapter 16): its registers, which interrupt is next, and what ends one. The registers
 * lie in the vCPU block, register n at offset 10h * n of the APIC's page. The timer is in apic-timer.ts.
 */
import { ATTENTION } from '../state/attention.ts'
import type { Cpu } from '../state/cpu.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { APIC, APIC_BASE, LVT_MASKED } from './apic-registers.ts'
import { currentCount, divideTimer, expireTimer, startTimer } from './apic-timer.ts'

/** Six LVT entries, version 10h; no extended registers. */
const VERSION = 0x0005_0010
/** Vector FFh, disabled. */
const SPURIOUS_RESET = 0xff
const SOFTWARE_ENABLE = 0x100

/** Bits that software can write, by register; all others of a register keep their value. */
const WRITABLE: ReadonlyMap<number, number> = new Map([
  [APIC.id, 0xff00_0000],
  [APIC.logicalDestination, 0xff00_0000],
  [APIC.destinationFormat, 0xf000_0000],
  [APIC.spuriousVector, 0x3ff],
  // 12 DS, the delivery status, is always idle.
  [APIC.commandLow, 0x000c_cfff],
  [APIC.commandHigh, 0xff00_0000],
  [APIC.timer, 0x0003_00ff],
  [APIC.thermal, 0x0001_07ff],
  [APIC.performance, 0x0001_07ff],
  [APIC.local0, 0x0001_a7ff],
  [APIC.local1, 0x0001_a7ff],
  [APIC.error, 0x0001_00ff],
  [APIC.initialCount, 0xffff_ffff],
])

/** Bits 3, 1 and 0 of the divide configuration. */
const DIVIDE = 0xb

const LOCAL_VECTORS = [APIC.timer, APIC.thermal, APIC.performance, APIC.local0, APIC.local1, APIC.error]

/** The registers after RESET and INIT, and when APIC_BAR.AE is cleared. `id` is the processor's number, or what INIT left (§16.3.3). */
export function resetApic(state: Vcpu, id: number): void {
  state.apic.fill(0)
  state.apic[APIC.id] = id << 24
  state.apic[APIC.destinationFormat] = 0xffff_ffff
  state.apic[APIC.spuriousVector] = SPURIOUS_RESET
  for (const register of LOCAL_VECTORS) state.apic[register] = LVT_MASKED
  state.cr8 = 0n
  startTimer(state)
}

/** True while APIC_BAR.AE is 1. */
export function apicIsEnabled(state: Vcpu): boolean {
  return (state.apicBase & APIC_BASE.enable) !== 0n
}

/** The highest vector whose bit is set in the eight registers from `first` on; -1 for none. */
function highestVector({ apic }: Vcpu, first: number): number {
  for (let n = 7; n >= 0; n--) if (apic[first + n] !== 0) return n * 32 + 31 - Math.clz32(apic[first + n])
  return -1
}

function setVector({ apic }: Vcpu, first: number, vector: number): void {
  apic[first + (vector >>> 5)] |= 1 << (vector & 31)
}

function clearVector({ apic }: Vcpu, first: number, vector: number): void {
  apic[first + (vector >>> 5)] &= ~(1 << (vector & 31))
}

/** TPR: 7:4 are CR8, 3:0 the sub-class. */
function taskPriority(state: Vcpu): number {
  return (Number(state.cr8) << 4) | state.apic[APIC.taskPriority]
}

/** PPR: the higher of the TPR and the class of the interrupt in service (§16.6.4). */
function processorPriority(state: Vcpu): number {
  const task = taskPriority(state)
  const serviced = Math.max(highestVector(state, APIC.inService), 0) & 0xf0
  return (task & 0xf0) >= serviced ? task : serviced
}

/** The vectors of all interrupts that are requested and not yet in service, in ascending order. */
export function requestedInterrupts({ apic }: Vcpu): number[] {
  const vectors: number[] = []
  for (let vector = 0; vector < 256; vector++)
    if ((apic[APIC.requested + (vector >>> 5)] >>> (vector & 31)) & 1) vectors.push(vector)
  return vectors
}

/** The vector of the interrupt that is next; -1 when none is requested with a class above the processor priority. */
export function pendingInterrupt(state: Vcpu): number {
  const vector = highestVector(state, APIC.requested)
  return vector >> 4 > processorPriority(state) >> 4 ? vector : -1
}

/** The processor takes an interrupt: it is in service until the end of interrupt. */
export function acknowledgeInterrupt(state: Vcpu, vector: number): void {
  clearVector(state, APIC.requested, vector)
  setVector(state, APIC.inService, vector)
}

/** A fixed, edge-triggered interrupt arrives. Vectors 0 to 15 are illegal, and a disabled APIC accepts none (§16.4). */
export function requestInterrupt(state: Vcpu, vector: number): void {
  if (!apicIsEnabled(state) || !(state.apic[APIC.spuriousVector] & SOFTWARE_ENABLE) || vector < 16) return
  setVector(state, APIC.requested, vector)
  clearVector(state, APIC.triggerMode, vector)
  state.attention |= ATTENTION.event
}

/** What software reads from a register. Registers that do not exist read as zero. */
export function readApic(state: Vcpu, register: number): number {
  switch (register) {
    case APIC.version:
      return VERSION
    case APIC.taskPriority:
      return taskPriority(state)
    case APIC.processorPriority:
    case APIC.arbitrationPriority:
      return processorPriority(state)
    case APIC.currentCount:
      return currentCount(state)
    default:
      return state.apic[register]
  }
}

/** Stores what software writes to a register, with all that follows from it within this processor. */
export function writeApic({ state }: Cpu, register: number, value: number): void {
  const { apic } = state
  if (register === APIC.taskPriority) {
    state.cr8 = BigInt((value >>> 4) & 0xf)
    apic[APIC.taskPriority] = value & 0xf
  } else if (register === APIC.endOfInterrupt) {
    const vector = highestVector(state, APIC.inService)
    if (vector >= 0) clearVector(state, APIC.inService, vector)
  } else if (register === APIC.divide) {
    divideTimer(state, value & DIVIDE)
  } else {
    const writable = WRITABLE.get(register) ?? 0
    apic[register] = (apic[register] & ~writable) | (value & writable)
    // While the APIC is disabled by software, its local vectors stay masked (§16.4.1).
    if (!(apic[APIC.spuriousVector] & SOFTWARE_ENABLE))
      for (const entry of LOCAL_VECTORS) apic[entry] |= LVT_MASKED
    if (register === APIC.initialCount) startTimer(state)
  }
  // Interrupts that were held back may be next now.
  state.attention |= ATTENTION.event
}

/** Brings the timer up to the present: it may request its interrupt. */
export function updateTimer(state: Vcpu): void {
  const vector = expireTimer(state)
  if (vector >= 0) requestInterrupt(state, vector)
}
