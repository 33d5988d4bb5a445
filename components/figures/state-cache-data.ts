/** What a figure of the state cache is drawn from. Looking leaves the machine as it is. */
import type { Machine, StateCache, StateCachePolicy } from '../../emulator/machine/index.ts'
import { VMCB_BYTES } from '../../emulator/svm/index.ts'

export interface StateCacheRecord {
  readonly processor: number
  readonly policy: StateCachePolicy
  /** The VMCB that a VMRUN would name: a physical address. */
  readonly vmcb: number
  /** The VMCB as it lies in memory. */
  readonly image: Uint8Array
  readonly cache: StateCache
}

/** The VMCB at `vmcb` beside what a processor keeps. `policy` is the machine's (MachineOptions.stateCache). */
export function stateCacheRecord(
  machine: Machine,
  policy: StateCachePolicy,
  vmcb: number,
  processor = 0,
): StateCacheRecord {
  return {
    processor,
    policy,
    vmcb,
    image: machine.readMemory(vmcb, VMCB_BYTES),
    cache: machine.stateCache(processor),
  }
}
