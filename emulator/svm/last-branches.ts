/** LBR virtualization (APM vol 2 §15.23): the guest has DebugCtl and the last-branch registers to itself. */
import { OFFSET } from '../state/layout.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { DEBUG_CTL_BITS, setDebugCtl } from '../system/last-branch.ts'
import { offsetOf } from './fields.ts'
import { loadAll, registerPairs, storeAll, type VmcbPage } from './vmcb-page.ts'

/** VMCB offset 0B8h, bit 0. */
export const LBR_VIRTUALIZATION = 1

/** VMCB fields and registers, in the order of state.hostLastBranch. */
const FIELDS = [
  ['save.dbgctl', 'debugCtl'],
  ['save.br_from', 'lastBranchFromIp'],
  ['save.br_to', 'lastBranchToIp'],
  ['save.lastexcpfrom', 'lastIntFromIp'],
  ['save.lastexcpto', 'lastIntToIp'],
] as const

const REGISTERS = registerPairs(FIELDS.map(([field, register]) => [offsetOf(field), OFFSET[register] >> 2]))

/** VMRUN: keeps the host's registers and loads the guest's. Reserved bits of DBGCTL are ignored. */
export function enterLastBranches(state: Vcpu, vmcb: VmcbPage): void {
  if (!(state.virtualizationExtensions & LBR_VIRTUALIZATION)) return
  FIELDS.forEach(([, register], n) => (state.hostLastBranch[n] = state[register]))
  loadAll(vmcb, state.words, REGISTERS)
  setDebugCtl(state, state.debugCtl & DEBUG_CTL_BITS)
}

/** #VMEXIT: stores the guest's registers, announced by the caller, and reloads the host's. */
export function leaveLastBranches(state: Vcpu, vmcb: VmcbPage): void {
  if (!(state.virtualizationExtensions & LBR_VIRTUALIZATION)) return
  storeAll(vmcb, state.words, REGISTERS)
  FIELDS.forEach(([, register], n) => (state[register] = state.hostLastBranch[n]))
  setDebugCtl(state, state.debugCtl)
}
