/** Bits of the vCPU's `attention` word: why the next instruction boundary needs more than fetching the next instruction. */
export const ATTENTION = {
  /** An interrupt shadow ends after the next instruction. */
  shadow: 1 << 0,
  /** rFLAGS.TF: #DB after the next instruction. */
  trap: 1 << 1,
  /** An interrupt, NMI or virtual interrupt may be deliverable. */
  event: 1 << 2,
  /** The vCPU does not execute: HLT or shutdown. */
  inactive: 1 << 3,
  /** Somebody outside asked the run loop to return at the next boundary. */
  stop: 1 << 4,
  /** A debug register may match: instruction or data breakpoints are enabled in DR7. */
  breakpoints: 1 << 5,
  /** rFLAGS.RF is 1: the next instruction clears it. */
  resume: 1 << 6,
  /** DebugCtl.LBR is 1: control transfers are recorded. */
  branches: 1 << 7,
} as const
