/** 64-bit numbers in two halves, which compute without the allocation that each BigInt is. */

const whole = new BigUint64Array(1)
const halves = new Uint32Array(whole.buffer)

/** The 64-bit number with these 32-bit halves, unsigned. */
export function joinHalves(low: number, high: number): bigint {
  halves[0] = low
  halves[1] = high
  return whole[0]
}
