/**
 * Which values control registers and MSRs accept, as pure predicates (APM vol 2 §3.1, §7.7, §7.8). The instructions that write
 * them raise #GP by these rules, and VMRUN checks the VMCB by the same ones.
 */
import type { CpuModel } from '../state/cpu.ts'
import { CR0 } from '../state/mode.ts'

export { cr4ReservedBits, EFER_READ_AS_ZERO, eferReservedBits } from './cpu-model.ts'

/** Bits 63:32 of CR0 must be zero. */
const CR0_RESERVED_BITS = 0xffff_ffff_0000_0000n

/** Bits of CR0 that can be written; ET (bit 4) reads as one, the rest as zero. */
export const CR0_WRITABLE =
  CR0.PE | CR0.MP | CR0.EM | CR0.TS | CR0.NE | CR0.WP | CR0.AM | CR0.NW | CR0.CD | CR0.PG

/** True for CR0 values that are illegal whatever the mode: a reserved bit, or NW without CD (APM vol 2 table 7-5). */
export function cr0Reserved(value: bigint): boolean {
  return (value & CR0_RESERVED_BITS) !== 0n || (value & (CR0.CD | CR0.NW)) === CR0.NW
}

/** Address bits that the processor does not implement: 63:MAXPHYADDR. */
export function addressReservedBits(model: CpuModel): bigint {
  return BigInt.asUintN(64, -1n << BigInt(model.physicalAddressBits))
}

/** Bits of CR3 that must be zero in every mode; low bits that a mode does not use are ignored. */
export function cr3ReservedBits(model: CpuModel): bigint {
  return addressReservedBits(model)
}

/** Bits 63:32 of DR6 and DR7 must be zero. */
export const DEBUG_RESERVED_BITS = 0xffff_ffff_0000_0000n

const EACH_BYTE = 0x0101_0101_0101_0101n

/** True when all eight fields of a PAT value are memory types: 0, 1, 4, 5, 6 or 7 (APM vol 2 §7.8.1). */
export function isValidPat(value: bigint): boolean {
  const above7 = value & (EACH_BYTE * 0xf8n)
  // Of 0..7, types 2 and 3 are reserved: bit 1 set and bit 2 clear.
  const reserved = value & (EACH_BYTE * 2n) & ~((value >> 1n) & (EACH_BYTE * 2n))
  return above7 === 0n && reserved === 0n
}

/** True for the memory types of MTRRs: UC, WC, WT, WP, WB (APM vol 2 table 7-7). */
export function isMtrrType(type: number): boolean {
  return type === 0 || type === 1 || (type >= 4 && type <= 6)
}

/** True when all eight fields of a fixed-range MTRR are memory types. */
export function isValidFixedMtrr(value: bigint): boolean {
  for (let shift = 0n; shift < 64n; shift += 8n)
    if (!isMtrrType(Number((value >> shift) & 0xffn))) return false
  return true
}
