/** Far jumps, calls and returns: code segments and call gates (APM vol 2 §4.7 to §4.8, §4.11; vol 3 CALL, JMP, RET far). */
import type { Instruction } from '../isa/instruction.ts'
import { CS, DS, ES, FS, GS, RSP, SS } from '../isa/registers.ts'
import { modeChanged } from '../paging/contexts.ts'
import { readLinear } from '../paging/access.ts'
import { ACCESS, type Cpu, type SystemInstruction } from '../state/cpu.ts'
import { Fault, generalProtection, VECTOR } from '../state/faults.ts'
import { ATTRIBUTE, MODE, stackBytes } from '../state/mode.ts'
import type { Vcpu } from '../state/vcpu.ts'
import {
  type Descriptor,
  dpl,
  isCode,
  isConforming,
  isLongMode,
  isNull,
  isSystemType,
  loadedSegment,
  readUpperHalf,
  requireDescriptor,
  SELECTOR,
  selectorError,
  SYSTEM_TYPE,
} from './descriptors.ts'
import { loadFarPointer } from './operands.ts'
import { checkTarget, linearAddress, type SegmentValue, setSegment } from './segmentation.ts'
import { resolveStackSegment, virtual8086Segment } from './segment-loads.ts'
import { currentStack, peekStack, pushFrame, setStackPointer } from './stack.ts'
import { legacyInnerStack, longStack, nullStackSegment } from './task-state.ts'
import { byInstruction, isTss, switchTask } from './task-switch.ts'

/** The far pointer of a JMP or CALL: an immediate, or in memory. */
function farTarget(cpu: Cpu, instruction: Instruction): { selector: number; offset: bigint } {
  const operand = instruction.operands[0]
  return operand.kind === 'far' ? operand : loadFarPointer(cpu, instruction, 0)
}

/** What CS becomes by a transfer in real or virtual-8086 mode. Real mode keeps limit and attributes. */
function realModeSegment(state: Vcpu, selector: number): SegmentValue {
  if (state.mode & MODE.virtual8086) return virtual8086Segment(selector)
  const { attributes, limit } = state.segments[CS]
  return { selector, attributes, limit, base: BigInt(selector << 4) }
}

/**
 * Checks a code segment that a jump or call names directly, or a return goes to, and returns its descriptor.
 * `level` is the privilege level that code of it will have.
 */
function requireCodeSegment(cpu: Cpu, selector: number, allows: (attributes: number) => boolean): Descriptor {
  if (isNull(selector)) generalProtection()
  const errorCode = selectorError(selector)
  const descriptor = requireDescriptor(cpu, selector, VECTOR.GP)
  const attributes = descriptor.attributes
  if (!isCode(attributes) || !allows(attributes)) generalProtection(errorCode)
  const bothSizes = ATTRIBUTE.L | ATTRIBUTE.DB
  if (isLongMode(cpu) && (attributes & bothSizes) === bothSizes) generalProtection(errorCode)
  if (!(attributes & ATTRIBUTE.P)) throw new Fault(VECTOR.NP, errorCode)
  return descriptor
}

/** A direct transfer keeps CPL: DPL = CPL, or for conforming segments DPL <= CPL (APM vol 2 §4.11.1). */
function allowsDirect(cpl: number, selector: number): (attributes: number) => boolean {
  return (attributes) =>
    isConforming(attributes)
      ? dpl(attributes) <= cpl
      : dpl(attributes) === cpl && (selector & SELECTOR.rpl) <= cpl
}

function withLevel(selector: number, level: number): number {
  return (selector & ~SELECTOR.rpl) | level
}

/** Continues at `offset` of code segment `cs` with CPL `level`. */
function enterCode(cpu: Cpu, cs: SegmentValue, offset: bigint, level = cpu.state.cpl): void {
  const state = cpu.state
  setSegment(state.segments[CS], cs)
  state.cpl = level
  state.rip = offset
  modeChanged(cpu)
}

/** A call gate, and the code segment it leads to. */
interface CallGate {
  readonly selector: number
  readonly offset: bigint
  readonly descriptor: Descriptor
  readonly itemBytes: 2 | 4 | 8
  /** Parameters that a legacy gate copies to the inner stack. */
  readonly parameters: number
}

/**
 * Reads and checks the system descriptor that a far pointer named (APM vol 2 §4.8.2):
 *   47 P   46:45 DPL   43:40 type   36:32 parameter count   31:16 selector   63:48, 15:0 offset
 * and in long mode 8 more bytes with offset 63:32.
 */
function requireCallGate(cpu: Cpu, selector: number, gate: Descriptor, isCall: boolean): CallGate {
  const state = cpu.state
  const long = isLongMode(cpu)
  const errorCode = selectorError(selector)
  const wide = isSystemType(gate.attributes, SYSTEM_TYPE.callGate)
  if (!wide && (long || !isSystemType(gate.attributes, SYSTEM_TYPE.callGate16))) generalProtection(errorCode)
  const gateLevel = dpl(gate.attributes)
  if (gateLevel < state.cpl || gateLevel < (selector & SELECTOR.rpl)) generalProtection(errorCode)
  if (!(gate.attributes & ATTRIBUTE.P)) throw new Fault(VECTOR.NP, errorCode)
  const upper = long ? readUpperHalf(cpu, gate) : 0n
  if (upper & (0x1fn << 40n)) generalProtection(errorCode)

  const target = Number((gate.raw >> 16n) & 0xffffn)
  const descriptor = requireCodeSegment(cpu, target, (attributes) => {
    if (long && !(attributes & ATTRIBUTE.L)) return false
    return isCall || isConforming(attributes) ? dpl(attributes) <= state.cpl : dpl(attributes) === state.cpl
  })
  const offset16 = gate.raw & 0xffffn
  const offset32 = offset16 | ((gate.raw >> 32n) & 0xffff_0000n)
  return {
    selector: target,
    offset: wide ? offset32 | ((upper & 0xffff_ffffn) << 32n) : offset16,
    descriptor,
    itemBytes: long ? 8 : wide ? 4 : 2,
    parameters: long ? 0 : Number((gate.raw >> 32n) & 0x1fn),
  }
}

/** The descriptor that a far pointer names. */
function requireTarget(cpu: Cpu, selector: number): Descriptor {
  if (isNull(selector)) generalProtection()
  return requireDescriptor(cpu, selector, VECTOR.GP)
}

/**
 * Where the far pointer names a TSS or a task gate, switches to that task and returns true; offset and, with a gate, the TSS's own
 * privilege level do not count (APM vol 2 §12.3). Long mode has neither: there they are no gates (requireCallGate).
 */
function entersTask(cpu: Cpu, selector: number, target: Descriptor, cause: 'jump' | 'call'): boolean {
  const { attributes } = target
  const isGate = isSystemType(attributes, SYSTEM_TYPE.taskGate)
  if (isLongMode(cpu) || (!isGate && !isTss(attributes))) return false
  const errorCode = selectorError(selector)
  const level = dpl(attributes)
  if (level < cpu.state.cpl || level < (selector & SELECTOR.rpl)) generalProtection(errorCode)
  if (isGate && !(attributes & ATTRIBUTE.P)) throw new Fault(VECTOR.NP, errorCode)
  const task = isGate ? Number((target.raw >> 16n) & 0xffffn) : selector
  switchTask(cpu, task, byInstruction(cpu, cause))
  return true
}

/** The gate that `selector` names, or undefined where it names a code or data segment. */
function findGate(cpu: Cpu, selector: number, descriptor: Descriptor, isCall: boolean): CallGate | undefined {
  if (descriptor.attributes & ATTRIBUTE.S) return undefined
  const whole = isLongMode(cpu) ? requireDescriptor(cpu, selector, VECTOR.GP, 16) : descriptor
  return requireCallGate(cpu, selector, whole, isCall)
}

const jumpFar: SystemInstruction = (cpu, instruction) => {
  const state = cpu.state
  const { selector, offset } = farTarget(cpu, instruction)
  if (!(state.mode & MODE.protected)) {
    const cs = realModeSegment(state, selector)
    checkTarget(cpu, cs, offset)
    enterCode(cpu, cs, offset)
    return
  }
  const named = requireTarget(cpu, selector)
  if (entersTask(cpu, selector, named, 'jump')) return
  const gate = findGate(cpu, selector, named, false)
  const descriptor = gate?.descriptor ?? requireCodeSegment(cpu, selector, allowsDirect(state.cpl, selector))
  const target = gate?.offset ?? offset
  checkTarget(cpu, descriptor, target)
  enterCode(cpu, loadedSegment(cpu, withLevel(gate?.selector ?? selector, state.cpl), descriptor), target)
}

const callFar: SystemInstruction = (cpu, instruction) => {
  const state = cpu.state
  const { selector, offset } = farTarget(cpu, instruction)
  const size = instruction.operandSize as 2 | 4 | 8
  if (!(state.mode & MODE.protected)) {
    const cs = realModeSegment(state, selector)
    checkTarget(cpu, cs, offset)
    pushReturn(cpu, size)
    enterCode(cpu, cs, offset)
    return
  }
  const named = requireTarget(cpu, selector)
  if (entersTask(cpu, selector, named, 'call')) return
  const gate = findGate(cpu, selector, named, true)
  if (gate !== undefined) {
    callThroughGate(cpu, gate)
    return
  }
  const descriptor = requireCodeSegment(cpu, selector, allowsDirect(state.cpl, selector))
  checkTarget(cpu, descriptor, offset)
  const cs = loadedSegment(cpu, withLevel(selector, state.cpl), descriptor)
  pushReturn(cpu, size)
  enterCode(cpu, cs, offset)
}

/** Pushes CS and the next rIP on the current stack. */
function pushReturn(cpu: Cpu, size: 2 | 4 | 8): void {
  const state = cpu.state
  const stack = currentStack(state)
  setStackPointer(
    state,
    stack.pointerBytes,
    pushFrame(cpu, stack, size, [BigInt(state.segments[CS].selector), state.rip]),
  )
}

function callThroughGate(cpu: Cpu, gate: CallGate): void {
  const state = cpu.state
  const { attributes } = gate.descriptor
  const level = isConforming(attributes) ? state.cpl : dpl(attributes)
  checkTarget(cpu, gate.descriptor, gate.offset)
  if (level === state.cpl) {
    const cs = loadedSegment(cpu, withLevel(gate.selector, level), gate.descriptor)
    pushReturn(cpu, gate.itemBytes)
    enterCode(cpu, cs, gate.offset)
    return
  }
  const stack = isLongMode(cpu)
    ? longStack(cpu, 0, level, nullStackSegment(level))
    : legacyInnerStack(cpu, level)
  const frame = [
    BigInt(state.segments[SS].selector),
    state.gpr[RSP],
    ...readParameters(cpu, gate),
    BigInt(state.segments[CS].selector),
    state.rip,
  ]
  const cs = loadedSegment(cpu, withLevel(gate.selector, level), gate.descriptor)
  const pointer = pushFrame(cpu, stack, gate.itemBytes, frame)
  setSegment(state.segments[SS], stack.segment)
  setStackPointer(state, stack.pointerBytes, pointer)
  enterCode(cpu, cs, gate.offset, level)
}

/** The parameters on the caller's stack, in the order in which they are pushed again. */
function readParameters(cpu: Cpu, gate: CallGate): bigint[] {
  return Array.from({ length: gate.parameters }, (_, i) =>
    peekStack(cpu, gate.itemBytes, gate.parameters - 1 - i),
  )
}

const returnFar: SystemInstruction = (cpu, instruction) => {
  const state = cpu.state
  const size = instruction.operandSize as 2 | 4 | 8
  const operand = instruction.operands[0]
  // RETF imm16: bytes of parameters to release.
  const parameterBytes =
    instruction.operands.length > 0 && operand.kind === 'immediate' ? Number(operand.value) : 0
  const offset = peekStack(cpu, size, 0)
  const selector = Number(peekStack(cpu, size, 1) & 0xffffn)
  if (!(state.mode & MODE.protected)) {
    const cs = realModeSegment(state, selector)
    checkTarget(cpu, cs, offset)
    setStackPointer(state, stackBytes(state.mode), state.gpr[RSP] + BigInt(2 * size + parameterBytes))
    enterCode(cpu, cs, offset)
    return
  }
  const target = resolveReturn(cpu, selector, offset)
  if (target.level === state.cpl) {
    setStackPointer(state, stackBytes(state.mode), state.gpr[RSP] + BigInt(2 * size + parameterBytes))
    enterCode(cpu, target.cs, offset)
    return
  }
  const at = state.gpr[RSP] + BigInt(2 * size + parameterBytes)
  const pointer = readStackAt(cpu, at, size)
  const stackSelector = Number(readStackAt(cpu, at + BigInt(size), size) & 0xffffn)
  returnToOuter(cpu, target, offset, stackSelector, pointer + BigInt(parameterBytes))
}

function readStackAt(cpu: Cpu, pointer: bigint, size: 2 | 4 | 8): bigint {
  const offset = BigInt.asUintN(stackBytes(cpu.state.mode) * 8, pointer)
  return readLinear(cpu, linearAddress(cpu, SS, offset, size, ACCESS.read), size)
}

/** Where a return goes: the code segment, checked, and its privilege level. */
export interface ReturnTarget {
  readonly cs: SegmentValue
  readonly level: number
}

/** Checks the CS:rIP of a far return or IRET. Its RPL is the new CPL and cannot be more privileged than the current one. */
export function resolveReturn(cpu: Cpu, selector: number, offset: bigint): ReturnTarget {
  const level = selector & SELECTOR.rpl
  if (isNull(selector)) generalProtection()
  if (level < cpu.state.cpl) generalProtection(selectorError(selector))
  const descriptor = requireCodeSegment(cpu, selector, (attributes) =>
    isConforming(attributes) ? dpl(attributes) <= level : dpl(attributes) === level,
  )
  checkTarget(cpu, descriptor, offset)
  return { cs: loadedSegment(cpu, selector, descriptor), level }
}

/** Loads the outer SS:rSP and CS:rIP, and clears data segments that the outer level may not use (APM vol 2 §4.11.2). */
export function returnToOuter(
  cpu: Cpu,
  target: ReturnTarget,
  offset: bigint,
  stackSelector: number,
  pointer: bigint,
): void {
  const state = cpu.state
  const to64 = isLongMode(cpu) && (target.cs.attributes & ATTRIBUTE.L) !== 0
  const ss = resolveStackSegment(cpu, stackSelector, target.level, to64)
  setSegment(state.segments[SS], ss)
  setStackPointer(state, to64 ? 8 : ss.attributes & ATTRIBUTE.DB ? 4 : 2, pointer)
  for (const register of [ES, DS, FS, GS]) dropPrivilegedSegment(state, register, target.level)
  enterCode(cpu, target.cs, offset, target.level)
}

/** A data segment above the new privilege level becomes null. It keeps its hidden base and limit: 64-bit code uses those of FS and GS. */
function dropPrivilegedSegment(state: Vcpu, register: number, level: number): void {
  const segment = state.segments[register]
  const { attributes } = segment
  if (!(attributes & ATTRIBUTE.P) || dpl(attributes) >= level) return
  if (isCode(attributes) && isConforming(attributes)) return
  segment.selector = 0
  segment.attributes = 0
}

export const farTransferInstructions = {
  'jmp-far': jumpFar,
  'call-far': callFar,
  'ret-far': returnFar,
} as const
