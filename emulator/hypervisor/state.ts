/**
 * What L0 knows about a vCPU of L1: plain data, so that it can be cloned, compared and saved. VMCBs and copies of them are
 * images: DataViews of 4096 bytes, read and written with readField() and writeField() of svm.
 */
import { VMCB_BYTES } from '../svm/index.ts'
import { copyImage } from './vmcb-image.ts'

/** What nested virtualization adds to a vCPU; meaningful while L2 runs, but for `last`. */
export interface NestedState {
  /** L2 runs: vmcb02 is the current VMCB. */
  guestMode: boolean
  /** Guest-physical address of vmcb12. */
  vmcb12: number
  /** Where vmcb12 was at the last nested VMRUN, -1 before the first: clean bits count only at the same address. */
  last: number
  /** The cached control area: vmcb12 as it was when it was copied, as far as it was. */
  controls: DataView
  /** The cached save area. Only what nested VMRUN itself does may trust it: later the truth is in vmcb02. */
  save: DataView
  /** g_pat in a design that keeps it beside the two caches. */
  gPat: bigint
  /** The state that was restored said nothing of L2's PAT: until L2 runs it is what L1's is set to. */
  followsHPat: boolean
  /** A saved state was restored: vmcb02's controls are to be built from the cached ones before L2 runs. */
  restored: boolean
  /** L1 executed VMRUN and L2 has not run yet. */
  runPending: boolean
  /** What EVENTINJ held at the last VMRUN of vmcb02, and nRIP with it: to inject it again if its delivery was interrupted. */
  injected: bigint
  injectedNextRip: bigint
  /** Where L2 was when L1 injected something. */
  injectedRip: bigint
  /** Pages of the shadow nested tables in use. */
  shadowPages: number
  /** What they were made of (shadow-sources.ts), and how many entries that are. */
  sources: DataView
  sourceCount: number
}

export interface VcpuState {
  /** Number of the processor. */
  readonly index: number
  /** L1 has begun: vmcb01 holds its state. False again after INIT. */
  started: boolean
  /** L1 has begun at least once since RESET: its MSRs are here. */
  known: boolean
  /** vmcb01 runs L1; while L2 runs, its save area keeps L1's state for the nested #VMEXIT. */
  vmcb01: DataView
  /** vmcb02 runs L2. */
  vmcb02: DataView
  /** L1's EFER.SVME; the hardware's is always 1. */
  svme: boolean
  /** L1's global interrupt flag. */
  gif: boolean
  /** Events that wait for L1's STGI. */
  nmiPending: boolean
  smiPending: boolean
  initPending: boolean
  /** An SMI handler of L1 runs, in vmcb01: EFER.SVME is 0 unless the handler sets it, and L2 does not run. */
  smm: boolean
  /** NMIs were masked when the handler began. */
  smmInsideNmi: boolean
  /** How often the user could have moved the vCPU (migration.ts). */
  occasions: number
  /** It has been moved an odd number of times: it is on the user's other host. */
  elsewhere: boolean
  /** The VMCB that runs has L1's CR8 in V_TPR, because V_INTR_MASKING is L0's doing. */
  lendsTaskPriority: boolean
  /** L1's PAT, hPAT while L2 runs. */
  pat: bigint
  vmHsavePa: bigint
  vmCr: bigint
  /** L1's TSC_RATIO, which scales L2. */
  tscRatio: bigint
  /** What L0 scales L1's TSC with, and what it adds (tsc.ts). */
  hostTscRatio: bigint
  hostTscOffset: bigint
  nested: NestedState
}

export function emptyImage(): DataView {
  return new DataView(new ArrayBuffer(VMCB_BYTES))
}

/** TSC_RATIO after RESET: 1, a fixed-point number with 32 fraction bits (APM vol 2 §15.30.5). */
export const TSC_RATIO_1 = 1n << 32n

/** PAT after RESET (APM vol 2 §7.8.2). */
export const PAT_AFTER_RESET = 0x0007_0406_0007_0406n

/** The state of a vCPU that has not begun. */
export function createVcpuState(index: number): VcpuState {
  return {
    index,
    started: false,
    known: false,
    vmcb01: emptyImage(),
    vmcb02: emptyImage(),
    svme: false,
    gif: true,
    nmiPending: false,
    smiPending: false,
    initPending: false,
    smm: false,
    smmInsideNmi: false,
    occasions: 0,
    elsewhere: false,
    lendsTaskPriority: false,
    pat: PAT_AFTER_RESET,
    vmHsavePa: 0n,
    vmCr: 0n,
    tscRatio: TSC_RATIO_1,
    hostTscRatio: TSC_RATIO_1,
    hostTscOffset: 0n,
    nested: {
      guestMode: false,
      vmcb12: 0,
      last: -1,
      controls: emptyImage(),
      save: emptyImage(),
      gPat: 0n,
      followsHPat: false,
      restored: false,
      runPending: false,
      injected: 0n,
      injectedNextRip: 0n,
      injectedRip: 0n,
      shadowPages: 0,
      sources: emptyImage(),
      sourceCount: 0,
    },
  }
}

/** Copies a state over another one; images keep their memory, because making new ones takes longer than copying them. */
export function copyVcpuState(from: VcpuState, into: VcpuState): void {
  const { vmcb01, vmcb02, nested } = into
  const { controls, save, sources } = nested
  Object.assign(into, from, { vmcb01, vmcb02, nested: { ...from.nested, controls, save, sources } })
  copyImage(from.vmcb01, vmcb01)
  copyImage(from.vmcb02, vmcb02)
  copyImage(from.nested.controls, controls)
  copyImage(from.nested.save, save)
  copyImage(from.nested.sources, sources)
}

export function cloneVcpuState(state: VcpuState): VcpuState {
  const clone = createVcpuState(state.index)
  copyVcpuState(state, clone)
  return clone
}

/** NMIs, SMIs and INITs wait: for L1's STGI, or, but for NMIs, which the processor itself masks then, for RSM. */
export function holdsEvents({ gif, smm }: VcpuState): boolean {
  return !gif || smm
}

/** The VMCB that runs when L0 executes VMRUN next. */
export function currentVmcb(state: VcpuState): DataView {
  return state.nested.guestMode ? state.vmcb02 : state.vmcb01
}
