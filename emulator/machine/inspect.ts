/** Views of a processor as plain data, for panels, tests and reports. */
import { readRflags } from '../state/flags.ts'
import { codeBits, MODE } from '../state/mode.ts'
import { ACTIVITY, type Vcpu } from '../state/vcpu.ts'

/** General registers in the manual's numbering. */
export const GENERAL_REGISTERS = [
  ...(['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'] as const),
  ...(['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'] as const),
] as const

export const SEGMENT_REGISTERS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs', 'ldtr', 'tr'] as const

/** System registers that a view shows, as fields of the vCPU block; all have 64 bits. */
export const SYSTEM_REGISTERS = [
  ...(['cr0', 'cr2', 'cr3', 'cr4', 'cr8', 'efer', 'dr6', 'dr7', 'pat', 'mtrrDefType'] as const),
  ...(['star', 'lstar', 'cstar', 'sfmask', 'kernelGsBase', 'vmCr', 'vmHsavePa'] as const),
] as const

export interface SegmentState {
  readonly selector: number
  readonly base: bigint
  readonly limit: number
  /** The 12-bit form of the VMCB. */
  readonly attributes: number
}

export interface CpuState {
  readonly instructions: number
  readonly general: Readonly<Record<(typeof GENERAL_REGISTERS)[number], bigint>>
  readonly rip: bigint
  readonly rflags: number
  readonly segments: Readonly<Record<(typeof SEGMENT_REGISTERS)[number], SegmentState>>
  readonly system: Readonly<Record<(typeof SYSTEM_REGISTERS)[number], bigint>>
  readonly gdtr: { readonly base: bigint; readonly limit: number }
  readonly idtr: { readonly base: bigint; readonly limit: number }
  readonly cpl: number
  readonly mode: string
  readonly activity: (typeof ACTIVITY_NAMES)[keyof typeof ACTIVITY_NAMES]
  readonly interruptShadow: boolean
  readonly gif: boolean
  /** What runs: a guest with its VMCB, or undefined for the host. */
  readonly guest: GuestState | undefined
}

export interface GuestState {
  readonly vmcb: number
  readonly asid: number
  readonly nestedPaging: boolean
  readonly nCr3: bigint
  readonly gPat: bigint
}

const ACTIVITY_NAMES = {
  [ACTIVITY.running]: 'running',
  [ACTIVITY.halted]: 'halted',
  [ACTIVITY.shutdown]: 'shutdown',
  [ACTIVITY.waiting]: 'waiting for STARTUP',
} as const

/** The operating mode in the manual's words (APM vol 2 §1.3). */
function modeName(mode: number): string {
  if (mode & MODE.virtual8086) return 'virtual-8086 mode'
  if (!(mode & MODE.protected)) return 'real mode'
  if (!(mode & MODE.long)) return `protected mode, ${codeBits(mode)}-bit`
  return codeBits(mode) === 64 ? '64-bit mode' : `compatibility mode, ${codeBits(mode)}-bit`
}

function record<K extends string, V>(
  names: readonly K[],
  value: (name: K, index: number) => V,
): Record<K, V> {
  return Object.fromEntries(names.map((name, index) => [name, value(name, index)])) as Record<K, V>
}

/** A copy of what a debugger would show of the processor. */
export function inspectVcpu(state: Vcpu): CpuState {
  return {
    instructions: state.instructions,
    general: record(GENERAL_REGISTERS, (_, index) => state.gpr[index]),
    rip: state.rip,
    rflags: readRflags(state),
    segments: record(SEGMENT_REGISTERS, (_, index) => {
      const { selector, base, limit, attributes } = state.segments[index]
      return { selector, base, limit, attributes }
    }),
    system: record(SYSTEM_REGISTERS, (name) => state[name]),
    gdtr: { base: state.gdtrBase, limit: state.gdtrLimit },
    idtr: { base: state.idtrBase, limit: state.idtrLimit },
    cpl: state.cpl,
    mode: modeName(state.mode),
    activity: ACTIVITY_NAMES[state.activity as keyof typeof ACTIVITY_NAMES],
    interruptShadow: state.interruptShadow !== 0,
    gif: state.gif !== 0,
    guest: state.guestMode
      ? {
          vmcb: state.vmcb,
          asid: state.asid,
          nestedPaging: state.nestedPaging !== 0,
          nCr3: state.nCr3,
          gPat: state.gPat,
        }
      : undefined,
  }
}

/** Of the host, what VMRUN keeps and #VMEXIT reloads (APM vol 2 §15.5.1): hidden storage, which no program can read. */
export interface HostSaveArea {
  readonly registers: Readonly<Record<HostRegister, bigint>>
  readonly segments: Readonly<Record<(typeof HOST_SEGMENTS)[number], SegmentState>>
  readonly gdtr: { readonly base: bigint; readonly limit: number }
  readonly idtr: { readonly base: bigint; readonly limit: number }
}

type HostRegister = 'rip' | 'rsp' | 'rax' | 'rflags' | 'cr0' | 'cr3' | 'cr4' | 'efer'
const HOST_SEGMENTS = ['es', 'cs', 'ss', 'ds'] as const

/** A copy of the host save area, as the last VMRUN left it. */
export function inspectHostSave(state: Vcpu): HostSaveArea {
  return {
    registers: {
      rip: state.hostRip,
      rsp: state.hostRsp,
      rax: state.hostRax,
      rflags: state.hostRflags,
      cr0: state.hostCr0,
      cr3: state.hostCr3,
      cr4: state.hostCr4,
      efer: state.hostEfer,
    },
    segments: record(HOST_SEGMENTS, (_, index) => {
      const { selector, base, limit, attributes } = state.hostSegments[index]
      return { selector, base, limit, attributes }
    }),
    gdtr: { base: state.hostGdtrBase, limit: state.hostGdtrLimit },
    idtr: { base: state.hostIdtrBase, limit: state.hostIdtrLimit },
  }
}
