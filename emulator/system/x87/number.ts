/**
 * Numbers of the x87 (APM vol 1 §6.3): the 80-bit format of its registers, and the formats of memory as exact values.
 *
 *   79 sign   78:64 biased exponent   63 integer bit   62:0 fraction
 *
 * A finite number is significand * 2^(exponent - 16383 - 63). The integer bit is explicit, so there are encodings that no longer
 * mean anything ("unsupported"): an exponent above 0 without it.
 */

/** An 80-bit number taken apart. `exponent` is the biased one, 0..7FFFh; `significand` has 64 bits, the integer bit among them. */
export interface Extended {
  readonly negative: boolean
  readonly exponent: number
  readonly significand: bigint
}

export const INTEGER_BIT = 1n << 63n
/** Of a NaN: quiet. */
const QUIET_BIT = 1n << 62n
export const MAXIMUM_EXPONENT = 0x7fff
const BIAS = 16383

/** 80 bits as one number. */
export function packExtended({ negative, exponent, significand }: Extended): bigint {
  return (BigInt((negative ? 0x8000 : 0) | exponent) << 64n) | significand
}

export function unpackExtended(bits: bigint): Extended {
  const top = Number((bits >> 64n) & 0xffffn)
  return {
    negative: top >= 0x8000,
    exponent: top & MAXIMUM_EXPONENT,
    significand: BigInt.asUintN(64, bits),
  }
}

export function zero(negative: boolean): Extended {
  return { negative, exponent: 0, significand: 0n }
}

export function infinity(negative: boolean): Extended {
  return { negative, exponent: MAXIMUM_EXPONENT, significand: INTEGER_BIT }
}

/** The quiet NaN that stands for the result of an invalid operation: the real indefinite (APM vol 1 §6.3.3). */
export const INDEFINITE: Extended = {
  negative: true,
  exponent: MAXIMUM_EXPONENT,
  significand: INTEGER_BIT | QUIET_BIT,
}

export function isZero({ exponent, significand }: Extended): boolean {
  return exponent === 0 && significand === 0n
}

export function isInfinity({ exponent, significand }: Extended): boolean {
  return exponent === MAXIMUM_EXPONENT && significand === INTEGER_BIT
}

export function isNan({ exponent, significand }: Extended): boolean {
  return exponent === MAXIMUM_EXPONENT && significand > INTEGER_BIT
}

export function isSignalingNan(value: Extended): boolean {
  return isNan(value) && (value.significand & QUIET_BIT) === 0n
}

/** Denormal numbers, and pseudo-denormal ones, which have the integer bit set. */
export function isDenormal({ exponent, significand }: Extended): boolean {
  return exponent === 0 && significand !== 0n
}

/** Unnormal numbers, pseudo-infinities and pseudo-NaNs, which are invalid operands (APM vol 1 §6.3.2). */
export function isUnsupported({ exponent, significand }: Extended): boolean {
  return exponent !== 0 && significand < INTEGER_BIT
}

/** The NaN made quiet. */
export function quieted(value: Extended): Extended {
  return { ...value, significand: value.significand | QUIET_BIT }
}

/** Number of bits of a positive integer. */
export function bitLength(value: bigint): number {
  const text = value.toString(16)
  return text.length * 4 - Math.clz32(parseInt(text[0], 16)) + 28
}

/** A finite number other than zero as significand * 2^scale, exactly. */
export interface Exact {
  readonly negative: boolean
  readonly significand: bigint
  readonly scale: number
}

/** The value of a finite number. Zero has the significand 0. */
export function exactValue({ negative, exponent, significand }: Extended): Exact {
  return { negative, significand, scale: Math.max(exponent, 1) - BIAS - 63 }
}

/** The number with that value, which must be representable as a normal one, or zero. */
export function exactExtended({ negative, significand, scale }: Exact): Extended {
  if (significand === 0n) return zero(negative)
  const shift = 64 - bitLength(significand)
  const shifted = shift >= 0 ? significand << BigInt(shift) : significand >> BigInt(-shift)
  return { negative, exponent: scale - shift + 63 + BIAS, significand: shifted }
}

/** The exponent of the leading bit of a finite number other than zero, unbiased. */
export function leadingExponent({ significand, scale }: Exact): number {
  return bitLength(significand) - 1 + scale
}

/** A format that numbers are rounded to: bits of the significand, and the unbiased exponents of normal numbers. */
export interface Format {
  readonly precision: number
  readonly minimumExponent: number
  readonly maximumExponent: number
}

export const SINGLE: Format = { precision: 24, minimumExponent: -126, maximumExponent: 127 }
export const DOUBLE: Format = { precision: 53, minimumExponent: -1022, maximumExponent: 1023 }
export const EXTENDED: Format = { precision: 64, minimumExponent: -16382, maximumExponent: 16383 }

/**
 * A number of 32 or 64 bits in the format of registers, and whether it was denormal. NaNs keep their fraction at the top; they are
 * not made quiet.
 */
export function fromMemoryFormat(bits: bigint, format: Format): { value: Extended; denormal: boolean } {
  const fractionBits = BigInt(format.precision - 1)
  const exponentMask = BigInt(format.maximumExponent * 2 + 1)
  const fraction = BigInt.asUintN(format.precision - 1, bits)
  const exponent = (bits >> fractionBits) & exponentMask
  const negative = bits >> fractionBits > exponentMask
  if (exponent === exponentMask) {
    const significand = INTEGER_BIT | (fraction << (63n - fractionBits))
    return { value: { negative, exponent: MAXIMUM_EXPONENT, significand }, denormal: false }
  }
  const significand = exponent === 0n ? fraction : fraction | (1n << fractionBits)
  const scale = Math.max(Number(exponent), 1) - format.maximumExponent - Number(fractionBits)
  return {
    value: exactExtended({ negative, significand, scale }),
    denormal: exponent === 0n && fraction !== 0n,
  }
}

/** A number that is exact in `format`, or infinite or a NaN whose lower bits are lost, as 32 or 64 bits. */
export function toMemoryFormat(value: Extended, format: Format): bigint {
  const fractionBits = format.precision - 1
  const top = (exponent: number) =>
    BigInt((value.negative ? format.maximumExponent * 2 + 2 : 0) + exponent) << BigInt(fractionBits)
  if (value.exponent === MAXIMUM_EXPONENT) {
    const fraction = BigInt.asUintN(63, value.significand) >> BigInt(63 - fractionBits)
    return top(format.maximumExponent * 2 + 1) | fraction
  }
  if (isZero(value)) return top(0)
  const exact = exactValue(value)
  const exponent = leadingExponent(exact)
  const isNormal = exponent >= format.minimumExponent
  const scale = (isNormal ? exponent : format.minimumExponent) - fractionBits
  const shift = exact.scale - scale
  const significand = shift >= 0 ? exact.significand << BigInt(shift) : exact.significand >> BigInt(-shift)
  return top(isNormal ? exponent + format.maximumExponent : 0) | BigInt.asUintN(fractionBits, significand)
}
