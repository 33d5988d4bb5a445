/**
 * What L0 knows about a vCPU of L1: plain data, so that it can be cloned, compared and saved. VMCBs and copies of them are
 * images: DataViews of 4096 bytes, read and written with readField() and writeField() of svm.
 */
import { VMCB_BYTES } from '../svm/index.ts'

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
  /** L1 executed VMRUN and L2 has not run yet. */
  runPending: boolean
}

export interface VcpuState {
  /** Number of the processor. */
  readonly index: number
  /** L1 has begun: vmcb01 holds its state. */
  started: boolean
  /** vmcb01 runs L1; while L2 runs, its save area keeps L1's state for the nested #VMEXIT. */
  vmcb01: DataView
  /** vmcb02 runs L2. */
  vmcb02: DataView
  /** L1's EFER.SVME; the hardware's is always 1. */
  svme: boolean
  /** L1's global interrupt flag. */
  gif: boolean
  /** An NMI that waits for L1's STGI. */
  nmiPending: boolean
  /** L1's PAT, hPAT while L2 runs. */
  pat: bigint
  vmHsavePa: bigint
  vmCr: bigint
  nested: NestedState
}

export function emptyImage(): DataView {
  return new DataView(new ArrayBuffer(VMCB_BYTES))
}

/** PAT after RESET (APM vol 2 §7.8.2). */
export const PAT_AFTER_RESET = 0x0007_0406_0007_0406n

/** The state of a vCPU that has not begun. */
export function createVcpuState(index: number): VcpuState {
  return {
    index,
    started: false,
    vmcb01: emptyImage(),
    vmcb02: emptyImage(),
    svme: false,
    gif: true,
    nmiPending: false,
    pat: PAT_AFTER_RESET,
    vmHsavePa: 0n,
    vmCr: 0n,
    nested: {
      guestMode: false,
      vmcb12: 0,
      last: -1,
      controls: emptyImage(),
      save: emptyImage(),
      gPat: 0n,
      runPending: false,
    },
  }
}
