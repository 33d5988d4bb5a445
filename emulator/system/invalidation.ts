/** Instructions that invalidate TLB entries: INVLPG, INVPCID, INVLPGB and TLBSYNC (APM vol 2 §5.5.3, vol 3 chapter 4). */
import { RAX, RCX, RDX } from '../isa/registers.ts'
import { readLinear } from '../paging/access.ts'
import {
  flushAsid,
  flushMatching,
  flushNonGlobal,
  invalidatePage,
  invalidatePcidPage,
} from '../paging/tlb.ts'
import { isCanonical } from '../state/canonical.ts'
import { ACCESS, type Cpu, type CpuModel, type SystemInstruction } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import { generalProtection, undefinedOpcode } from '../state/faults.ts'
import { CR4, MODE } from '../state/mode.ts'
import { ASIDS, INVLPGB_COUNT_MAX } from './cpu-model.ts'
import { effectiveAddress, memoryOperand, offsetBy, readRegister, registerOperand } from './operands.ts'
import { requirePrivilege } from './privilege.ts'
import { linearAddress } from './segmentation.ts'

/** Limits are not checked; an address that is not canonical invalidates nothing (APM vol 3, INVLPG). */
const invlpg: SystemInstruction = (cpu, instruction) => {
  const state = cpu.state
  requirePrivilege(cpu)
  const operand = memoryOperand(instruction, 0)
  const offset = effectiveAddress(state, operand)
  const is64 = (state.mode & MODE.codeSize) === 2
  const base = is64 && operand.segment < 4 ? 0n : state.segments[operand.segment].base
  const linear = BigInt.asUintN(is64 ? 64 : 32, base + offset)
  if (state.guestMode) cpu.virtualization.intercept(cpu, EXIT.INVLPG, linear)
  if (isCanonical(linear, cpu.model.linearAddressBits)) invalidatePage(cpu, linear)
}

/** Values of INVPCID's register operand. */
const INVPCID = { address: 0n, context: 1n, allGlobal: 2n, allNonGlobal: 3n } as const

/**
 * INVPCID reg, mem128. The descriptor: 127:64 linear address, 63:12 reserved, 11:0 PCID. The intercept comes before all faults
 * but that of the CPL (table 15-7); EXITINFO1 is the descriptor's linear address, EXITINFO2 the register.
 */
const invpcid: SystemInstruction = (cpu, instruction) => {
  const { state } = cpu
  if (!cpu.model.has('invpcid')) undefinedOpcode()
  requirePrivilege(cpu)
  const register = registerOperand(instruction, 0)
  const type = readRegister(state, register.index, register.size)
  const operand = memoryOperand(instruction, 1)
  const offset = effectiveAddress(state, operand)
  if (state.guestMode) {
    const is64 = (state.mode & MODE.codeSize) === 2
    const base = is64 && operand.segment < 4 ? 0n : state.segments[operand.segment].base
    cpu.virtualization.intercept(cpu, EXIT.INVPCID, BigInt.asUintN(is64 ? 64 : 32, base + offset), type)
  }
  const low = readLinear(cpu, linearAddress(cpu, operand.segment, offset, 8, ACCESS.read), 8)
  const high = offsetBy(operand, offset, 8)
  const linear = readLinear(cpu, linearAddress(cpu, operand.segment, high, 8, ACCESS.read), 8)
  if (type > INVPCID.allNonGlobal || low >> 12n) generalProtection()
  const selectsPcid = type === INVPCID.address || type === INVPCID.context
  if (selectsPcid && low && !(state.cr4 & CR4.PCIDE)) generalProtection()
  const pcid = Number(low)
  switch (type) {
    case INVPCID.address:
      if (!isCanonical(linear, cpu.model.linearAddressBits)) generalProtection()
      invalidatePcidPage(cpu, linear, pcid)
      break
    case INVPCID.context:
      flushNonGlobal(cpu, undefined, pcid)
      break
    case INVPCID.allGlobal:
      flushAsid(cpu)
      break
    default:
      flushNonGlobal(cpu)
  }
}

/**
 * Operands of INVLPGB:
 *
 *   rAX  63:12 linear address, 5 nested translations too, 4 final translation only, 3 global translations too,
 *        2 ASID valid, 1 PCID valid, 0 linear address valid
 *   ECX  31 pages of 2 MB instead of 4 KB, 15:0 number of pages beyond the first
 *   EDX  27:16 PCID, 15:0 ASID
 */
const RAX_BITS = { address: 1n, pcid: 2n, asid: 4n, global: 8n, nested: 32n, reserved: 0xfc0n } as const
const ECX_BITS = { largePages: 0x8000_0000, count: 0xffff, reserved: 0x7fff_0000 } as const
const EDX_RESERVED = 0xf000_0000

/** Operands that no processor of this model accepts. Flushing nested translations is not a feature of it. */
function isIllegal({ linearAddressBits }: CpuModel, rax: bigint, ecx: number, edx: number): boolean {
  if (rax & (RAX_BITS.reserved | RAX_BITS.nested)) return true
  if (ecx & ECX_BITS.reserved || (ecx & ECX_BITS.count) > INVLPGB_COUNT_MAX) return true
  if (edx & EDX_RESERVED || (rax & RAX_BITS.asid && (edx & 0xffff) >= ASIDS)) return true
  return (rax & RAX_BITS.address) !== 0n && !isCanonical(rax & ~0xfffn, linearAddressBits)
}

/** In a guest the instructions exist only if VMCB offset 090h bit 7 says so. */
function requireBroadcast(cpu: Cpu): void {
  if (cpu.state.guestMode && !cpu.state.guestBroadcast) undefinedOpcode()
}

/** INVLPGB: invalidates on every processor of the machine. A guest reaches no other ASID than its own. */
const invlpgb: SystemInstruction = (cpu, instruction) => {
  const { state } = cpu
  if (!cpu.model.has('invlpgb')) undefinedOpcode()
  requirePrivilege(cpu)
  if (state.guestMode) cpu.virtualization.intercept(cpu, EXIT.INVLPGB)
  requireBroadcast(cpu)
  const rax = BigInt.asUintN(instruction.addressSize * 8, state.gpr[RAX])
  const ecx = state.gprHalves[RCX * 2]
  const edx = state.gprHalves[RDX * 2]
  if (isIllegal(cpu.model, rax, ecx, edx)) {
    if (state.guestMode) cpu.virtualization.intercept(cpu, EXIT.INVLPGB_ILLEGAL)
    generalProtection()
  }
  const pageBytes = ecx & ECX_BITS.largePages ? 0x20_0000n : 0x1000n
  const asid = state.guestMode ? state.asid : rax & RAX_BITS.asid ? edx & 0xffff : undefined
  const selected = {
    asid,
    pcid: rax & RAX_BITS.pcid ? (edx >>> 16) & 0xfff : undefined,
    global: (rax & RAX_BITS.global) !== 0n,
    first: rax & RAX_BITS.address ? rax & ~(pageBytes - 1n) : undefined,
    bytes: pageBytes * BigInt((ecx & ECX_BITS.count) + 1),
  }
  for (const processor of cpu.processors()) flushMatching(processor, selected)
}

/** TLBSYNC waits for what INVLPGB began, which is done at once here. */
const tlbsync: SystemInstruction = (cpu) => {
  if (!cpu.model.has('invlpgb')) undefinedOpcode()
  requirePrivilege(cpu)
  if (cpu.state.guestMode) cpu.virtualization.intercept(cpu, EXIT.TLBSYNC)
  requireBroadcast(cpu)
}

export const invalidationInstructions = { invlpg, invpcid, invlpgb, tlbsync } as const
