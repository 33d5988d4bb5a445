/**
 * Controls of vmcb02 that are made of two sources: what L0 wants of whoever runs, and what L1 wants of L2. Pure functions; the MSR
 * permission maps are merged in permission-maps.ts.
 */
import { interceptCode, VIRTUAL_INTERRUPT_BITS } from '../svm/index.ts'

/** The six intercept vectors: intercept n is bit n % 32 of vector n / 32 (APM vol 2 §15.9). */
export type Intercepts = readonly number[]

const VMLOAD = interceptCode('vmload')!
const VMSAVE = interceptCode('vmsave')!

/** Intercept vectors with just these intercepts, given by exit code. */
export function interceptsOf(codes: readonly number[]): Intercepts {
  const vectors = [0, 0, 0, 0, 0, 0]
  for (const code of codes) vectors[code >>> 5] |= 1 << (code & 31)
  return vectors.map((vector) => vector >>> 0)
}

/** Whether an intercept, given by its exit code, is on. */
export function intercepts(vectors: Intercepts, code: number): boolean {
  return code >= 0 && code < 32 * vectors.length && ((vectors[code >>> 5] >>> (code & 31)) & 1) !== 0
}

/**
 * L2 exits for everything that L0 or L1 wants to see. VMLOAD and VMSAVE must not reach the processor, which would take an address
 * of L1's memory for a system-physical one, unless it translates them through L2's nested tables (APM vol 2 §15.33.1).
 */
export function mergeIntercepts(l0: Intercepts, vmcb12: Intercepts, virtualVmload: boolean): Intercepts {
  const both = l0.map((vector, i) => (vector | vmcb12[i]) >>> 0)
  const own = interceptsOf([VMLOAD, VMSAVE])
  return virtualVmload
    ? both.map((vector, i) => (vector & ~(own[i] & ~vmcb12[i])) >>> 0)
    : both.map((vector, i) => (vector | own[i]) >>> 0)
}

function maskOf(names: readonly string[]): bigint {
  const bits = VIRTUAL_INTERRUPT_BITS.bits.filter(({ key }) => names.includes(key))
  return bits.reduce((mask, { low, width }) => mask | (((1n << BigInt(width)) - 1n) << BigInt(low)), 0n)
}

/** Bits of the virtual interrupt word that the processor changes while L2 runs (APM vol 2 §15.21). */
const CHANGED_BY_L2 = maskOf(['v_tpr', 'v_irq', 'vgif', 'v_nmi', 'v_nmi_mask'])
/** AVIC is not offered to L1. */
const NOT_OFFERED = maskOf(['x2avic_enable', 'avic_enable'])

/**
 * The virtual interrupt word of vmcb02. L0 lends its processor's interrupts to L1, so V_INTR_MASKING is L1's to choose, too: with it,
 * L1's IF, which is L0's IF while L2 runs, masks physical interrupts; without it L2's own IF does.
 */
export function virtualInterruptForL2(vmcb12: bigint): bigint {
  return vmcb12 & ~NOT_OFFERED
}

/** The virtual interrupt word that a nested #VMEXIT stores: as L1 wrote it, but for what happened in L2. */
export function virtualInterruptForL1(vmcb12: bigint, vmcb02: bigint): bigint {
  return (vmcb12 & ~CHANGED_BY_L2) | (vmcb02 & CHANGED_BY_L2)
}

/** How a guest's time-stamp counter follows from its host's: host * ratio / 2^32 + offset (APM vol 2 §15.30.5). */
export interface TscScale {
  /** 64 bits, two's complement. */
  readonly offset: bigint
  /** Fixed point, 32 fraction bits. */
  readonly ratio: bigint
}

/** L2's counter from L0's: L1's scale, then what L1 wants for L2. The product of an offset and a ratio is signed. */
export function combineTsc(l1: TscScale, l2: TscScale): TscScale {
  return {
    offset: BigInt.asUintN(64, ((BigInt.asIntN(64, l1.offset) * l2.ratio) >> 32n) + l2.offset),
    ratio: (l1.ratio * l2.ratio) >> 32n,
  }
}
