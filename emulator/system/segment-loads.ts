/** Loading ES, SS, DS, FS and GS: MOV, POP and the far-pointer loads; storing selectors (APM vol 2 §4.5, §4.11). */
import type { Instruction } from '../isa/instruction.ts'
import { SS } from '../isa/registers.ts'
import { modeChanged } from '../paging/contexts.ts'
import { ATTENTION } from '../state/attention.ts'
import type { Cpu, SystemInstruction } from '../state/cpu.ts'
import { Fault, generalProtection, VECTOR } from '../state/faults.ts'
import { ATTRIBUTE, MODE } from '../state/mode.ts'
import {
  dpl,
  isCode,
  isConforming,
  isNull,
  isWritableData,
  loadedSegment,
  requireDescriptor,
  SELECTOR,
  selectorError,
} from './descriptors.ts'
import { beginInterruptShadow } from './flags.ts'
import { loadFarPointer, readWord, registerOperand, writeOperand, writeRegister } from './operands.ts'
import { NULL_SEGMENT, type SegmentValue, setSegment } from './segmentation.ts'
import { peekStack, releaseStack } from './stack.ts'

/** Attributes and limit of every segment in virtual-8086 mode: writable data of DPL 3 (APM vol 2 §4.5.4). */
const VIRTUAL_8086_ATTRIBUTES =
  ATTRIBUTE.P | ATTRIBUTE.DPL | ATTRIBUTE.S | ATTRIBUTE.readWrite | ATTRIBUTE.accessed

export function virtual8086Segment(selector: number): SegmentValue {
  return { selector, attributes: VIRTUAL_8086_ATTRIBUTES, limit: 0xffff, base: BigInt(selector << 4) }
}

/**
 * What `selector` loads into segment register `register` (not CS), checked, with the accessed bit set in the descriptor table.
 * Throws #GP(selector), #NP(selector) or #SS(selector).
 */
function resolveSegment(cpu: Cpu, register: number, selector: number): SegmentValue {
  const state = cpu.state
  if (state.mode & MODE.virtual8086) return virtual8086Segment(selector)
  if (!(state.mode & MODE.protected)) {
    // Real mode replaces selector and base; the limit stays what it was.
    const { attributes, limit } = state.segments[register]
    return { selector, attributes, limit, base: BigInt(selector << 4) }
  }
  return register === SS ? resolveStackSegment(cpu, selector, state.cpl) : resolveDataSegment(cpu, selector)
}

/** As resolveSegment, for SS with a given privilege level. A null SS is legal in 64-bit mode below CPL 3. */
export function resolveStackSegment(
  cpu: Cpu,
  selector: number,
  level: number,
  is64 = (cpu.state.mode & MODE.codeSize) === 2,
): SegmentValue {
  if (isNull(selector)) {
    if (!is64 || level === 3 || (selector & SELECTOR.rpl) !== level) generalProtection()
    return { ...NULL_SEGMENT, selector, attributes: level << 5 }
  }
  const errorCode = selectorError(selector)
  const descriptor = requireDescriptor(cpu, selector, VECTOR.GP)
  const attributes = descriptor.attributes
  if ((selector & SELECTOR.rpl) !== level || !isWritableData(attributes) || dpl(attributes) !== level)
    generalProtection(errorCode)
  if (!(attributes & ATTRIBUTE.P)) throw new Fault(VECTOR.SS, errorCode)
  return loadedSegment(cpu, selector, descriptor)
}

/** What a data segment register loads; a selector that it may not have raises `vector`, #GP but for task switches. */
export function resolveDataSegment(
  cpu: Cpu,
  selector: number,
  vector: number = VECTOR.GP,
  external = 0,
): SegmentValue {
  if (isNull(selector)) return { ...NULL_SEGMENT, selector }
  const errorCode = selectorError(selector, external)
  const descriptor = requireDescriptor(cpu, selector, vector, 8, external)
  const attributes = descriptor.attributes
  const code = isCode(attributes)
  const readable = (attributes & ATTRIBUTE.S) !== 0 && (!code || (attributes & ATTRIBUTE.readWrite) !== 0)
  if (!readable) throw new Fault(vector, errorCode)
  const weakest = Math.max(selector & SELECTOR.rpl, cpu.state.cpl)
  if (!(code && isConforming(attributes)) && weakest > dpl(attributes)) throw new Fault(vector, errorCode)
  if (!(attributes & ATTRIBUTE.P)) throw new Fault(VECTOR.NP, errorCode)
  return loadedSegment(cpu, selector, descriptor)
}

/** Loads a segment register (not CS) and recomputes the mode. Throws as resolveSegment does, with nothing changed. */
export function loadSegment(cpu: Cpu, register: number, selector: number): void {
  setSegment(cpu.state.segments[register], resolveSegment(cpu, register, selector))
  modeChanged(cpu)
}

/** MOV SS and POP SS hold off interrupts and the single-step trap until the next instruction has ended (APM vol 2 §8.5.1). */
function shadowStackLoad(cpu: Cpu, register: number): void {
  if (register !== SS) return
  beginInterruptShadow(cpu)
  cpu.state.attention &= ~ATTENTION.trap
}

const movSegment: SystemInstruction = (cpu, instruction) => {
  const target = instruction.operands[0]
  if (target.kind === 'register' && target.file === 'segment') {
    loadSegment(cpu, target.index, readWord(cpu, instruction, 1))
    shadowStackLoad(cpu, target.index)
    return
  }
  const source = registerOperand(instruction, 1)
  writeOperand(cpu, instruction, 0, BigInt(cpu.state.segments[source.index].selector))
}

const popSegment: SystemInstruction = (cpu, instruction) => {
  const register = registerOperand(instruction, 0).index
  const size = instruction.operandSize as 2 | 4 | 8
  const selector = Number(peekStack(cpu, size, 0) & 0xffffn)
  const value = resolveSegment(cpu, register, selector)
  // The pop goes by the width of the old stack.
  releaseStack(cpu.state, size)
  setSegment(cpu.state.segments[register], value)
  modeChanged(cpu)
  shadowStackLoad(cpu, register)
}

/** The segment register that each far-pointer load loads. */
const FAR_LOADS: Readonly<Record<string, number>> = { les: 0, lss: 2, lds: 3, lfs: 4, lgs: 5 }

const loadFar: SystemInstruction = (cpu: Cpu, instruction: Instruction) => {
  const { selector, offset } = loadFarPointer(cpu, instruction, 1)
  loadSegment(cpu, FAR_LOADS[instruction.mnemonic], selector)
  writeRegister(cpu.state, registerOperand(instruction, 0).index, instruction.operandSize, offset)
}

export const segmentInstructions = {
  'mov-segment': movSegment,
  'pop-segment': popSegment,
  'load-far': loadFar,
} as const
