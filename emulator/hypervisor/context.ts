/** What all of L0's handlers know, and what L0 insists on whatever L1 asks for. */
import type { CpuModel } from '../machine/index.ts'
import { EXIT, type CheckFacts } from '../svm/index.ts'
import type { Decisions } from './decisions.ts'
import type { Handler } from './effects.ts'
import type { MemoryMap } from './memory-map.ts'
import type { Migration } from './migration.ts'
import { currentVmcb, type VcpuState } from './state.ts'
import { get, skipInstruction, trapIfStepping } from './vmcb-image.ts'

/** What is up to the host's user and to the design. */
export interface Policy {
  /** What the design decides about vmcb12. */
  readonly decisions: Decisions
  /** The user moves a vCPU to a new one after an exit that is no nested page fault, at the points it chose. Absent: never. */
  readonly migration?: Migration | undefined
  /** L1's time as the host's: a fixed-point number with 32 fraction bits, at most 40 bits wide. Absent: 1. */
  readonly tscRatio?: bigint | undefined
  /** Addresses at which L0 interrupts its looks and stores (pieces.ts). Absent: each is one step. */
  readonly cuts?: readonly number[] | undefined
}

export interface Context extends Policy {
  readonly map: MemoryMap
  readonly model: CpuModel
  /** What the consistency checks ask of L1's processor, but for CR0.PG of L1. */
  readonly facts: CheckFacts
}

/** ASIDs: of L1, and of L2, whose translations are flushed at each nested VMRUN. */
export const ASID = { l1: 1n, l2: 2n } as const

/** TLB_CONTROL: flush this guest's entries (APM vol 2 §15.16.2). */
export const FLUSH_ASID = 3n

function bits(vector: number, ...codes: readonly number[]): bigint {
  return codes.reduce((mask, code) => mask | (1n << BigInt(code - vector * 32)), 0n)
}

/** What L0 intercepts in L1 and in L2: it must, or L1 could reach what is L0's. NMI comes and goes with L1's GIF. */
export const L0_INTERCEPTS: readonly bigint[] = [
  0n,
  0n,
  0n,
  bits(3, EXIT.SMI, EXIT.INIT, EXIT.INVLPGA, EXIT.MSR, EXIT.SHUTDOWN),
  bits(4, EXIT.VMRUN, EXIT.VMLOAD, EXIT.VMSAVE, EXIT.STGI, EXIT.CLGI, EXIT.SKINIT),
  0n,
]

/** L0 has executed the guest's instruction: the guest goes on behind it. */
export function retire(image: DataView): void {
  skipInstruction(image)
  trapIfStepping(image)
}

/** L1 cannot go on: KVM leaves the vCPU to its user with an internal error. Here the processor shuts down. */
export function* giveUp(vcpu: VcpuState): Handler<void> {
  vcpu.started = false
  yield { kind: 'shutdown', rip: get(currentVmcb(vcpu), 'save.rip') }
}
