/** Unsigned integers of 1, 2, 4 and 8 bytes as BigInts. The widths are spelled out, because V8 compiles only constant ones well. */
import type { Size } from '../../isa/instruction.ts'

/** The low `size` bytes, zero-extended. */
export function truncate(size: Size, value: bigint): bigint {
  if (size === 8) return BigInt.asUintN(64, value)
  if (size === 4) return BigInt.asUintN(32, value)
  return size === 2 ? BigInt.asUintN(16, value) : BigInt.asUintN(8, value)
}

/** The low `size` bytes as a signed number. */
export function signed(size: Size, value: bigint): bigint {
  if (size === 8) return BigInt.asIntN(64, value)
  if (size === 4) return BigInt.asIntN(32, value)
  return size === 2 ? BigInt.asIntN(16, value) : BigInt.asIntN(8, value)
}

/** 8 * size. */
export function bitsOf(size: Size): bigint {
  if (size === 8) return 64n
  if (size === 4) return 32n
  return size === 2 ? 16n : 8n
}

/** Number of ones in the low 32 bits. */
function countOnes32(word: number): number {
  let v = word - ((word >>> 1) & 0x5555_5555)
  v = (v & 0x3333_3333) + ((v >>> 2) & 0x3333_3333)
  return Math.imul((v + (v >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24
}

/** Number of ones in 64 bits. */
export function countOnes(value: bigint): bigint {
  const low = Number(BigInt.asUintN(32, value))
  const high = Number(BigInt.asUintN(32, value >> 32n))
  return BigInt(countOnes32(low) + countOnes32(high))
}

/** Number of zeros above the topmost one in `size` bytes; 8 * size for zero. */
export function countLeadingZeros(size: Size, value: bigint): bigint {
  const low = Number(BigInt.asUintN(32, value))
  const high = Number(BigInt.asUintN(32, value >> 32n))
  const of64 = high === 0 ? 32 + Math.clz32(low) : Math.clz32(high)
  return BigInt(of64 - (64 - size * 8))
}

/** Number of zeros below the lowest one; 8 * size for zero. */
export function countTrailingZeros(size: Size, value: bigint): bigint {
  return value === 0n ? bitsOf(size) : countOnes((value & -value) - 1n)
}

export function byteSwap(size: 4 | 8, value: bigint): bigint {
  let swapped = 0n
  for (let i = 0; i < size; i++) swapped = (swapped << 8n) | ((value >> BigInt(8 * i)) & 0xffn)
  return swapped
}
