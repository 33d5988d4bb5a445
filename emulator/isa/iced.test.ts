/** The decoder against iced-x86: every row and operand form, and random bytes. */
import { describe, expect, it } from 'vitest'
import { decode, isDecodeError, MAXIMUM_LENGTH } from './decode.ts'
import { encode } from './encode.ts'
import { icedOpinion, ourView } from './iced.fixture.ts'
import { ADDRESS, oracleCases } from './requests.fixture.ts'
import { table } from './table.ts'

const codeSizes = [16, 32, 64] as const

describe('decode agrees with iced-x86', () => {
  it.each(codeSizes)('on every row and operand form of %i-bit code', (bits) => {
    const wrong: unknown[] = []
    let count = 0
    for (const { request, text } of oracleCases(bits)) {
      const encoded = encode(request)
      if (!encoded.ok) {
        wrong.push({ text, error: encoded.error })
        continue
      }
      count++
      const decoded = decode(encoded.bytes, 0, encoded.bytes.length, bits)
      const ours = isDecodeError(decoded) ? decoded.kind : ourView(decoded, ADDRESS)
      const theirs = icedOpinion(encoded.bytes, bits, ADDRESS)
      if (JSON.stringify(ours) !== JSON.stringify(theirs)) wrong.push({ text, ours, theirs })
    }
    expect(count).toBeGreaterThan(10_000)
    expect(wrong).toEqual([])
  })

  it.each(codeSizes)(
    'on random bytes of %i-bit code, and knows no instruction that iced-x86 does not',
    (bits) => {
      const known = new Set(table.map((row) => row.mnemonic))
      const next = xorshift(bits)
      const wrong: unknown[] = []
      let instructions = 0
      for (let round = 0; round < 60_000; round++) {
        const bytes = randomInstruction(next)
        const decoded = decode(bytes, 0, bytes.length, bits)
        const theirs = icedOpinion(bytes, bits, ADDRESS)
        if (isDecodeError(decoded)) {
          expect(decoded.length).toBeLessThanOrEqual(MAXIMUM_LENGTH)
          if (
            typeof theirs === 'string' ||
            !known.has(theirs.mnemonic) ||
            isOutsideTable(bytes, theirs.mnemonic)
          )
            continue
          wrong.push({ bytes: Buffer.from(bytes).toString('hex'), ours: decoded.kind, theirs })
          continue
        }
        instructions++
        const ours = ourView(decoded, ADDRESS)
        if (JSON.stringify(ours) !== JSON.stringify(theirs)) {
          wrong.push({ bytes: Buffer.from(bytes).toString('hex'), ours, theirs })
        }
      }
      expect(instructions).toBeGreaterThan(20_000)
      expect(wrong).toEqual([])
    },
  )
})

/**
 * SSE instructions that share a name with a string instruction, 0F 0D with a register, which AMD leaves undefined, and opcodes of
 * the x87 that the manual reserves (vol 3 table A-15) and iced-x86 takes for others.
 */
function isOutsideTable(bytes: Uint8Array, mnemonic: string): boolean {
  if (/^(fxch|fcomp?|fstp)$/.test(mnemonic)) return true
  const escape = bytes.indexOf(0x0f)
  if (mnemonic === 'movsd' || mnemonic === 'cmpsd') return escape >= 0
  return mnemonic === 'nop' && bytes[escape + 1] === 0x0d
}

/** A reproducible source of 32-bit numbers. */
function xorshift(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

const prefixes = [
  0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x3e, 0x26, 0x36, 0x64, 0x65, 0x48, 0x41, 0x44, 0x4f, 0x40,
]

/** Up to 15 prefixes, a two-byte opcode half of the time, random bytes. */
function randomInstruction(next: () => number): Uint8Array {
  const bytes = new Uint8Array(20)
  const prefixCount = (next() % 4) + (next() % 8 === 0 ? next() % 12 : 0)
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = i < prefixCount ? prefixes[next() % prefixes.length] : next()
  }
  if (next() % 2 === 0) bytes[prefixCount] = 0x0f
  return bytes
}
