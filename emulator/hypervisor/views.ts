/** What a page shows of L0: vmcb01, vmcb12 and vmcb02 side by side, and where each field of vmcb02 came from. */
import { copyOf } from './copies.ts'
import { decisionFor, L2_FIELDS, type Decisions, type FieldDecision } from './decisions.ts'
import { hasNestedPaging, l2HasOwnPat } from './pat.ts'
import type { VcpuState } from './state.ts'
import { get } from './vmcb-image.ts'

/** Where L0 took a field of vmcb02 from. `live`: read in L1's memory when it was used. `merged`: vmcb12's and L0's own wishes. */
export type Vmcb02Source = 'vmcb01' | 'vmcb12' | 'live' | 'merged' | 'constant'

export interface TriptychRow {
  /** Of svm's table. */
  readonly field: string
  readonly vmcb01: bigint
  /** L0's copy; undefined where the design makes none. L1's memory may say something else by now. */
  readonly vmcb12: bigint | undefined
  readonly vmcb02: bigint
  readonly source: Vmcb02Source
  /** Why, as a sentence. */
  readonly reason: string
}

type Origin = readonly [source: Vmcb02Source, reason: string]

const CONSTANT: Readonly<Record<string, string>> = {
  'control.asid': 'L2 has the ASID that L0 gives it, whatever L1 wrote; L1 must only not write 0.',
  'control.tlb_control': 'L0 flushes the translations of L2 at each nested VMRUN.',
  'control.nested_control':
    "L2 always runs on L0's nested paging; L1's NP_ENABLE says whose tables L0 shadows.",
  'control.clean_bits':
    "They are about L0's own changes of vmcb02. L1's say what L0 may leave in vmcb02 as it is.",
}

const MERGED: Readonly<Record<string, string>> = {
  'control.iopm_base_pa': "L1's map, if L1 has RAM there, or else L0's.",
  'control.msrpm_base_pa': "A map of L0's: what it intercepts, and what L1's map does.",
  'control.tsc_offset': "L1's offset for L2, and L0's for L1, scaled by L1's TSC_RATIO.",
  'control.virtual_interrupt': "L1's word. While L1's GIF is 0, L0 holds interrupts back with it.",
  'control.virtualization_extensions': "L1's LBR virtualization; VMLOAD and VMSAVE of L2 are L0's to do.",
}

const BY_USE: Readonly<Record<FieldDecision['use'], Origin>> = {
  copy: ['vmcb12', "L0's copy of vmcb12."],
  live: ['live', "vmcb12 in L1's memory, read when it was used."],
  vmcb01: ['vmcb01', 'What L1 itself runs with.'],
}

function originOf(vcpu: VcpuState, decisions: Decisions, key: string): Origin {
  if (Object.hasOwn(CONSTANT, key)) return ['constant', CONSTANT[key]]
  if (key.startsWith('control.intercept_vector_')) return ['merged', 'What L0 or L1 wants to see.']
  if (Object.hasOwn(MERGED, key)) return ['merged', MERGED[key]]
  if (key === 'control.n_cr3')
    return hasNestedPaging(vcpu, decisions)
      ? ['constant', "L0's shadow of the tables that L1's N_CR3 points to."]
      : ['vmcb01', "L2 has no nested paging of L1's: it runs in L1's address space."]
  if (key === 'save.g_pat' && !l2HasOwnPat(vcpu, decisions))
    return ['vmcb01', "L2 has no PAT of its own: it shares L1's."]
  return BY_USE[decisionFor(decisions, key).use]
}

/** The three VMCBs, by ascending offset of the fields that VMRUN loads; undefined while L1 runs. */
export function triptych(vcpu: VcpuState, decisions: Decisions): readonly TriptychRow[] | undefined {
  const { nested, vmcb01, vmcb02 } = vcpu
  if (!nested.guestMode) return undefined
  return L2_FIELDS.map(({ key }) => {
    const [source, reason] = originOf(vcpu, decisions, key)
    return {
      field: key,
      vmcb01: get(vmcb01, key),
      vmcb12: decisionFor(decisions, key).copy === 'none' ? undefined : copyOf(nested, decisions, key),
      vmcb02: get(vmcb02, key),
      source,
      reason,
    }
  })
}
