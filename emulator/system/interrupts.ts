/** INTn, INT3, INTO, INT1 and IRET (APM vol 2 §8.6 to §8.9; intercepts table 15-7). */
import { CS, DS, ES, FS, GS, NT, OF, SS, TR, VIF, VIP, VM } from '../isa/registers.ts'
import { readLinear } from '../paging/access.ts'
import { modeChanged } from '../paging/contexts.ts'
import type { Cpu, SystemInstruction } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import { Fault, generalProtection, VECTOR } from '../state/faults.ts'
import { readRflags } from '../state/flags.ts'
import { MODE } from '../state/mode.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { dropDebugTraps } from './debug-traps.ts'
import { deliverSoftware, EVENT_TYPE } from './deliver.ts'
import { isLongMode } from './descriptors.ts'
import { lookForEvents } from './events.ts'
import { resolveReturn, returnToOuter } from './far-transfers.ts'
import { mergeFlags } from './flags.ts'
import { loadRflags } from './rflags.ts'
import { virtual8086Segment } from './segment-loads.ts'
import { checkTarget, setSegment } from './segmentation.ts'
import { peekStack, releaseStack, setStackPointer } from './stack.ts'
import { byInstruction, switchTask } from './task-switch.ts'
import { callOwnHandler, mergeVirtualFlags, seesVirtualFlags } from './virtual-8086.ts'
import { VIRTUAL_INTERRUPT } from './virtual-interrupt.ts'

const int: SystemInstruction = (cpu, instruction) => {
  const operand = instruction.operands[0]
  const vector = operand.kind === 'immediate' ? Number(operand.value) : 0
  if (cpu.state.guestMode) cpu.virtualization.intercept(cpu, EXIT.SWINT, BigInt(vector))
  if (!callOwnHandler(cpu, vector)) deliverSoftware(cpu, vector, EVENT_TYPE.software)
}

/** #BP and #OF of instructions: exceptions for the intercepts, software interrupts for the IDT. */
function raiseTrap(cpu: Cpu, vector: number): void {
  if (cpu.state.guestMode) cpu.virtualization.interceptException(cpu, new Fault(vector))
  deliverSoftware(cpu, vector, EVENT_TYPE.exception)
}

const int3: SystemInstruction = (cpu) => raiseTrap(cpu, VECTOR.BP)

const into: SystemInstruction = (cpu) => {
  if (readRflags(cpu.state) & OF) raiseTrap(cpu, VECTOR.OF)
}

/** ICEBP has an intercept of its own; that of #DB does not see it. A #DB that a load of SS held back becomes one with this. */
const int1: SystemInstruction = (cpu) => {
  if (cpu.state.guestMode) cpu.virtualization.intercept(cpu, EXIT.ICEBP)
  cpu.state.dr6 |= BigInt(dropDebugTraps(cpu.state))
  deliverSoftware(cpu, VECTOR.DB, EVENT_TYPE.exception)
}

const iret: SystemInstruction = (cpu, instruction) => {
  const state = cpu.state
  if (state.guestMode) cpu.virtualization.intercept(cpu, EXIT.IRET)
  if (state.mode & MODE.protected && state.flagsOther & NT) returnToPreviousTask(cpu)
  else returnFromHandler(cpu, instruction.operandSize as 2 | 4 | 8)
  unmaskNmis(state)
  lookForEvents(state)
}

/** With rFLAGS.NT = 1 the interrupted task is the one that the TSS links to; long mode has no tasks (APM vol 2 §12.3). */
function returnToPreviousTask(cpu: Cpu): void {
  if (isLongMode(cpu)) generalProtection()
  const link = readLinear(cpu, cpu.state.segments[TR].base, 2, false)
  switchTask(cpu, Number(link), byInstruction(cpu, 'iret'))
}

function returnFromHandler(cpu: Cpu, size: 2 | 4 | 8): void {
  const virtual = seesVirtualFlags(cpu.state, size)
  const offset = peekStack(cpu, size, 0)
  const selector = Number(peekStack(cpu, size, 1) & 0xffffn)
  const image = Number(peekStack(cpu, size, 2) & 0xffff_ffffn)
  if (cpu.state.mode & MODE.protected) returnInProtectedMode(cpu, size, offset, selector, image)
  else returnToRealMode(cpu, size, offset, selector, image, virtual)
}

/** IRET ends the handling of an NMI: of a virtual one in a guest with NMI virtualization (APM vol 2 §15.21.10). */
function unmaskNmis(state: Vcpu): void {
  if (state.guestMode && state.virtualInterrupt & VIRTUAL_INTERRUPT.nmiEnable)
    state.virtualInterrupt &= ~VIRTUAL_INTERRUPT.nmiMask
  else state.nmiMasked = 0
}

/** In virtual-8086 mode IRET stays in that mode and cannot change IOPL. `virtual`: the image has VIF in the place of IF. */
function returnToRealMode(
  cpu: Cpu,
  size: 2 | 4 | 8,
  offset: bigint,
  selector: number,
  image: number,
  virtual: boolean,
): void {
  const state = cpu.state
  const virtual8086 = (state.mode & MODE.virtual8086) !== 0
  const { attributes, limit } = state.segments[CS]
  const cs = virtual8086
    ? virtual8086Segment(selector)
    : { selector, attributes, limit, base: BigInt(selector << 4) }
  checkTarget(cpu, cs, offset)
  const flags = virtual ? mergeVirtualFlags(state, image) : mergeFlags(state, image, size, VM | VIF | VIP)
  releaseStack(state, 3 * size)
  setSegment(state.segments[CS], cs)
  state.rip = offset
  loadRflags(cpu, flags)
  modeChanged(cpu)
}

function returnInProtectedMode(
  cpu: Cpu,
  size: 2 | 4 | 8,
  offset: bigint,
  selector: number,
  image: number,
): void {
  const state = cpu.state
  const long = isLongMode(cpu)
  if (image & VM && state.cpl === 0 && size === 4 && !long) {
    returnToVirtual8086(cpu, offset, selector, image)
    return
  }
  const target = resolveReturn(cpu, selector, offset)
  const flags = mergeFlags(state, image, size, state.cpl === 0 ? VM : VM | VIF | VIP)
  // 64-bit mode always pops SS:rSP (APM vol 2 §8.9.5).
  const popsStack = target.level !== state.cpl || (state.mode & MODE.codeSize) === 2
  if (popsStack) {
    const pointer = peekStack(cpu, size, 3)
    const stackSelector = Number(peekStack(cpu, size, 4) & 0xffffn)
    returnToOuter(cpu, target, offset, stackSelector, pointer)
  } else {
    releaseStack(state, 3 * size)
    setSegment(state.segments[CS], target.cs)
    state.rip = offset
  }
  loadRflags(cpu, flags)
  modeChanged(cpu)
}

/** The frame: EIP, CS, EFLAGS, ESP, SS, ES, DS, FS, GS, four bytes each. */
function returnToVirtual8086(cpu: Cpu, offset: bigint, selector: number, image: number): void {
  const state = cpu.state
  const pointer = peekStack(cpu, 4, 3)
  const selectors = [4, 5, 6, 7, 8].map((index) => Number(peekStack(cpu, 4, index) & 0xffffn))
  const cs = virtual8086Segment(selector)
  checkTarget(cpu, cs, offset)
  ;[SS, ES, DS, FS, GS].forEach((register, i) =>
    setSegment(state.segments[register], virtual8086Segment(selectors[i])),
  )
  setSegment(state.segments[CS], cs)
  state.cpl = 3
  state.rip = offset
  loadRflags(cpu, image)
  modeChanged(cpu)
  setStackPointer(state, 4, pointer)
}

export const interruptInstructions = { int, int3, into, int1, iret } as const
