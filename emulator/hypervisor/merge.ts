/**
 * Controls of vmcb02 that have two sources: what L0 wants of whoever runs, and what L1 wants of L2. Pure functions; the MSR permission
 * maps are merged in permission-maps.ts.
 */
import { get, VIRTUAL_INTERRUPT } from './vmcb-image.ts'

/** Their names. */
export const INTERCEPT_VECTORS = [0, 1, 2, 3, 4, 5].map((i) => `control.intercept_vector_${i}`)

/** The six intercept vectors of vmcb02: L2 exits for everything that L0 or L1 wants to see. */
export function mergeIntercepts(l0: readonly bigint[], controls: DataView): bigint[] {
  return l0.map((vector, i) => vector | get(controls, INTERCEPT_VECTORS[i]))
}

/**
 * The virtual interrupt word that L1 gets to see (VMCB offset 060h): as L1 wrote it, but for what the processor changes while L2 runs.
 * VGIF and virtual NMIs change only where L1 has turned them on (APM vol 2 §15.21, §15.33.2).
 */
export function virtualInterruptForL1(vmcb12: bigint, vmcb02: bigint): bigint {
  const { tpr, irq, gif, gifEnable, nmi, nmiMask, nmiEnable } = VIRTUAL_INTERRUPT
  let changed = tpr | irq
  if (vmcb12 & gifEnable) changed |= gif
  if (vmcb12 & nmiEnable) changed |= nmi | nmiMask
  return (vmcb12 & ~changed) | (vmcb02 & changed)
}
