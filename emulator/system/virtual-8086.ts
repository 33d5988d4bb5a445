/**
 * Virtual interrupts (APM vol 2 §8.10): with CR4.VME in virtual-8086 mode and with CR4.PVI at CPL 3, a program whose IOPL does not
 * let it at rFLAGS.IF has rFLAGS.VIF instead; and INTn of a virtual-8086 program may stay in that mode.
 */
import { CS, IF, IOPL, RF, TF, TR, VIF, VIP } from '../isa/registers.ts'
import { readLinear } from '../paging/access.ts'
import type { Cpu } from '../state/cpu.ts'
import { generalProtection } from '../state/faults.ts'
import { readRflags } from '../state/flags.ts'
import { ATTRIBUTE, CR4, MODE } from '../state/mode.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { tableAddress } from './descriptors.ts'
import { loadRflags } from './rflags.ts'
import { virtual8086Segment } from './segment-loads.ts'
import { checkTarget, setSegment } from './segmentation.ts'
import { currentStack, pushFrame, setStackPointer } from './stack.ts'

/** rFLAGS.IOPL, 0..3. */
export function ioPrivilege(state: Vcpu): number {
  return (state.flagsOther & IOPL) >>> 12
}

/** Whether CLI and STI, which CPL > IOPL keeps from IF, change VIF. */
export function hasVirtualInterruptFlag({ mode, cr4, cpl }: Vcpu): boolean {
  if (mode & MODE.virtual8086) return (cr4 & CR4.VME) !== 0n
  return (cr4 & CR4.PVI) !== 0n && cpl === 3
}

/**
 * Whether PUSHF, POPF and IRET see VIF in the place of IF: in virtual-8086 mode with IOPL below 3, which needs CR4.VME and 16-bit
 * operands, else #GP(0).
 */
export function seesVirtualFlags(state: Vcpu, operandSize: number): boolean {
  if (!(state.mode & MODE.virtual8086) || ioPrivilege(state) === 3) return false
  if (!(state.cr4 & CR4.VME) || operandSize !== 2) generalProtection()
  return true
}

/** The 16-bit flags that such a program sees: VIF in the place of IF, and IOPL 3. */
export function virtualFlags(state: Vcpu): number {
  const flags = readRflags(state)
  return ((flags & 0xffff & ~IF) | (flags & VIF ? IF : 0) | IOPL) >>> 0
}

/**
 * What rFLAGS become when such a program loads a 16-bit image: VIF for IF; IF and IOPL stay. Throws #GP(0) where the image sets TF,
 * or IF while an interrupt waits (VIP).
 */
export function mergeVirtualFlags(state: Vcpu, image: number): number {
  const flags = readRflags(state)
  if (image & TF || (image & IF && flags & VIP)) generalProtection()
  const kept = ~0xffff | IF | IOPL
  const merged = (flags & kept & ~VIF) | (image & ~kept)
  return image & IF ? merged | VIF : merged
}

/** Offset in the TSS of the 16-bit offset of the I/O-permission bitmap. The 32 bytes below that are the redirection bitmap. */
const BITMAP_OFFSET_FIELD = 0x66
const REDIRECTION_BYTES = 32

/** Whether INTn with this vector goes to the program's own table: bit n of the redirection bitmap is 0 (APM vol 2 §12.2.4). */
function isRedirected(cpu: Cpu, vector: number): boolean {
  const tss = cpu.state.segments[TR]
  if (!(tss.attributes & ATTRIBUTE.code) || BITMAP_OFFSET_FIELD + 1 > tss.limit) generalProtection()
  const bitmap = Number(readLinear(cpu, tableAddress(cpu, tss.base, BITMAP_OFFSET_FIELD, 2), 2, false))
  const at = bitmap - REDIRECTION_BYTES + (vector >> 3)
  if (at < 0 || at > tss.limit) generalProtection()
  const bits = Number(readLinear(cpu, tableAddress(cpu, tss.base, at, 1), 1, false))
  return ((bits >> (vector & 7)) & 1) === 0
}

/**
 * INTn in virtual-8086 mode with CR4.VME: where the bitmap says so, calls the handler in the real-mode table at linear address 0
 * and returns true. state.rip is the next instruction.
 */
export function callOwnHandler(cpu: Cpu, vector: number): boolean {
  const { state } = cpu
  if (!(state.mode & MODE.virtual8086) || !(state.cr4 & CR4.VME) || !isRedirected(cpu, vector)) return false
  const entry = Number(readLinear(cpu, BigInt(vector * 4), 4))
  const cs = virtual8086Segment(entry >>> 16)
  const offset = BigInt(entry & 0xffff)
  checkTarget(cpu, cs, offset)
  const direct = ioPrivilege(state) === 3
  const flags = readRflags(state)
  const image = direct ? flags & 0xffff : virtualFlags(state)
  const stack = currentStack(state)
  const frame = [BigInt(image), BigInt(state.segments[CS].selector), state.rip]
  setStackPointer(state, stack.pointerBytes, pushFrame(cpu, stack, 2, frame))
  setSegment(state.segments[CS], cs)
  state.rip = offset
  loadRflags(cpu, flags & ~(TF | RF | (direct ? IF : VIF)))
  return true
}
