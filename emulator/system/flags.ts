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
import { currentStack, peekStack, pushFrame, releaseStack, setStackPointer } from './stack.ts'

/** rFLAGS.IOPL, 0..3. */
export function ioPrivilege(state: Vcpu): number {
  return (state.flagsOther & IOPL) >>> 12
}

/** In virtual-8086 mode PUSHF, POPF, INTn and IRET need IOPL 3. */
export function requireVirtual8086Privilege(cpu: Cpu): void {
  if (cpu.state.mode & MODE.virtual8086 && ioPrivilege(cpu.state) < 3) generalProtection()
}

const pushf: SystemInstruction = (cpu, instruction) => {
  const state = cpu.state
  if (state.guestMode) cpu.virtualization.intercept(cpu, EXIT.PUSHF)
  requireVirtual8086Privilege(cpu)
  const size = instruction.operandSize as 2 | 4 | 8
  const stack = currentStack(state)
  const image = BigInt((readRflags(state) & ~(VM | RF)) >>> 0)
  setStackPointer(state, stack.pointerBytes, pushFrame(cpu, stack, size, [BigInt.asUintN(size * 8, image)]))
}

const popf: SystemInstruction = (cpu, instruction) => {
  const state = cpu.state
  if (state.guestMode) cpu.virtualization.intercept(cpu, EXIT.POPF)
  requireVirtual8086Privilege(cpu)
  const size = instruction.operandSize as 2 | 4 | 8
  const image = Number(peekStack(cpu, size, 0) & 0xffff_ffffn)
  releaseStack(state, size)
  loadRflags(cpu, mergeFlags(state, image & ~RF, size, VM | VIF | VIP))
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

/** CPL <= IOPL, or in virtual-8086 mode IOPL 3; CR4.VME and CR4.PVI are not modelled. */
function requireInterruptFlagPrivilege(cpu: Cpu): void {
  if (cpu.state.mode & (MODE.protected | MODE.virtual8086) && cpu.state.cpl > ioPrivilege(cpu.state))
    generalProtection()
}

const cli: SystemInstruction = (cpu) => {
  requireInterruptFlagPrivilege(cpu)
  cpu.state.flagsOther &= ~IF
}

const sti: SystemInstruction = (cpu) => {
  requireInterruptFlagPrivilege(cpu)
  const wasClear = !(cpu.state.flagsOther & IF)
  cpu.state.flagsOther |= IF
  if (wasClear) beginInterruptShadow(cpu)
  lookForEvents(cpu.state)
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
