/**
 * The low half of VMCB offset 060h as state.virtualInterrupt holds it (APM vol 2 appendix B):
 *   26 V_NMI_ENABLE   25 VGIF enable   24 V_INTR_MASKING   20 V_IGN_TPR   19:16 V_INTR_PRIO
 *   12 V_NMI_MASK   11 V_NMI   9 VGIF   8 V_IRQ   3:0 V_TPR
 */
export const VIRTUAL_INTERRUPT = {
  tpr: 0xf,
  irq: 1 << 8,
  gif: 1 << 9,
  nmi: 1 << 11,
  nmiMask: 1 << 12,
  priority: 0xf << 16,
  ignoreTpr: 1 << 20,
  masking: 1 << 24,
  gifEnable: 1 << 25,
  nmiEnable: 1 << 26,
} as const

/** The bits that #VMEXIT writes back, of a word with these enable bits (APM vol 2 §15.6, §15.21.10, §15.33.2). */
export function writtenBackBits(word: number): number {
  let bits: number = VIRTUAL_INTERRUPT.tpr | VIRTUAL_INTERRUPT.irq
  if (word & VIRTUAL_INTERRUPT.gifEnable) bits |= VIRTUAL_INTERRUPT.gif
  if (word & VIRTUAL_INTERRUPT.nmiEnable) bits |= VIRTUAL_INTERRUPT.nmi | VIRTUAL_INTERRUPT.nmiMask
  return bits
}
