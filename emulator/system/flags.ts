/** PUSHF, POPF, CLI, STI, CLAC, STAC: flags that privilege protects (APM vol 3; rFLAGS vol 2 §3.1.6). */
import { AC, IF, IOPL, RF, VIF, VIP, VM } from '../isa/registers.ts'
import { ATTENTION } from '../state/attention.ts'
import type { Cpu, SystemInstruction } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import { generalProtection, undefinedOpcode } from '../state/faults.ts'
import { readRflags } from '../state/flags.ts'
import { MODE } from '../state/mode.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { lookForEvents } from './events.ts'
import { loadRflags } from './rflags.ts'
import {
  hasVirtualInterruptFlag,
  ioPrivilege,
  mergeVirtualFlags,
  seesVirtualFlags,
  virtualFlags,
} from './virtual-8086.ts'
import { currentStack, peekStack, pushFrame, releaseStack, setStackPointer } from './stack.ts'

const pushf: SystemInstruction = (cpu, instruction) => {
  const state = cpu.state
  if (state.guestMode) cpu.virtualization.intercept(cpu, EXIT.PUSHF)
  const size = instruction.operandSize as 2 | 4 | 8
  const flags = seesVirtualFlags(state, size) ? virtualFlags(state) : readRflags(state) & ~(VM | RF)
  const stack = currentStack(state)
  const image = BigInt(flags >>> 0)
  setStackPointer(state, stack.pointerBytes, pushFrame(cpu, stack, size, [BigInt.asUintN(size * 8, image)]))
}

const popf: SystemInstruction = (cpu, instruction) => {
  const state = cpu.state
  if (state.guestMode) cpu.virtualization.intercept(cpu, EXIT.POPF)
  const size = instruction.operandSize as 2 | 4 | 8
  const virtual = seesVirtualFlags(state, size)
  const image = Number(peekStack(cpu, size, 0) & 0xffff_ffffn)
  const flags = virtual
    ? mergeVirtualFlags(state, image)
    : mergeFlags(state, image & ~RF, size, VM | VIF | VIP)
  releaseStack(state, size)
  loadRflags(cpu, flags)
}

/**
 * What POPF and IRET make of a popped image: IOPL changes at CPL 0 only, IF where CPL <= IOPL, a 16-bit image leaves the upper
 * half alone, and so do the flags of `kept`. RF comes from the image.
 */
export function mergeFlags(state: Vcpu, image: number, size: number, kept: number): number {
  let keep = kept
  if (state.cpl > 0) keep |= IOPL
  if (state.cpl > ioPrivilege(state)) keep |= IF
  if (size === 2) keep |= ~0xffff
  return (readRflags(state) & keep) | (image & ~keep)
}

/** The flag that CLI and STI change: IF where CPL <= IOPL (virtual-8086 mode has CPL 3), else VIF where there is one, else #GP(0). */
function interruptFlag(state: Vcpu): number {
  if (!(state.mode & (MODE.protected | MODE.virtual8086)) || state.cpl <= ioPrivilege(state)) return IF
  if (!hasVirtualInterruptFlag(state)) generalProtection()
  return VIF
}

const cli: SystemInstruction = ({ state }) => {
  state.flagsOther &= ~interruptFlag(state)
}

const sti: SystemInstruction = (cpu) => {
  const { state } = cpu
  if (interruptFlag(state) === VIF) {
    if (state.flagsOther & VIP) generalProtection()
    state.flagsOther |= VIF
    return
  }
  const wasClear = !(state.flagsOther & IF)
  state.flagsOther |= IF
  if (wasClear) beginInterruptShadow(cpu)
  lookForEvents(state)
}

/** No interrupt is taken before the next instruction has ended (APM vol 2 §15.21.5). */
export function beginInterruptShadow({ state }: Cpu): void {
  state.interruptShadow = 1
  state.attention |= ATTENTION.shadow
}

function setAlignmentFlag(cpu: Cpu, value: number): void {
  if (!cpu.model.has('smap') || cpu.state.cpl !== 0) undefinedOpcode()
  loadRflags(cpu, (readRflags(cpu.state) & ~AC) | value)
}

const clac: SystemInstruction = (cpu) => setAlignmentFlag(cpu, 0)
const stac: SystemInstruction = (cpu) => setAlignmentFlag(cpu, AC)

export const flagInstructions = { pushf, popf, cli, sti, clac, stac } as const
