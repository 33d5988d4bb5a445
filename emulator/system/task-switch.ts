/**
 * Task switches by hardware (APM vol 2 §12.3, legacy protected mode only): far jumps and calls to a TSS or a task gate, events
 * through a task gate, and IRET with rFLAGS.NT = 1. Intercept: §15.14.1.
 */
import { CS, DS, ES, FS, GS, LDTR, NT, RF, SS, TR, VM } from '../isa/registers.ts'
import { modeChanged } from '../paging/contexts.ts'
import { probeLinear, readLinear, writeLinear } from '../paging/access.ts'
import { ATTENTION } from '../state/attention.ts'
import { ACCESS, type Cpu } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import { Exit, Fault, VECTOR } from '../state/faults.ts'
import { readRflags } from '../state/flags.ts'
import { ATTRIBUTE, CR0 } from '../state/mode.ts'
import { ACTIVITY } from '../state/vcpu.ts'
import { setCr3 } from './control-registers.ts'
import { DR6 } from './debug-bits.ts'
import { setDr7 } from './debug-registers.ts'
import { raiseDebugTrap } from './debug-traps.ts'
import {
  type Descriptor,
  dpl,
  isCode,
  isConforming,
  isNull,
  isSystemType,
  loadedSegment,
  requireDescriptor,
  SELECTOR,
  selectorError,
  SYSTEM_TYPE,
  tableAddress,
  TSS_BUSY,
} from './descriptors.ts'
import { loadRflags } from './rflags.ts'
import { resolveDataSegment, virtual8086Segment } from './segment-loads.ts'
import { checkTarget, NULL_SEGMENT, type SegmentValue, setSegment } from './segmentation.ts'
import { currentStack, pushFrame, setStackPointer } from './stack.ts'
import { innerStackSegment } from './task-state.ts'

/** Offsets in the two formats of a TSS (APM vol 2 figures 12-6 and 12-7). */
interface TssFormat {
  readonly itemBytes: 2 | 4
  readonly rip: number
  readonly rflags: number
  /** The eight general registers, in the order of their numbers. */
  readonly general: number
  /** ES, CS, SS, DS and, with 32 bits, FS and GS: a selector in each item. */
  readonly segments: number
  readonly segmentCount: number
  readonly ldt: number
  /** The smallest legal limit. */
  readonly limit: number
}

const TSS_16: TssFormat = {
  itemBytes: 2,
  rip: 0x0e,
  rflags: 0x10,
  general: 0x12,
  segments: 0x22,
  segmentCount: 4,
  ldt: 0x2a,
  limit: 0x2b,
}

const TSS_32: TssFormat = {
  itemBytes: 4,
  rip: 0x20,
  rflags: 0x24,
  general: 0x28,
  segments: 0x48,
  segmentCount: 6,
  ldt: 0x60,
  limit: 0x67,
}

/** Offsets of the 32-bit TSS alone; bit 0 of the word at `trap` is T. The link to the previous task is at 0 in both. */
const CR3_FIELD = 0x1c
const TRAP_FIELD = 0x64

/** Why a task ends: decides busy bits, NT and the link (table 12-1). */
export interface TaskSwitch {
  readonly cause: 'jump' | 'call' | 'event' | 'iret'
  /** EXT of error codes. */
  readonly external: number
  /** What is pushed on the new task's stack; -1: nothing. */
  readonly errorCode: number
  /** Where the outgoing task goes on, and whether with RF = 1. */
  readonly returnRip: bigint
  readonly resume: boolean
}

/** The switch that an instruction makes: state.rip is the next one. */
export function byInstruction(cpu: Cpu, cause: 'jump' | 'call' | 'iret'): TaskSwitch {
  return { cause, external: 0, errorCode: -1, returnRip: cpu.state.rip, resume: false }
}

/** True for the descriptor of a TSS, available or busy. */
export function isTss(attributes: number): boolean {
  const type = attributes & ~TSS_BUSY
  return isSystemType(type, SYSTEM_TYPE.tss) || isSystemType(type, SYSTEM_TYPE.tss16)
}

/**
 * Switches to the task whose TSS `selector` names: directly, in a task gate, or as the link that IRET follows, which must be busy.
 * Privilege has been checked. Throws #GP, #NP or #TS before anything has changed, and then what loading the new task raises,
 * marked as committed.
 */
export function switchTask(cpu: Cpu, selector: number, how: TaskSwitch): void {
  const { state } = cpu
  const returns = how.cause === 'iret'
  const descriptor = requireTss(cpu, selector, returns, how.external)
  const tr = state.segments[TR]
  const outgoing = tr.attributes & ATTRIBUTE.code ? TSS_32 : TSS_16
  const incoming = descriptor.attributes & ATTRIBUTE.code ? TSS_32 : TSS_16
  if (descriptor.limit < incoming.limit) throw new Fault(VECTOR.TS, selectorError(selector, how.external))
  if (tr.limit < outgoing.limit) throw new Fault(VECTOR.TS, selectorError(tr.selector, how.external))
  if (state.guestMode) cpu.virtualization.intercept(cpu, EXIT.TASK_SWITCH, BigInt(selector), switchInfo(how))

  const nests = how.cause === 'call' || how.cause === 'event'
  const previous = tableAddress(cpu, state.gdtrBase, tr.selector & SELECTOR.index, 8)
  probe(cpu, tr.base, outgoing.rip, outgoing.ldt - outgoing.rip, ACCESS.write)
  probe(cpu, descriptor.base, 0, incoming.limit + 1, ACCESS.read)
  if (nests) probe(cpu, descriptor.base, 0, 2, ACCESS.write)
  probe(cpu, previous, 5, 1, ACCESS.write)
  probe(cpu, descriptor.address, 5, 1, ACCESS.write)

  save(cpu, outgoing, how)
  if (!nests) setBusy(cpu, previous, false)
  if (!returns) setBusy(cpu, descriptor.address, true)
  if (nests) writeLinear(cpu, descriptor.base, 2, BigInt(tr.selector), false)
  const task = read(cpu, descriptor, incoming)
  try {
    load(cpu, selector, descriptor, nests ? { ...task, rflags: task.rflags | NT } : task, how)
  } catch (thrown) {
    if (thrown instanceof Fault || thrown instanceof Exit) thrown.committed = true
    throw thrown
  }
}

/** The descriptor of the incoming task: available, or busy for IRET. Both must be in the GDT. */
function requireTss(cpu: Cpu, selector: number, busy: boolean, external: number): Descriptor {
  const vector = busy ? VECTOR.TS : VECTOR.GP
  const errorCode = selectorError(selector, external)
  if (selector & SELECTOR.ti) throw new Fault(vector, errorCode)
  const descriptor = requireDescriptor(cpu, selector, vector, 8, external)
  const { attributes } = descriptor
  if (!isTss(attributes) || ((attributes & TSS_BUSY) !== 0) !== busy) throw new Fault(vector, errorCode)
  if (!(attributes & ATTRIBUTE.P)) throw new Fault(VECTOR.NP, errorCode)
  return descriptor
}

/** EXITINFO2: 48 RF for the outgoing TSS, 44 error code valid, 38 far jump, 36 IRET, 31:0 error code (§15.14.1). */
function switchInfo({ cause, errorCode, resume }: TaskSwitch): bigint {
  let info = errorCode >= 0 ? BigInt(errorCode) | (1n << 44n) : 0n
  if (cause === 'iret') info |= 1n << 36n
  if (cause === 'jump') info |= 1n << 38n
  if (resume) info |= 1n << 48n
  return info
}

function probe(cpu: Cpu, base: bigint, offset: number, bytes: number, access: 0 | 1): void {
  probeLinear(cpu, tableAddress(cpu, base, offset, bytes), bytes, access, false)
}

function setBusy(cpu: Cpu, address: bigint, busy: boolean): void {
  const at = tableAddress(cpu, address, 5, 1)
  const type = Number(readLinear(cpu, at, 1, false))
  writeLinear(cpu, at, 1, BigInt(busy ? type | TSS_BUSY : type & ~TSS_BUSY), false)
}

/** Stores the outgoing task: rIP, rFLAGS, general and segment registers. CR3 and LDTR are not stored. */
function save(cpu: Cpu, format: TssFormat, how: TaskSwitch): void {
  const { state } = cpu
  const { base } = state.segments[TR]
  const put = (offset: number, size: 2 | 4, value: bigint): void =>
    writeLinear(cpu, tableAddress(cpu, base, offset, size), size, BigInt.asUintN(size * 8, value), false)
  let rflags = readRflags(state) & ~RF
  if (how.resume) rflags |= RF
  if (how.cause === 'iret') rflags &= ~NT
  put(format.rip, format.itemBytes, how.returnRip)
  put(format.rflags, format.itemBytes, BigInt(rflags >>> 0))
  for (let n = 0; n < 8; n++) put(format.general + n * format.itemBytes, format.itemBytes, state.gpr[n])
  for (let n = 0; n < format.segmentCount; n++)
    put(format.segments + n * format.itemBytes, 2, BigInt(state.segments[n].selector))
}

/** What a TSS says of its task. */
interface TaskImage {
  readonly itemBytes: 2 | 4
  /** Undefined in a 16-bit TSS, which leaves CR3 alone. */
  readonly cr3: bigint | undefined
  readonly rip: bigint
  readonly rflags: number
  readonly general: readonly bigint[]
  /** ES, CS, SS, DS, FS, GS; a 16-bit TSS has no FS and GS, which become null. */
  readonly segments: readonly number[]
  readonly ldt: number
  readonly trap: boolean
}

function read(cpu: Cpu, { base }: Descriptor, format: TssFormat): TaskImage {
  const { itemBytes } = format
  const get = (offset: number, size: 2 | 4): bigint =>
    readLinear(cpu, tableAddress(cpu, base, offset, size), size, false)
  const items = (at: number, size: 2 | 4): bigint[] =>
    [0, 1, 2, 3, 4, 5, 6, 7].map((n) => get(at + n * itemBytes, size))
  const wide = itemBytes === 4
  return {
    itemBytes,
    cr3: wide ? get(CR3_FIELD, 4) : undefined,
    rip: get(format.rip, itemBytes),
    rflags: Number(get(format.rflags, itemBytes)),
    general: items(format.general, itemBytes),
    segments: [ES, CS, SS, DS, FS, GS].map((n) =>
      n < format.segmentCount ? Number(get(format.segments + n * itemBytes, 2)) : 0,
    ),
    ldt: Number(get(format.ldt, 2)),
    trap: wide && (get(TRAP_FIELD, 2) & 1n) !== 0n,
  }
}

/** Local breakpoints, L0 to L3 and LE, end with the task (APM vol 2 §13.1.1). */
const LOCAL_BREAKPOINTS = 0x155n

/** Makes the processor the new task's. What fails from here on is raised in that task. */
function load(cpu: Cpu, selector: number, descriptor: Descriptor, task: TaskImage, how: TaskSwitch): void {
  const { state } = cpu
  const { segments } = state
  setSegment(segments[TR], { ...descriptor, selector, attributes: descriptor.attributes | TSS_BUSY })
  state.cr0 |= CR0.TS
  state.rip = task.rip
  task.general.forEach((value, n) => (state.gpr[n] = value))
  state.interruptShadow = 0
  state.activity = ACTIVITY.running
  state.attention &= ~(ATTENTION.shadow | ATTENTION.trap | ATTENTION.resume | ATTENTION.inactive)
  setDr7(cpu, state.dr7 & ~LOCAL_BREAKPOINTS)
  const virtual8086 = (task.rflags & VM) !== 0
  state.cpl = virtual8086 ? 3 : task.segments[CS] & SELECTOR.rpl
  // Until a register has passed its checks, it holds the selector and a segment that is not there.
  task.segments.forEach((value, n) => setSegment(segments[n], { ...NULL_SEGMENT, selector: value }))
  setSegment(segments[LDTR], { ...NULL_SEGMENT, selector: task.ldt })
  loadRflags(cpu, task.rflags)
  if (task.cr3 !== undefined && state.cr0 & CR0.PG) setCr3(cpu, task.cr3)
  modeChanged(cpu)

  const { external } = how
  setSegment(segments[LDTR], resolveLdt(cpu, task.ldt, external))
  if (virtual8086) task.segments.forEach((value, n) => setSegment(segments[n], virtual8086Segment(value)))
  else {
    setSegment(segments[CS], resolveCode(cpu, task.segments[CS], external))
    setSegment(segments[SS], innerStackSegment(cpu, task.segments[SS], state.cpl, external))
    for (const n of [ES, DS, FS, GS])
      setSegment(segments[n], resolveDataSegment(cpu, task.segments[n], VECTOR.TS, external))
  }
  modeChanged(cpu)
  if (how.errorCode >= 0) pushErrorCode(cpu, task.itemBytes, how)
  if (task.trap) raiseDebugTrap(state, DR6.BT)
  checkTarget(cpu, segments[CS], task.rip)
}

function resolveLdt(cpu: Cpu, selector: number, external: number): SegmentValue {
  if (isNull(selector)) return { ...NULL_SEGMENT, selector }
  const errorCode = selectorError(selector, external)
  if (selector & SELECTOR.ti) throw new Fault(VECTOR.TS, errorCode)
  const descriptor = requireDescriptor(cpu, selector, VECTOR.TS, 8, external)
  const { attributes } = descriptor
  if (!isSystemType(attributes, SYSTEM_TYPE.ldt) || !(attributes & ATTRIBUTE.P))
    throw new Fault(VECTOR.TS, errorCode)
  return { ...descriptor, selector }
}

/** The new task's CS, whose RPL is the new CPL. */
function resolveCode(cpu: Cpu, selector: number, external: number): SegmentValue {
  const errorCode = selectorError(selector, external)
  if (isNull(selector)) throw new Fault(VECTOR.TS, errorCode)
  const descriptor = requireDescriptor(cpu, selector, VECTOR.TS, 8, external)
  const { attributes } = descriptor
  const level = selector & SELECTOR.rpl
  const allowed = isConforming(attributes) ? dpl(attributes) <= level : dpl(attributes) === level
  if (!isCode(attributes) || !allowed) throw new Fault(VECTOR.TS, errorCode)
  if (!(attributes & ATTRIBUTE.P)) throw new Fault(VECTOR.NP, errorCode)
  return loadedSegment(cpu, selector, descriptor)
}

function pushErrorCode(cpu: Cpu, itemBytes: 2 | 4, { errorCode, external }: TaskSwitch): void {
  const stack = currentStack(cpu.state, external)
  setStackPointer(cpu.state, stack.pointerBytes, pushFrame(cpu, stack, itemBytes, [BigInt(errorCode)]))
}
