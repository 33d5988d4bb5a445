/** The SVM instructions (APM vol 2 chapter 15, vol 3 chapter 4). */
import type { Instruction } from '../isa/instruction.ts'
import { CS, RAX, RCX } from '../isa/registers.ts'
import { invalidatePage } from '../paging/tlb.ts'
import { translateGuestPhysical } from '../paging/walk.ts'
import { canonicalHigh } from '../state/canonical.ts'
import { ATTENTION } from '../state/attention.ts'
import { ACCESS, type Access, type Cpu, type SystemInstruction } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import { Exit, undefinedOpcode } from '../state/faults.ts'
import { OFFSET } from '../state/layout.ts'
import { ATTRIBUTE, EFER } from '../state/mode.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { VIRTUAL_INTERRUPT } from '../system/virtual-interrupt.ts'
import { offsetOf, VMCB_FIELDS } from './fields.ts'
import { requireSvm, requireSvmOrSkinit, vmcbAddress } from './privilege.ts'
import { HIDDEN_SEGMENTS, loadHiddenSegment, storeSegment } from './segments.ts'
import { loadAll, registerPairs, storeAll, vmcbPage, type VmcbPage } from './vmcb-page.ts'
import { skinit } from './skinit.ts'
import { vmrun } from './vmrun.ts'

/** Registers that VMLOAD and VMSAVE move as they stand. */
const HIDDEN_REGISTERS = registerPairs(
  VMCB_FIELDS.flatMap(({ moved, offset, register }) =>
    moved.includes('vmload') && register !== undefined ? [[offset, OFFSET[register] >> 2] as const] : [],
  ),
)

const KERNEL_GS_BASE = { offset: offsetOf('save.kernel_gs_base'), word: OFFSET.kernelGsBase >> 2 } as const

/** The part of the VMCB that VMSAVE writes: FS to TR, then STAR to SYSENTER_EIP. */
const SAVED = [
  [offsetOf('save.fs.selector'), offsetOf('save.cpl') & ~7],
  [offsetOf('save.star'), offsetOf('save.cr2')],
] as const

function guard(cpu: Cpu, code: number): void {
  if (cpu.state.guestMode) cpu.virtualization.intercept(cpu, code)
}

/** VMCB offset 0B8h, bit 1: VMLOAD and VMSAVE virtualization. */
const VMLOAD_VIRTUALIZATION = 2

/** The host that executed VMRUN is in 64-bit mode. */
function hostIs64Bit({ hostEfer, hostSegments }: Vcpu): boolean {
  return (hostEfer & EFER.LMA) !== 0n && (hostSegments[CS].attributes & ATTRIBUTE.L) !== 0
}

/**
 * The VMCB that rAX names to VMLOAD and VMSAVE. With their virtualization a guest's rAX is a guest-physical address; where that
 * does not work, without nested paging or under a host that is not in 64-bit mode, they exit (§15.33.1).
 */
function addressedVmcb(cpu: Cpu, instruction: Instruction, code: number, access: Access): VmcbPage {
  const { state } = cpu
  requireSvm(cpu)
  const address = vmcbAddress(cpu, instruction)
  guard(cpu, code)
  if (!state.guestMode || !(state.virtualizationExtensions & VMLOAD_VIRTUALIZATION))
    return vmcbPage(cpu, address)
  if (!state.nestedPaging || !hostIs64Bit(state)) throw new Exit(code)
  return vmcbPage(cpu, translateGuestPhysical(cpu, address, access))
}

/** VMLOAD rAX: FS, GS, LDTR and TR with their hidden parts, KernelGsBase, the SYSCALL and SYSENTER registers (§15.5.2). */
const vmload: SystemInstruction = (cpu, instruction) => {
  loadHiddenState(cpu, addressedVmcb(cpu, instruction, EXIT.VMLOAD, ACCESS.read))
}

/** What VMLOAD does with a VMCB. */
export function loadHiddenState(cpu: Cpu, vmcb: VmcbPage): void {
  const words = cpu.state.words
  const bits = cpu.model.linearAddressBits
  for (const segment of HIDDEN_SEGMENTS) loadHiddenSegment(vmcb, words, segment, bits)
  loadAll(vmcb, words, HIDDEN_REGISTERS)
  words[KERNEL_GS_BASE.word] = vmcb.word(KERNEL_GS_BASE.offset)
  words[KERNEL_GS_BASE.word + 1] = canonicalHigh(vmcb.word(KERNEL_GS_BASE.offset + 4), bits)
}

/** VMSAVE rAX: stores what VMLOAD loads. */
const vmsave: SystemInstruction = (cpu, instruction) => {
  storeHiddenState(cpu, addressedVmcb(cpu, instruction, EXIT.VMSAVE, ACCESS.write))
}

/** What VMSAVE does with a VMCB. */
export function storeHiddenState(cpu: Cpu, vmcb: VmcbPage): void {
  const words = cpu.state.words
  for (const [from, to] of SAVED) vmcb.beforeWrite(from, to)
  for (const segment of HIDDEN_SEGMENTS) storeSegment(vmcb, words, segment)
  storeAll(vmcb, words, HIDDEN_REGISTERS)
  vmcb.store(KERNEL_GS_BASE.offset, words, KERNEL_GS_BASE.word)
}

/** VMMCALL: #UD unless intercepted; the intercept comes first, at any CPL and in any mode (table 15-7). */
const vmmcall: SystemInstruction = (cpu) => {
  if (!cpu.state.guestMode) undefinedOpcode()
  return cpu.virtualization.exitFor(cpu, EXIT.VMMCALL) ?? undefinedOpcode()
}

/** Sets or clears the GIF: in a guest with a virtual one, that and not the physical one (§15.33.2). */
function setGif(state: Vcpu, on: boolean): void {
  if (!state.guestMode || !(state.virtualInterrupt & VIRTUAL_INTERRUPT.gifEnable)) state.gif = on ? 1 : 0
  else if (on) state.virtualInterrupt |= VIRTUAL_INTERRUPT.gif
  else state.virtualInterrupt &= ~VIRTUAL_INTERRUPT.gif
}

/** STGI: GIF = 1. What was held back is looked at before the next instruction (§15.17). */
const stgi: SystemInstruction = (cpu) => {
  requireSvmOrSkinit(cpu)
  guard(cpu, EXIT.STGI)
  setGif(cpu.state, true)
  cpu.state.attention |= ATTENTION.event
}

const clgi: SystemInstruction = (cpu) => {
  requireSvm(cpu)
  guard(cpu, EXIT.CLGI)
  setGif(cpu.state, false)
}

/** INVLPGA rAX, ECX: the page of a linear address, for an ASID; 0 is the host's (§15.16.2). */
const invlpga: SystemInstruction = (cpu, instruction) => {
  requireSvm(cpu)
  guard(cpu, EXIT.INVLPGA)
  const linear = BigInt.asUintN(instruction.addressSize * 8, cpu.state.gpr[RAX])
  invalidatePage(cpu, linear, cpu.state.gprHalves[RCX * 2])
}

/** The SVM instructions by the name of their semantics. */
export const SVM_INSTRUCTIONS: ReadonlyMap<string, SystemInstruction> = new Map([
  ['vmrun', vmrun],
  ['vmload', vmload],
  ['vmsave', vmsave],
  ['vmmcall', vmmcall],
  ['stgi', stgi],
  ['clgi', clgi],
  ['invlpga', invlpga],
  ['skinit', skinit],
])
