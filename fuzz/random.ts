/** Random numbers that depend on nothing but the seed and the number of the case. */

export interface Random {
  /** 0 to limit - 1. */
  below(limit: number): number
  /** True once in `times`. */
  oneIn(times: number): boolean
  pick<T>(list: readonly T[]): T
  /** `width` random bits. */
  bits(width: number): bigint
}

/** The finalizer of MurmurHash3: every bit of the result depends on every bit of `value`. */
function mix(value: number): number {
  value = Math.imul(value ^ (value >>> 16), 0x85eb_ca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2_ae35)
  return (value ^ (value >>> 16)) >>> 0
}

/** The sequence of case `index` of `seed`: a counter, mixed. */
export function randomOf(seed: number, index: number): Random {
  let state = mix(mix(seed) + index)
  const next = () => mix((state = (state + 0x9e37_79b9) | 0))
  const below = (limit: number) => Math.floor((next() / 2 ** 32) * limit)
  return {
    below,
    oneIn: (times) => below(times) === 0,
    pick: (list) => list[below(list.length)],
    bits: (width) => BigInt.asUintN(width, (BigInt(next()) << 32n) | BigInt(next())),
  }
}
