/**
 * What the host's user does to move a vCPU: it reads all that L0 lets it read, destroys the vCPU, makes a new one and writes everything back. Registers,
 * events, SMM among them, and MSRs go by themselves (KVM_GET_SREGS, KVM_GET_VCPU_EVENTS, KVM_GET_MSRS), the rest is the nested state. The order matters:
 * users differ in whether they restore the MSRs before the nested state or, as QEMU does, after it.
 */
import type { CheckFacts } from '../svm/index.ts'
import { L2_FIELDS, type Decisions } from './decisions.ts'
import type { HandlerEvent } from './effects.ts'
import { asOlderState, getNestedState, setNestedState, type SetResult } from './nested-state.ts'
import { readPat, writePat } from './pat.ts'
import { createVcpuState, currentVmcb, emptyImage, type VcpuState } from './state.ts'
import { get, put } from './vmcb-image.ts'

/**
 * What a vCPU is doing when its user looks at it: L1 runs; an SMI handler of L1 runs, whoever was interrupted; a VMRUN of L1 is pending; L2 runs; an exit of L2 is pending, because an event
 * waits that L1 intercepts. An exit that has happened is never pending: L0 ends it before it returns to its user.
 */
export const MIGRATION_POINTS = ['l1', 'smm', 'pending', 'l2', 'exit-pending'] as const
export type MigrationPoint = (typeof MIGRATION_POINTS)[number]

/** An exit that L0 has just dealt with. */
export interface HandledExit {
  /** As a signed number. */
  readonly code: number
  /** What L0 reported meanwhile: looks at vmcb12, decisions, L1's world switches. */
  readonly events: readonly HandlerEvent[]
}

export interface Migration {
  /** When the user restores the MSRs. */
  readonly msrs: 'before' | 'after'
  /** Where the vCPU is moved, whenever it is there. Absent: everywhere. */
  readonly at?: readonly MigrationPoint[] | undefined
  /** Only when L0 has dealt with such an exit. It must depend on nothing else. Absent: with any. */
  readonly when?: ((exit: HandledExit) => boolean) | undefined
  /** Only the n-th time that it is there then, counted from 1. Absent: each time. */
  readonly occasion?: number | undefined
  /** The saved states come from an older L0, which knew nothing of L2's PAT: this is what it left in g_pat of L1's save area. */
  readonly olderGPat?: bigint | undefined
  /** What L0 decides on the other host, and the vCPU is moved to and fro. Absent: the same as here. */
  readonly to?: Decisions | undefined
}

function pointOf({ nested, smm, nmiPending, smiPending, initPending }: VcpuState): MigrationPoint {
  if (!nested.guestMode) return smm ? 'smm' : 'l1'
  if (nested.runPending) return 'pending'
  return nmiPending || smiPending || initPending ? 'exit-pending' : 'l2'
}

/** Whether the user moves the vCPU where it is now. Counts how often it was where the user wants it. */
export function isOccasion(
  { at = MIGRATION_POINTS, when, occasion }: Migration,
  vcpu: VcpuState,
  exit: HandledExit,
): boolean {
  if (!at.includes(pointOf(vcpu)) || when?.(exit) === false) return false
  vcpu.occasions++
  return occasion === undefined || occasion === vcpu.occasions
}

/** A vCPU as its user knows it. */
export interface UserState {
  /** The registers of whoever runs, in the save area of a VMCB; of the control area, the interrupt shadow and what is injected. */
  readonly registers: DataView
  readonly events: Pick<VcpuState, 'nmiPending' | 'smiPending' | 'initPending' | 'smm' | 'smmInsideNmi'>
  readonly msrs: Pick<
    VcpuState,
    'pat' | 'svme' | 'vmHsavePa' | 'vmCr' | 'tscRatio' | 'hostTscRatio' | 'hostTscOffset'
  >
  readonly nested: Uint8Array
}

const REGISTERS = L2_FIELDS.filter(({ key }) => key.startsWith('save.')).map(({ key }) => key)
const EVENTS = ['control.interrupt_shadow', 'control.event_inj', 'control.n_rip']

/** All that the user can read of a vCPU. */
export function readUserState(
  vcpu: VcpuState,
  decisions: Decisions,
  { olderGPat }: Pick<Migration, 'olderGPat'> = {},
): UserState {
  const nested = getNestedState(vcpu, decisions)
  const registers = emptyImage()
  for (const key of [...REGISTERS, ...EVENTS]) put(registers, key, get(currentVmcb(vcpu), key))
  const { nmiPending, smiPending, initPending, smm, smmInsideNmi, svme, vmHsavePa, vmCr } = vcpu
  const { tscRatio, hostTscRatio, hostTscOffset } = vcpu
  return {
    registers,
    events: { nmiPending, smiPending, initPending, smm, smmInsideNmi },
    msrs: {
      // An older L0 had one PAT, and gave that.
      pat: olderGPat === undefined ? readPat(vcpu, decisions, 'host') : vcpu.pat,
      svme,
      vmHsavePa,
      vmCr,
      tscRatio,
      hostTscRatio,
      hostTscOffset,
    },
    nested: olderGPat === undefined ? nested : asOlderState(nested, olderGPat),
  }
}

/** Makes a new vCPU of what was read. The control area of its vmcb01 is left to L0, which writes it for every new vCPU. */
export function writeUserState(
  index: number,
  user: UserState,
  decisions: Decisions,
  facts: CheckFacts,
  { msrs }: Migration,
): { readonly vcpu: VcpuState; readonly result: SetResult } {
  const { pat, ...others } = user.msrs
  const vcpu = Object.assign(createVcpuState(index), user.events, others, { started: true, known: true })
  for (const key of REGISTERS) if (key !== 'save.g_pat') put(vcpu.vmcb01, key, get(user.registers, key))
  put(vcpu.vmcb01, 'save.g_pat', vcpu.pat)
  if (msrs === 'before') writePat(vcpu, decisions, 'host', pat)
  const result = setNestedState(vcpu, decisions, facts, user.nested)
  if (msrs === 'after') writePat(vcpu, decisions, 'host', pat)
  // L2's events come with its controls.
  if (!vcpu.nested.guestMode) for (const key of EVENTS) put(vcpu.vmcb01, key, get(user.registers, key))
  return { vcpu, result }
}
