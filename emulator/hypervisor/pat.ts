/**
 * The PAT of a nested guest (APM vol 2 §15.25.2, §15.25.4). L1's PAT, hPAT, always lies in `vcpu.pat`, and vmcb01.g_pat mirrors it for
 * the processor. L2's PAT, gPAT, lies in vmcb02.g_pat and nowhere else. Whether L2 has one of its own, and who reaches which, the
 * decisions say; without nested paging for L2 there is one PAT, whatever they say.
 */
import { isValidPat } from '../svm/index.ts'
import { copyOf, mustLoadGroup, valueToUse } from './copies.ts'
import { decisionFor, hasOwnPat, type Decisions } from './decisions.ts'
import { decided, type Handler } from './effects.ts'
import { currentVmcb, type VcpuState } from './state.ts'
import { change, get, put } from './vmcb-image.ts'

const G_PAT = 'save.g_pat'
const NP_ENABLE = 1n

/** L1 has nested paging on for L2. */
export function hasNestedPaging({ nested }: VcpuState, decisions: Decisions): boolean {
  return (copyOf(nested, decisions, 'control.nested_control') & NP_ENABLE) !== 0n
}

/** L2 has a PAT that is not L1's. */
export function l2HasOwnPat(vcpu: VcpuState, decisions: Decisions): boolean {
  return hasNestedPaging(vcpu, decisions) && hasOwnPat(decisions)
}

/** Gives vmcb02 its PAT, on a nested VMRUN: vmcb12's, as far as L1's clean bits say that it may have changed, or hPAT. */
export function* loadGPat(vcpu: VcpuState, decisions: Decisions): Handler<void> {
  const { use } = decisionFor(decisions, G_PAT)
  if (!l2HasOwnPat(vcpu, decisions)) {
    change(vcpu.vmcb02, G_PAT, vcpu.pat)
    yield* decided(use === 'vmcb01' ? 'use: vmcb01' : 'one PAT without nested paging', G_PAT, vcpu.pat)
  } else if (mustLoadGroup(vcpu.nested, 'np')) {
    const value = yield* valueToUse(vcpu, decisions, G_PAT)
    change(vcpu.vmcb02, G_PAT, value)
    yield* decided(`use: ${use}`, G_PAT, value)
  } else yield* decided('clean bit NP', G_PAT, get(vcpu.vmcb02, G_PAT))
}

/** What a nested #VMEXIT writes to vmcb12's g_pat; undefined when it leaves the field alone. */
export function gPatToWriteBack(vcpu: VcpuState, decisions: Decisions): bigint | undefined {
  const isWritten = decisionFor(decisions, G_PAT).write_back === 'as-hardware'
  return isWritten && l2HasOwnPat(vcpu, decisions) ? get(vcpu.vmcb02, G_PAT) : undefined
}

/** Who reads or writes PAT: the guest that runs, or the user of the host, who saves and restores vCPUs. */
export type PatAccessor = 'guest' | 'host'

function reachesGPat(vcpu: VcpuState, decisions: Decisions, by: PatAccessor): boolean {
  const { l2_msr, host_accesses } = decisions.pat
  if (!vcpu.nested.guestMode || !hasNestedPaging(vcpu, decisions)) return false
  return l2_msr === 'g-pat' && (by === 'guest' || host_accesses === 'as-the-guest')
}

/** RDMSR of PAT, by L1, by L2 or by the host's user. */
export function readPat(vcpu: VcpuState, decisions: Decisions, by: PatAccessor): bigint {
  return reachesGPat(vcpu, decisions, by) ? get(vcpu.vmcb02, G_PAT) : vcpu.pat
}

/** WRMSR of PAT. False for a value with a reserved type: #GP(0) for a guest, an error for the host's user. */
export function writePat(vcpu: VcpuState, decisions: Decisions, by: PatAccessor, value: bigint): boolean {
  if (!isValidPat(value)) return false
  if (reachesGPat(vcpu, decisions, by)) change(vcpu.vmcb02, G_PAT, value)
  else setHPat(vcpu, decisions, value)
  return true
}

/** hPAT is in vmcb01 and, while L2 shares it, in vmcb02. The processor may have a copy of either: the clean bits must tell it. */
function setHPat(vcpu: VcpuState, decisions: Decisions, value: bigint): void {
  const { nested, vmcb01, vmcb02 } = vcpu
  const isShared = nested.guestMode && (nested.followsHPat || !l2HasOwnPat(vcpu, decisions))
  const both = decisions.pat.h_pat_write_dirties === 'both'
  vcpu.pat = value
  for (const vmcb of isShared ? [vmcb01, vmcb02] : [vmcb01]) {
    if (both || vmcb === currentVmcb(vcpu)) change(vmcb, G_PAT, value)
    else put(vmcb, G_PAT, value)
  }
}
