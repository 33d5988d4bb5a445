import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { read, write, type Answer, type Effect, type Handler } from './effects.ts'
import { inPieces } from './pieces.ts'

/** Runs a handler on memory of 64 bytes, and notes its effects. */
function run<T>(handler: Handler<T>, memory: Uint8Array): { result: T; effects: Effect[] } {
  const effects: Effect[] = []
  let answer: Answer
  for (;;) {
    const { done, value } = handler.next(answer)
    if (done) return { result: value, effects }
    effects.push(value)
    answer = undefined
    if (value.kind === 'read' && value.address + value.bytes <= memory.length)
      answer = memory.slice(value.address, value.address + value.bytes)
    if (value.kind === 'write') {
      for (const { offset, bytes } of value.only)
        memory.set(value.data.subarray(offset, offset + bytes), value.address + offset)
      answer = true
    }
  }
}

const memory = (): Uint8Array => Uint8Array.from({ length: 64 }, (_, i) => i)
const cuts = fc.uniqueArray(fc.nat(64), { maxLength: 6 }).map((all) => all.sort((a, b) => a - b))

describe('a handler in pieces', () => {
  it('reads the same bytes, none of them twice and none across a cut', () => {
    fc.assert(
      fc.property(cuts, fc.nat(32), fc.integer({ min: 1, max: 32 }), (at, address, bytes) => {
        const { result, effects } = run(inPieces(read(address, bytes, 'bytes'), at), memory())
        expect(result).toEqual(memory().slice(address, address + bytes))
        let next = address
        for (const effect of effects) {
          if (effect.kind !== 'read') continue
          expect(effect.address).toBe(next)
          next += effect.bytes
          expect(at.some((cut) => cut > effect.address && cut < next)).toBe(false)
        }
        expect(next).toBe(address + bytes)
      }),
    )
  })

  it('writes the same bytes, and nothing between its spans', () => {
    const spans = [
      { offset: 2, bytes: 9 },
      { offset: 20, bytes: 1 },
      { offset: 30, bytes: 2 },
    ]
    fc.assert(
      fc.property(cuts, fc.nat(32), (at, address) => {
        const [whole, pieces] = [memory(), memory()]
        const data = new Uint8Array(32).fill(0xff)
        run(write(address, data, 'bytes', spans), whole)
        const { result } = run(inPieces(write(address, data, 'bytes', spans), at), pieces)
        expect([result, pieces]).toEqual([true, whole])
      }),
    )
  })

  it('gets nothing when one piece is not there', () => {
    const { result, effects } = run(inPieces(read(60, 8, 'bytes'), [64]), memory())
    expect([result, effects.length]).toEqual([undefined, 2])
  })
})
