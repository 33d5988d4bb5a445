/** MSR permission maps (APM vol 2 §15.11): what L0 intercepts, and what L1's map says. */

const RANGES = [0x0000_0000, 0xc000_0000, 0xc001_0000]
const MSRS_PER_RANGE = 0x2000
export const MSRPM_BYTES = 0x2000
export const IOPM_BYTES = 0x3000

/** Position of an MSR's read bit, which its write bit follows; -1 for MSRs outside the map, which are always intercepted. */
export function msrPosition(msr: number): number {
  const range = RANGES.findIndex((first) => msr >= first && msr < first + MSRS_PER_RANGE)
  return range < 0 ? -1 : (range * MSRS_PER_RANGE + msr - RANGES[range]) * 2
}

export interface InterceptedMsr {
  readonly msr: number
  readonly read: boolean
  readonly write: boolean
}

/** A map with the bits of these MSRs. */
export function permissionMap(msrs: readonly InterceptedMsr[]): Uint8Array {
  const map = new Uint8Array(MSRPM_BYTES)
  for (const { msr, read, write } of msrs) {
    const position = msrPosition(msr)
    if (read) map[position >> 3] |= 1 << (position & 7)
    if (write) map[(position + 1) >> 3] |= 1 << ((position + 1) & 7)
  }
  return map
}

/** What either of two maps intercepts. */
export function mergeMaps(first: Uint8Array, second: Uint8Array): Uint8Array {
  const merged = first.slice()
  const [into, from] = [merged, second].map(
    (map) => new Uint32Array(map.buffer, map.byteOffset, MSRPM_BYTES / 4),
  )
  for (let i = 0; i < from.length; i++) into[i] |= from[i]
  return merged
}
