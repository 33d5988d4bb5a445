/**
 * The page-directory-pointer entries of legacy PAE paging, which processors load together with CR3 (APM vol 2 §5.2.3). This one
 * checks them then and reads them again in each walk.
 */
import { LEGACY_PDP } from './formats.ts'

/** True when one of the four PDPEs at CR3[31:5] is present and has a reserved bit set. `reservedHigh`: bits 63:32 above MAXPHYADDR. */
export function hasIllegalPdpes(
  cr3: number,
  reservedHigh: number,
  memoryWord: (address: number) => number,
): boolean {
  const table = (cr3 & ~0x1f) >>> 0
  for (let i = 0; i < 4; i++) {
    const low = memoryWord(table + i * 8)
    const high = memoryWord(table + i * 8 + 4)
    if (low & 1 && (low & LEGACY_PDP.reservedTable || high & reservedHigh)) return true
  }
  return false
}
