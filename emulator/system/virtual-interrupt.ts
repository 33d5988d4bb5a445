/**
 * The low half of VMCB offset 060h as state.virtualInterrupt holds it (APM vol 2 appendix B):
 *   24 V_INTR_MASKING   20 V_IGN_TPR   19:16 V_INTR_PRIO   8 V_IRQ   3:0 V_TPR
 */
export const VIRTUAL_INTERRUPT = {
  tpr: 0xf,
  irq: 1 << 8,
  priority: 0xf << 16,
  ignoreTpr: 1 << 20,
  masking: 1 << 24,
} as const
