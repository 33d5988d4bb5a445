/**
 * A 128-bit hash in plain TypeScript, the same wherever it runs: MurmurHash3 x64's mixing on four 32-bit lanes.
 * It tells states apart; it does not protect against anyone who wants a collision.
 */

const MULTIPLIERS = [0x239b_961b, 0xab0e_9789, 0x38b3_4ae5, 0xa1e3_8b93] as const

function rotateLeft(value: number, count: number): number {
  return (value << count) | (value >>> (32 - count))
}

/** Spreads every bit over the whole word. */
function finalMix(word: number): number {
  let mixed = word ^ (word >>> 16)
  mixed = Math.imul(mixed, 0x85eb_ca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2_ae35)
  return mixed ^ (mixed >>> 16)
}

export interface Hash {
  /** Takes in 32-bit words. The hash depends on their order, not on how they are cut into calls of a multiple of four. */
  add(words: ArrayLike<number>): void
  /** 32 hexadecimal digits over everything taken in. */
  digest(): string
}

export function createHash(): Hash {
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  let length = 0

  return {
    add(words) {
      const [m1, m2, m3, m4] = MULTIPLIERS
      for (let i = 0; i < words.length; i += 4) {
        a ^= Math.imul(rotateLeft(Math.imul(words[i], m1), 15), m2)
        a = (Math.imul(rotateLeft(a, 19) + b, 5) + 0x561c_cd1b) | 0
        b ^= Math.imul(rotateLeft(Math.imul(words[i + 1], m2), 16), m3)
        b = (Math.imul(rotateLeft(b, 17) + c, 5) + 0x0bca_a747) | 0
        c ^= Math.imul(rotateLeft(Math.imul(words[i + 2], m3), 17), m4)
        c = (Math.imul(rotateLeft(c, 15) + d, 5) + 0x96cd_1c35) | 0
        d ^= Math.imul(rotateLeft(Math.imul(words[i + 3], m4), 18), m1)
        d = (Math.imul(rotateLeft(d, 13) + a, 5) + 0x32ac_3b17) | 0
      }
      length += words.length
    },
    digest() {
      let lanes = [a, b, c, d].map((lane) => lane ^ length)
      for (let round = 0; round < 2; round++) {
        const sum = lanes.reduce((total, lane) => (total + lane) | 0, 0)
        lanes = lanes.map((lane, i) => finalMix((lane + Math.imul(sum, MULTIPLIERS[i])) | 0))
      }
      return lanes.map((lane) => (lane >>> 0).toString(16).padStart(8, '0')).join('')
    },
  }
}
