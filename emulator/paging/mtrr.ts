/** The memory type that the MTRRs give to a system-physical address (APM vol 2 §7.7). */
import { TYPE_CODE } from './memory-types.ts'

/** MTRRdefType: 11 E, 10 FE, 7:0 default type. */
const DEF_TYPE = { E: 1 << 11, FE: 1 << 10, type: 7 } as const

/** PhysMask: 51:12 mask, 11 V. PhysBase: 51:12 base, 7:0 type. */
const MASK_VALID = 1 << 11
const LOW_ADDRESS_BITS = 0xffff_f000

const FIXED_END = 0x10_0000

/** Number of the fixed range, 0..87, that holds an address below 1 MB: 8 of 64 KB, 16 of 16 KB, 64 of 4 KB. */
function fixedRange(address: number): number {
  if (address < 0x8_0000) return address >>> 16
  if (address < 0xc_0000) return 8 + ((address - 0x8_0000) >>> 14)
  return 24 + ((address - 0xc_0000) >>> 12)
}

const WT_AND_WB = (1 << TYPE_CODE.WT) | (1 << TYPE_CODE.WB)

/** Types of overlapping ranges, as a set of 1 << code, to the type that wins. The manual leaves sets not named here undefined. */
function overlap(types: number): number {
  const single = (types & (types - 1)) === 0
  if (single) return 31 - Math.clz32(types)
  if (types === WT_AND_WB) return TYPE_CODE.WT
  return TYPE_CODE.UC
}

/**
 * Code of the MTRR type of a system-physical address below 2^52. `defType` is the low word of MTRRdefType; `fixed` has the 88
 * bytes of the fixed-range registers in the order of their addresses; `variable` has, for each of the eight ranges, the low and
 * high words of PhysBase and of PhysMask.
 */
export function mtrrTypeCode(
  defType: number,
  fixed: Uint8Array,
  variable: Uint32Array,
  address: number,
): number {
  if (!(defType & DEF_TYPE.E)) return TYPE_CODE.UC
  if (defType & DEF_TYPE.FE && address < FIXED_END) return fixed[fixedRange(address)]
  const low = address >>> 0
  const high = Math.floor(address / 0x1_0000_0000)
  let types = 0
  for (let at = 0; at < variable.length; at += 4) {
    const maskLow = variable[at + 2]
    if (!(maskLow & MASK_VALID)) continue
    const differs =
      ((low ^ variable[at]) & maskLow & LOW_ADDRESS_BITS) | ((high ^ variable[at + 1]) & variable[at + 3])
    if (differs === 0) types |= 1 << (variable[at] & 7)
  }
  return types === 0 ? defType & DEF_TYPE.type : overlap(types)
}
