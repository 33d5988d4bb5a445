/** Bits of the vCPU's `attention` word: why the next instruction boundary needs more than fetching the next instruction. */
export const ATTENTION = {
  /** An interrupt shadow ends after the next instruction. */
  shadow: 1 << 0,
  /** rFLAGS.TF: #DB after the next instruction. */
  trap: 1 << 1,
  /** An interrupt, NMI or virtual interrupt may be deliverable. */
  event: 1 << 2,
  /** The vCPU does not execute: HLT, shutdown, or no STARTUP yet. */
  inactive: 1 << 3,
  /** Somebody outside asked the run loop to return at the next boundary. */
  stop: 1 << 4,
  /** Instruction breakpoints are enabled in DR7. */
  breakpoints: 1 << 5,
  /** rFLAGS.RF is 1: the next instruction clears it. */
  resume: 1 << 6,
  /** DebugCtl.LBR or BTF is 1: control transfers are recorded, or trap. */
  branches: 1 << 7,
  /** Locked instructions of the guest may be bus locks, which are counted. */
  busLocks: 1 << 8,
  /** state.pendingDebug holds causes of a #DB that comes before the next instruction. */
  debugTrap: 1 << 9,
} as const
