/**
 * Canonical addresses: all bits above the highest one in use are copies of it (APM vol 1 §2.1.4, vol 2 §5.3.1). Accesses and
 * rIP are judged by the width of the paging mode, base registers by the width that the processor implements.
 */
import type { LinearBits } from './cpu.ts'
import { OFFSET } from './layout.ts'
import { CR4 } from './mode.ts'
import type { Vcpu } from './vcpu.ts'

const CR4_WORD = OFFSET.cr4 >> 2
const LA57 = Number(CR4.LA57)

/** Bits of a linear address in the current paging mode, as far as it is 64-bit: 57 with 5-level paging, else 48. */
export function linearBits(state: Vcpu): LinearBits {
  return state.words[CR4_WORD] & LA57 ? 57 : 48
}

/** `address`, 64 bits wide, with copies of its highest used bit above it. The widths are constants, which makes this fast. */
export function canonical(address: bigint, bits: LinearBits): bigint {
  return BigInt.asUintN(64, bits === 57 ? BigInt.asIntN(57, address) : BigInt.asIntN(48, address))
}

/** The same for bits 63:32 alone. */
export function canonicalHigh(high: number, bits: LinearBits): number {
  const unused = 64 - bits
  return (high << unused) >> unused
}

export function isCanonical(address: bigint, bits: LinearBits): boolean {
  return canonical(address, bits) === address
}

/** The same of the address with this upper half. */
export function isCanonicalHalf(high: number, bits: LinearBits): boolean {
  return canonicalHigh(high, bits) === (high | 0)
}

/** True when all bytes of `size` bytes at `address` are canonical. */
export function isCanonicalRange(address: bigint, size: number, bits: LinearBits): boolean {
  return isCanonical(address, bits) && isCanonical(BigInt.asUintN(64, address + BigInt(size - 1)), bits)
}
