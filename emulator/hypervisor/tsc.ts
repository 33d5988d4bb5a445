/**
 * The time of L1 and L2 (APM vol 2 §15.30.5; KVM: kvm_calc_nested_tsc_multiplier, kvm_calc_nested_tsc_offset). The processor scales
 * its counter for whoever runs by TSC_RATIO, a fixed-point number with 32 fraction bits, and adds TSC_OFFSET of the VMCB:
 *
 *   L1    t * r1 + o1
 *   L2    (t * r1 + o1) * r2 + o2  =  t * (r1 * r2) + (o1 * r2 + o2)
 *
 * The host gives L1 r1 and o1; r2 is what L1 has written to its TSC_RATIO, and o2 is in vmcb12.
 */
import { readMsr, writeMsr, type Handler } from './effects.ts'
import { TSC_RATIO_1, type VcpuState } from './state.ts'
import { change, get } from './vmcb-image.ts'

export const MSR_TSC = 0x10
export const MSR_TSC_RATIO = 0xc000_0104

const OFFSET = 'control.tsc_offset'
const FRACTION_BITS = 32n
const RATIO_LIMIT = 1n << 40n

function scale(count: bigint, ratio: bigint): bigint {
  return (count * ratio) >> FRACTION_BITS
}

export function isTscRatio(value: bigint): boolean {
  return value >= 0n && value < RATIO_LIMIT
}

/** r1 * r2, as far as the register can hold it. */
export function mergeTscRatio(ofL1: bigint, ofL2: bigint): bigint {
  const merged = scale(ofL1, ofL2)
  return isTscRatio(merged) ? merged : RATIO_LIMIT - 1n
}

/** o1 * r2 + o2, 64 bits. */
export function mergeTscOffset(ofL1: bigint, ratioOfL2: bigint, ofL2: bigint): bigint {
  return BigInt.asUintN(64, scale(BigInt.asIntN(64, ofL1), ratioOfL2) + ofL2)
}

/** Gives L1 its time when it begins. */
export function* beginTime({ hostTscRatio, hostTscOffset, vmcb01 }: VcpuState): Handler<void> {
  change(vmcb01, OFFSET, hostTscOffset)
  yield* writeMsr(MSR_TSC_RATIO, hostTscRatio)
}

/** L2 runs next. Most L1s leave TSC_RATIO alone: then the register has the right value. */
export function* enterTimeOfL2(vcpu: VcpuState): Handler<void> {
  const { hostTscRatio, tscRatio } = vcpu
  offsetL2(vcpu)
  if (tscRatio !== TSC_RATIO_1) yield* writeMsr(MSR_TSC_RATIO, mergeTscRatio(hostTscRatio, tscRatio))
}

/** L1 runs again, with TSC_OFFSET of its own VMCB. */
export function* leaveTimeOfL2({ hostTscRatio, tscRatio }: VcpuState): Handler<void> {
  if (tscRatio !== TSC_RATIO_1) yield* writeMsr(MSR_TSC_RATIO, hostTscRatio)
}

function offsetL2({ hostTscOffset, tscRatio, nested, vmcb02 }: VcpuState): void {
  change(vmcb02, OFFSET, mergeTscOffset(hostTscOffset, tscRatio, get(nested.controls, OFFSET)))
}

/** WRMSR of TSC_RATIO, which must be one. */
export function* writeTscRatio(vcpu: VcpuState, value: bigint): Handler<void> {
  vcpu.tscRatio = value
  if (!vcpu.nested.guestMode) return
  offsetL2(vcpu)
  yield* writeMsr(MSR_TSC_RATIO, mergeTscRatio(vcpu.hostTscRatio, value))
}

/** WRMSR of TSC: L1's TSC has this value now, also when it was L2 that wrote. */
export function* writeTsc(vcpu: VcpuState, value: bigint): Handler<void> {
  const now = (yield* readMsr(MSR_TSC)) ?? 0n
  vcpu.hostTscOffset = BigInt.asUintN(64, value - scale(now, vcpu.hostTscRatio))
  change(vcpu.vmcb01, OFFSET, vcpu.hostTscOffset)
  if (vcpu.nested.guestMode) offsetL2(vcpu)
}
