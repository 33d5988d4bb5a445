/** What a run left behind, as conditions see it. */
import type { EntryType, Transaction } from '../machine/index.ts'
import type { L0Event, Report } from '../hypervisor/index.ts'

/** One #VMEXIT of the run. */
export interface ExitFact {
  /** Name in the exit-code table, lower case: "vmmcall", "npf", "invalid". */
  readonly name: string
  /** Physical address of the VMCB. */
  readonly vmcb: number
  /** Of the guest that ran; 0 for "invalid". */
  readonly asid: number
  /** Instructions attempted in guest mode since the VMRUN before it. */
  readonly guestInstructions: number
  /** Ids of the consistency checks that failed, for "invalid". */
  readonly failedChecks: readonly string[]
}

/** One VMRUN that got as far as to read its VMCB. */
export interface VmrunFact {
  /** Physical address of the VMCB. */
  readonly vmcb: number
  /** The groups of fields that came from the state cache, as keys of CLEAN_BITS: "np", "crx". */
  readonly fromCache: readonly string[]
}

/** The VMCBs of L0's own. */
export const L0_VMCBS = ['vmcb01', 'vmcb02'] as const
export type L0Vmcb = (typeof L0_VMCBS)[number]

/** How a VMRUN of L1 can fail: before L0 entered L2, or at the VMRUN of vmcb02. */
export const FAILURES = ['early', 'late'] as const

/** The run as L0 saw it. */
export interface L0Outcome {
  /** The processor's exits, which L0 takes; those that L1 sees are the outcome's `exits`. */
  readonly exits: readonly (ExitFact & { readonly of: L0Vmcb; readonly processor: number })[]
  readonly events: readonly L0Event[]
  /** The design has a copy of the field; where it has not, a look at the whole area is none at the field. */
  isCopied(key: string): boolean
  /** A field of svm's table in one of L0's VMCBs of a vCPU; undefined when there is no such vCPU. */
  field(of: L0Vmcb, vcpu: number, key: string): bigint | undefined
}

/** What became of a scenario. */
export interface ScenarioFact {
  readonly title: string
  readonly met: boolean
  /** Why not, in words that do not give the solution away; or that it is met. */
  readonly reason: string
}

export interface Outcome {
  /** Under L0 those that L1 sees. */
  readonly exits: readonly ExitFact[]
  readonly vmruns: readonly VmrunFact[]
  /** Why the run ended: "halted", "shutdown", "debug-exit", "budget". */
  readonly end: string
  readonly serial: string
  readonly symbols: ReadonlyMap<string, bigint>
  /** Value of a register by name (rax, cr0, efer...), or undefined when there is none of that name. */
  register(name: string): bigint | undefined
  memory(address: bigint, bytes: number): bigint
  /** Memory type of the TLB entry for a linear address and an ASID (0 is the host), or undefined when the TLB has none. */
  memoryType(linear: bigint, asid: number): EntryType | undefined
  /** What crossed the bus at these addresses, in order; undefined in a machine without caches. */
  transactions(from: number, bytes: number): readonly Transaction[] | undefined
  /** Offset and width in bytes of a VMCB field by name, or undefined. */
  vmcbField(name: string): { readonly offset: number; readonly bytes: number } | undefined
  /** Undefined in a lab without L0. */
  readonly l0: L0Outcome | undefined
  /** What the explorer found in a race of the lab; undefined when L1 did not get to its VMRUN. */
  race(id: string): Report | undefined
  /** Undefined when the lab has no such scenario. */
  scenario(id: string): ScenarioFact | undefined
}
