/** The time-stamp counter: 16 per instruction (docs/architecture.md), scaled and offset in guest mode (APM vol 2 §15.30.5). */
import type { Vcpu } from '../state/vcpu.ts'

/** TSC counts per unit of time. */
const TSC_PER_UNIT = 16

/** The time: one unit for each instruction attempted and for each that an idle processor could have attempted meanwhile. */
export function timeOf(state: Vcpu): number {
  return state.instructions + state.idle
}

function counter(state: Vcpu): bigint {
  return BigInt(timeOf(state)) * BigInt(TSC_PER_UNIT)
}

/** What RDTSC and RDMSR return now. The ratio is a fixed-point number with 32 fraction bits. */
export function readTsc(state: Vcpu): bigint {
  const host = counter(state) + state.tscBase
  return BigInt.asUintN(64, state.guestMode ? ((host * state.tscRatio) >> 32n) + state.tscOffset : host)
}

/** Makes the host's counter read `value` now. */
export function writeTsc(state: Vcpu, value: bigint): void {
  state.tscBase = BigInt.asUintN(64, value - counter(state))
}

/** MPERF counts as the TSC does, in guest mode scaled too (APM vol 2 §15.30.5); APERF counts at the actual frequency. */
export function readMperf(state: Vcpu): bigint {
  const host = counter(state) + state.mperfBase
  return BigInt.asUintN(64, state.guestMode ? (host * state.tscRatio) >> 32n : host)
}

export function readAperf(state: Vcpu): bigint {
  return BigInt.asUintN(64, counter(state) + state.aperfBase)
}

/** Makes the host's MPERF or APERF read `value` now. */
export function writeFrequencyCounter(state: Vcpu, which: 'mperfBase' | 'aperfBase', value: bigint): void {
  state[which] = BigInt.asUintN(64, value - counter(state))
}
