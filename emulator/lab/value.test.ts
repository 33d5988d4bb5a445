import { describe, expect, it } from 'vitest'
import { evaluateValue } from './value.ts'

const symbols = new Map([
  ['vmcb', 0x5000n],
  ['guest.loop', 0x1_0010n],
])

describe('a value in a lab file', () => {
  const good: [string, bigint][] = [
    ['42', 42n],
    ['0xFF_FF', 0xffffn],
    ['668h', 0x668n],
    ['0b101', 5n],
    ['vmcb', 0x5000n],
    ['vmcb + 0x668', 0x5668n],
    ['guest.loop - 10h', 0x1_0000n],
    ['-1', -1n],
  ]
  for (const [text, value] of good) {
    it(`reads "${text}" as ${value}`, () => {
      expect(evaluateValue(text, symbols)).toEqual({ ok: true, value })
    })
  }

  const bad: [string, RegExp, number][] = [
    ['vmcbb', /no symbol "vmcbb"/, 0],
    ['vmcb + ', /number or a symbol/, 6],
    ['12zz', /not a number/, 0],
    ['vmcb * 2', /left over/, 5],
    ['', /number or a symbol/, 0],
  ]
  for (const [text, message, at] of bad) {
    it(`refuses "${text}" and says where`, () => {
      const result = evaluateValue(text, symbols)
      expect(result.ok).toBe(false)
      if (result.ok) return
      expect(result.message).toMatch(message)
      expect(result.at).toBe(at)
    })
  }
})
