/**
 * SKINIT: starts a secure loader (APM vol 2 §15.27.6). The loader lies in a block of 64 KB, the SLB; its first word is the offset
 * of its entry point. No TPM is there to measure it: the instruction waits for no answer and starts the loader in any case. No
 * device accesses memory by itself, so there is nothing that SL_DEV would keep out of the SLB.
 */
import { CS, RAX, RSP, SS } from '../isa/registers.ts'
import { modeChanged } from '../paging/contexts.ts'
import type { SystemInstruction } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import { undefinedOpcode } from '../state/faults.ts'
import { ATTRIBUTE, CR0 } from '../state/mode.ts'
import { secure } from '../system/initialization.ts'
import { initProcessor } from '../system/reset.ts'
import { setSegment } from '../system/segmentation.ts'
import { requireSvmOrSkinit } from './privilege.ts'

const SLB_BYTES = 0x1_0000

const FLAT_STACK =
  ATTRIBUTE.G | ATTRIBUTE.DB | ATTRIBUTE.P | ATTRIBUTE.S | ATTRIBUTE.readWrite | ATTRIBUTE.accessed
const FLAT_CODE = FLAT_STACK | ATTRIBUTE.code

/** SKINIT EAX. Interrupts that were pending stay pending until GIF is 1 again. */
export const skinit: SystemInstruction = (cpu) => {
  const { state, memory } = cpu
  if (!cpu.model.has('skinit')) undefinedOpcode()
  requireSvmOrSkinit(cpu)
  if (state.guestMode) cpu.virtualization.intercept(cpu, EXIT.SKINIT)
  const slb = (state.gprHalves[RAX * 2] & ~(SLB_BYTES - 1)) >>> 0
  const { nmiPending } = state
  initProcessor(cpu)
  state.nmiPending = nmiPending
  state.skinitExecuted = 1
  secure(state)
  state.cr0 |= CR0.PE
  setSegment(state.segments[CS], { selector: 0x08, attributes: FLAT_CODE, limit: 0xffff_ffff, base: 0n })
  setSegment(state.segments[SS], { selector: 0x10, attributes: FLAT_STACK, limit: 0xffff_ffff, base: 0n })
  state.gpr[RAX] = BigInt(slb)
  state.gpr[RSP] = BigInt.asUintN(32, BigInt(slb + SLB_BYTES))
  state.rip = BigInt(slb) + memory.read(slb, 2)
  modeChanged(cpu)
}
