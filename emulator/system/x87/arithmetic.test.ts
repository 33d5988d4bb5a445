import { describe, expect, test } from 'vitest'
import {
  add,
  compare,
  divide,
  extract,
  fromInteger,
  multiply,
  remainder,
  roundToInteger,
  scale,
  squareRoot,
  subtract,
} from './arithmetic.ts'
import {
  DOUBLE,
  exactValue,
  type Extended,
  fromMemoryFormat,
  INDEFINITE,
  infinity,
  isNan,
  SINGLE,
  toMemoryFormat,
  unpackExtended,
  zero,
} from './number.ts'
import { CONDITION, EXCEPTION, type Result } from './round.ts'

/** Control words: everything masked, with 64, 53 and 24 bits of precision. */
const FULL = 0x37f
const DOUBLE_PRECISION = 0x27f
const SINGLE_PRECISION = 0x07f

const view = new DataView(new ArrayBuffer(8))

function fromDouble(value: number): Extended {
  view.setFloat64(0, value)
  return fromMemoryFormat(view.getBigUint64(0), DOUBLE).value
}

function toDouble(value: Extended): number {
  view.setBigUint64(0, toMemoryFormat(value, DOUBLE))
  return view.getFloat64(0)
}

/** A reproducible source of 64-bit numbers. */
function generator(seed: bigint): () => bigint {
  let state = seed
  return () => {
    state ^= BigInt.asUintN(64, state << 13n)
    state ^= state >> 7n
    state ^= BigInt.asUintN(64, state << 17n)
    return state
  }
}

const next = generator(0x9e37_79b9_7f4a_7c15n)

function below(limit: number): number {
  return Number(next() % BigInt(limit))
}

/** A double with an exponent far from the ends of the range, where 53 bits of precision and 11 of exponent give the same result. */
function randomDouble(): number {
  view.setBigUint64(0, next())
  const bits = view.getBigUint64(0)
  view.setBigUint64(0, (bits & ~(0x7ffn << 52n)) | (BigInt(1023 - 200 + below(400)) << 52n))
  return view.getFloat64(0)
}

/** A normal number of 80 bits with a moderate exponent; a third of them have few bits, so that results can be exact. */
function randomExtended(): Extended {
  const few = below(3) === 0
  const significand = (1n << 63n) | (few ? (next() & 0xffn) << 55n : next())
  return { negative: below(2) === 1, exponent: 16383 - 60 + below(120), significand }
}

const OPERATIONS = [
  ['add', add, (a: number, b: number) => a + b],
  ['subtract', subtract, (a: number, b: number) => a - b],
  ['multiply', multiply, (a: number, b: number) => a * b],
  ['divide', divide, (a: number, b: number) => a / b],
] as const

describe.each(OPERATIONS)('%s', (_, operation, native) => {
  test('with 53 bits of precision is the arithmetic of doubles', () => {
    for (let i = 0; i < 3000; i++) {
      const [a, b] = [randomDouble(), randomDouble()]
      expect(toDouble(operation(fromDouble(a), fromDouble(b), DOUBLE_PRECISION).value)).toBe(native(a, b))
    }
  })

  test('with 24 bits of precision is the arithmetic of singles', () => {
    for (let i = 0; i < 3000; i++) {
      const [a, b] = [(below(0xffffff) + 1) * 2 ** (below(40) - 20), -(below(0xffffff) + 1)]
      const result = operation(fromDouble(a), fromDouble(b), SINGLE_PRECISION).value
      expect(toDouble(result)).toBe(Math.fround(native(a, b)))
    }
  })
})

/** A rational number: numerator / denominator, the denominator positive. */
interface Rational {
  readonly numerator: bigint
  readonly denominator: bigint
}

function rational(value: Extended): Rational {
  const { negative, significand, scale: power } = exactValue(value)
  const signed = negative ? -significand : significand
  return power >= 0
    ? { numerator: signed << BigInt(power), denominator: 1n }
    : { numerator: signed, denominator: 1n << BigInt(-power) }
}

/** Below 0, 0 or above 0: a against b. */
function order(a: Rational, b: Rational): number {
  const difference = a.numerator * b.denominator - b.numerator * a.denominator
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

const EXACT: Readonly<Record<string, (a: Rational, b: Rational) => Rational>> = {
  add: (a, b) => ({
    numerator: a.numerator * b.denominator + b.numerator * a.denominator,
    denominator: a.denominator * b.denominator,
  }),
  multiply: (a, b) => ({
    numerator: a.numerator * b.numerator,
    denominator: a.denominator * b.denominator,
  }),
  divide: (a, b) => {
    const sign = b.numerator < 0n ? -1n : 1n
    return {
      numerator: a.numerator * b.denominator * sign,
      denominator: a.denominator * b.numerator * sign,
    }
  },
}

/** The number one place above or below in magnitude. */
function neighbour(value: Extended, places: 1n | -1n): Extended {
  const significand = value.significand + places
  if (significand === 1n << 64n) return { ...value, exponent: value.exponent + 1, significand: 1n << 63n }
  if (significand < 1n << 63n)
    return { ...value, exponent: value.exponent - 1, significand: (1n << 64n) - 1n }
  return { ...value, significand }
}

function average(a: Extended, b: Extended): Rational {
  const sum = EXACT.add(rational(a), rational(b))
  return { numerator: sum.numerator, denominator: sum.denominator * 2n }
}

/** Checks a result of 64 bits against the exact value: it is the nearest, or the next one on the side that the rounding wants. */
function expectRounded(result: Result, exact: Rational, rounding: number): void {
  const comparison = order(rational(result.value), exact)
  expect((result.status & EXCEPTION.PE) !== 0).toBe(comparison !== 0)
  if (comparison === 0) return
  const outward = result.value.negative ? -comparison : comparison
  expect((result.status & CONDITION.C1) !== 0).toBe(outward > 0)
  if (rounding === 0) {
    const other = neighbour(result.value, outward > 0 ? -1n : 1n)
    const half = order(exact, average(result.value, other))
    const nearer = order(rational(result.value), rational(other)) < 0 ? -half : half
    expect(nearer > 0 || (nearer === 0 && (result.value.significand & 1n) === 0n)).toBe(true)
    return
  }
  expect(comparison).toBe(rounding === 1 ? -1 : rounding === 2 ? 1 : result.value.negative ? 1 : -1)
  const inner = neighbour(result.value, outward > 0 ? -1n : 1n)
  expect(order(rational(inner), exact)).toBe(-comparison)
}

test.each([
  ['add', add],
  ['multiply', multiply],
  ['divide', divide],
] as const)('%s rounds the exact result of 64 bits in all four directions', (name, operation) => {
  for (let i = 0; i < 2000; i++) {
    const [a, b] = [randomExtended(), randomExtended()]
    const exact = EXACT[name](rational(a), rational(b))
    if (exact.numerator === 0n) continue
    for (let rounding = 0; rounding < 4; rounding++)
      expectRounded(operation(a, b, FULL | (rounding << 10)), exact, rounding)
  }
})

test('the square of a root, one place less and one more, enclose the radicand', () => {
  for (let i = 0; i < 2000; i++) {
    const a = { ...randomExtended(), negative: false }
    const { value, status } = squareRoot(a, FULL | (3 << 10))
    const square = (root: Extended) => EXACT.multiply(rational(root), rational(root))
    const comparison = order(square(value), rational(a))
    expect(comparison).toBe(status & EXCEPTION.PE ? -1 : 0)
    expect(order(square(neighbour(value, 1n)), rational(a))).toBe(1)
  }
})

const ONE = fromInteger(1n)
const TWO = fromInteger(2n)
const QUIET_NAN = unpackExtended(0x7fff_c000_0000_0000_1234n)
const LARGER_NAN = unpackExtended(0xffff_e000_0000_0000_0000n)
const SIGNALING_NAN = unpackExtended(0x7fff_b000_0000_0000_0000n)
const DENORMAL = unpackExtended(0x1n)
const PSEUDO_DENORMAL = unpackExtended(0x0000_8000_0000_0000_0000n)
const SMALLEST_NORMAL = unpackExtended(0x0001_8000_0000_0000_0000n)
const UNNORMAL = unpackExtended(0x4000_0000_0000_0000_0001n)
const LARGEST = unpackExtended(0x7ffe_ffff_ffff_ffff_ffffn)
const { IE, DE, ZE, OE, UE, PE } = EXCEPTION

describe('masked responses (APM vol 1 §6.8.3)', () => {
  test.each<[string, Result, Extended, number]>([
    ['infinity - infinity', subtract(infinity(false), infinity(false), FULL), INDEFINITE, IE],
    ['infinity * 0', multiply(infinity(false), zero(true), FULL), INDEFINITE, IE],
    ['0 / 0', divide(zero(false), zero(false), FULL), INDEFINITE, IE],
    ['infinity / infinity', divide(infinity(true), infinity(false), FULL), INDEFINITE, IE],
    ['1 / -0', divide(ONE, zero(true), FULL), infinity(true), ZE],
    ['denormal / 0', divide(DENORMAL, zero(false), FULL), infinity(false), ZE],
    ['root of -1', squareRoot(fromInteger(-1n), FULL), INDEFINITE, IE],
    ['root of -0', squareRoot(zero(true), FULL), zero(true), 0],
    ['an unnormal operand', add(UNNORMAL, ONE, FULL), INDEFINITE, IE],
    ['a quiet NaN beside a denormal number', add(QUIET_NAN, DENORMAL, FULL), QUIET_NAN, 0],
    ['two quiet NaNs: the larger significand', add(QUIET_NAN, LARGER_NAN, FULL), LARGER_NAN, 0],
    ['a quiet NaN beside a signaling one', add(SIGNALING_NAN, QUIET_NAN, FULL), QUIET_NAN, IE],
    [
      'a signaling NaN, made quiet',
      add(ONE, SIGNALING_NAN, FULL),
      unpackExtended(0x7fff_f000_0000_0000_0000n),
      IE,
    ],
    ['a denormal operand', add(DENORMAL, zero(false), FULL), DENORMAL, DE],
    ['a pseudo-denormal operand', multiply(PSEUDO_DENORMAL, ONE, FULL), SMALLEST_NORMAL, DE],
    ['overflow to nearest', multiply(LARGEST, TWO, FULL), infinity(false), OE | PE | CONDITION.C1],
    ['overflow toward zero', multiply(LARGEST, TWO, FULL | 0xc00), LARGEST, OE | PE],
    [
      'underflow, inexact',
      divide(SMALLEST_NORMAL, fromInteger(3n), FULL),
      unpackExtended(0x2aaa_aaaa_aaaa_aaabn),
      UE | PE | CONDITION.C1,
    ],
    ['underflow, exact', divide(SMALLEST_NORMAL, TWO, FULL), unpackExtended(0x4000_0000_0000_0000n), 0],
    ['x - x', subtract(ONE, ONE, FULL), zero(false), 0],
    ['x - x, rounding down', subtract(ONE, ONE, FULL | 0x400), zero(true), 0],
    ['scaling zero by infinity', scale(zero(false), infinity(false), FULL), INDEFINITE, IE],
    ['scaling by a fraction', scale(ONE, fromDouble(2.75), FULL), fromInteger(4n), 0],
    ['rounding 2.5 to an integer', roundToInteger(fromDouble(2.5), FULL), TWO, PE],
    ['rounding 2.5 up', roundToInteger(fromDouble(2.5), FULL | 0x800), fromInteger(3n), PE | CONDITION.C1],
  ])('%s', (_, result, value, status) => {
    expect(result).toEqual({ value, status })
  })
})

test('an unmasked overflow or underflow in a register moves the exponent by 24576', () => {
  const overflow = multiply(LARGEST, TWO, FULL & ~OE)
  expect(overflow).toEqual({ value: { ...LARGEST, exponent: LARGEST.exponent + 1 - 24576 }, status: OE })
  const underflow = divide(SMALLEST_NORMAL, TWO, FULL & ~UE)
  expect(underflow).toEqual({ value: { ...SMALLEST_NORMAL, exponent: 24576 }, status: UE })
})

test('the exponent and significand of a number, a denormal one too', () => {
  expect(extract(fromInteger(-12n))).toEqual({
    exponent: fromInteger(3n),
    significand: fromDouble(-1.5),
    status: 0,
  })
  expect(extract(DENORMAL)).toEqual({ exponent: fromInteger(-16445n), significand: ONE, status: DE })
  expect(extract(zero(true))).toEqual({ exponent: infinity(true), significand: zero(true), status: ZE })
})

test('remainders truncate or round the quotient, and give its low bits', () => {
  const [seven, two] = [fromInteger(7n), fromInteger(2n)]
  expect(remainder(seven, two, false, FULL)).toEqual({ value: ONE, status: CONDITION.C3 | CONDITION.C1 })
  expect(remainder(seven, two, true, FULL)).toEqual({ value: fromInteger(-1n), status: CONDITION.C0 })
})

test('repeated partial remainders end with the remainder of the exact numbers', () => {
  for (let i = 0; i < 300; i++) {
    const [a, b] = [
      { ...randomExtended(), negative: false, exponent: 16383 + below(2000) },
      { ...randomExtended(), negative: false },
    ]
    let result: Result = { value: a, status: CONDITION.C2 }
    for (let rounds = 0; result.status & CONDITION.C2; rounds++) {
      expect(rounds).toBeLessThan(70)
      result = remainder(result.value, b, false, FULL)
    }
    const [x, y] = [rational(a), rational(b)]
    const rest = {
      numerator: (x.numerator * y.denominator) % (y.numerator * x.denominator),
      denominator: x.denominator * y.denominator,
    }
    expect(order(rational(result.value), rest)).toBe(0)
  }
})

test('comparisons order all numbers and call NaNs unordered', () => {
  const ascending = [
    infinity(true),
    fromInteger(-2n),
    fromInteger(-1n),
    zero(true),
    DENORMAL,
    ONE,
    infinity(false),
  ]
  ascending.forEach((a, i) => {
    ascending.forEach((b, j) => {
      expect(compare(a, b, false) & ~DE).toBe(i < j ? CONDITION.C0 : i === j ? CONDITION.C3 : 0)
    })
  })
  expect(compare(zero(false), zero(true), false)).toBe(CONDITION.C3)
  const unordered = CONDITION.C0 | CONDITION.C2 | CONDITION.C3
  expect(compare(ONE, QUIET_NAN, false)).toBe(unordered | IE)
  expect(compare(ONE, QUIET_NAN, true)).toBe(unordered)
  expect(compare(ONE, SIGNALING_NAN, true)).toBe(unordered | IE)
})

test.each([
  ['double', DOUBLE, 64],
  ['single', SINGLE, 32],
] as const)('every %s that is not a NaN comes back from the register format', (_, format, bits) => {
  for (let i = 0; i < 5000; i++) {
    const value = BigInt.asUintN(bits, next() >> BigInt(below(64)))
    const loaded = fromMemoryFormat(value, format)
    if (!isNan(loaded.value)) expect(toMemoryFormat(loaded.value, format)).toBe(value)
  }
})
