/** The faults that SVM instructions share (APM vol 2 §15.4, §15.5). */
import { RAX } from '../isa/registers.ts'
import type { Instruction } from '../isa/instruction.ts'
import type { Cpu } from '../state/cpu.ts'
import { generalProtection, undefinedOpcode } from '../state/faults.ts'
import { OFFSET } from '../state/layout.ts'
import { EFER } from '../state/mode.ts'
import { requirePrivilege, requireProtectedMode } from '../system/privilege.ts'

const EFER_WORD = OFFSET.efer >> 2
const SVME = Number(EFER.SVME)
const RAX_WORD = (OFFSET.gpr >> 2) + RAX * 2

/** #UD without EFER.SVME or outside protected mode, #GP(0) at another CPL than 0. */
export function requireSvm(cpu: Cpu): void {
  if (!(cpu.state.words[EFER_WORD] & SVME)) undefinedOpcode()
  requireProtectedMode(cpu)
  requirePrivilege(cpu)
}

/** As requireSvm; where the processor has SKINIT, EFER.SVME does not matter to it and to STGI (§15.4). */
export function requireSvmOrSkinit(cpu: Cpu): void {
  if (!(cpu.state.words[EFER_WORD] & SVME) && !cpu.model.has('skinit')) undefinedOpcode()
  requireProtectedMode(cpu)
  requirePrivilege(cpu)
}

/** The VMCB address in rAX, cut to the address size. #GP(0) if it is not page-aligned or reaches beyond MAXPHYADDR. */
export function vmcbAddress(cpu: Cpu, { addressSize }: Instruction): number {
  const words = cpu.state.words
  const low = addressSize === 2 ? words[RAX_WORD] & 0xffff : words[RAX_WORD]
  const high = addressSize === 8 ? words[RAX_WORD + 1] : 0
  const address = high * 2 ** 32 + low
  if (low & 0xfff || address >= 2 ** cpu.model.physicalAddressBits) generalProtection()
  return address
}
