/** Bits of the debug registers (APM vol 2 §13.1.1). */

/** DR6: why a #DB was raised. Bits that do not exist read as `fixed`. */
export const DR6 = {
  /** B3..B0: breakpoint n. */
  B: 0xf,
  BD: 1 << 13,
  BS: 1 << 14,
  /** The TSS of the task switched to has T = 1. */
  BT: 1 << 15,
  writable: 0xe00f,
  fixed: 0xffff_0ff0,
} as const

/** DR7: which breakpoints are on. Bit 10 reads as one. */
export const DR7 = {
  /** L0, G0 .. L3, G3. */
  enable: 0xff,
  /** General detect: #DB on any MOV to or from a debug register. */
  GD: 1 << 13,
  writable: 0xffff_23ff,
  fixed: 1 << 10,
} as const
