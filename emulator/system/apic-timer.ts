/**
 * The APIC timer (APM vol 2 §16.4.1) counts down from the initial count, one every `divisor` units of time (time.ts), and requests
 * an interrupt at zero; then it stops, or in periodic mode begins again. Nothing ticks: all follows from the time of the expiry.
 */
import type { Vcpu } from '../state/vcpu.ts'
import { APIC, LVT_MASKED } from './apic-registers.ts'
import { timeOf } from './time.ts'

/** The timer's local vector: 17 TMM (periodic), 16 M (masked), 7:0 vector. */
const PERIODIC = 0x2_0000
const VECTOR = 0xff

/** Bits 3, 1, 0 of the divide configuration hold n: the divisor is 2 to the power of n + 1; but 1 where n is 7. */
function divisor({ apic }: Vcpu): number {
  const code = apic[APIC.divide]
  return 1 << (((((code & 8) >> 1) | (code & 3)) + 1) % 8)
}

/** Units of time from one expiry to the next. */
function period(state: Vcpu): number {
  return state.apic[APIC.initialCount] * divisor(state)
}

/** The timer begins to count down from the initial count; 0 stops it. */
export function startTimer(state: Vcpu): void {
  state.apicTimerExpiry = state.apic[APIC.initialCount] === 0 ? Infinity : timeOf(state) + period(state)
}

/** What the current-count register reads; 0 while the timer is stopped. */
export function currentCount(state: Vcpu): number {
  if (state.apicTimerExpiry === Infinity) return 0
  return Math.ceil((state.apicTimerExpiry - timeOf(state)) / divisor(state))
}

/** Writes the divide configuration. The current count stays and goes on at the new speed. */
export function divideTimer(state: Vcpu, configuration: number): void {
  const count = currentCount(state)
  state.apic[APIC.divide] = configuration
  if (count > 0) state.apicTimerExpiry = timeOf(state) + count * divisor(state)
}

/** When the timer has expired, starts it again or stops it and returns its vector if that is not masked; otherwise -1. */
export function expireTimer(state: Vcpu): number {
  const late = timeOf(state) - state.apicTimerExpiry
  if (late < 0) return -1
  const entry = state.apic[APIC.timer]
  const every = period(state)
  state.apicTimerExpiry =
    entry & PERIODIC ? state.apicTimerExpiry + (Math.floor(late / every) + 1) * every : Infinity
  return entry & LVT_MASKED ? -1 : entry & VECTOR
}
