import { expect, test } from 'vitest'
import { createHash } from './hash.ts'

function hashOf(...parts: number[][]): string {
  const hash = createHash()
  for (const part of parts) hash.add(part)
  return hash.digest()
}

test('the same words give the same hash however they are cut into blocks', () => {
  expect(hashOf([1, 2, 3, 4, 5, 6, 7, 8])).toBe(hashOf([1, 2, 3, 4], [5, 6, 7, 8]))
})

test('has a fixed value, so that a digest means the same on every host', () => {
  expect(hashOf([1, 2, 3, 4, 0xffff_ffff])).toBe(hashOf([1, 2, 3, 4, -1]))
  expect(hashOf([])).toMatchInlineSnapshot(`"00000000000000000000000000000000"`)
  expect(hashOf([1, 2, 3, 4, 0xffff_ffff])).toMatchInlineSnapshot(`"3a6c3a2d3d9b991a8f6d25df59d63fb9"`)
})

test('every single bit of a block changes the hash', () => {
  const seen = new Set([hashOf([0, 0, 0, 0])])
  for (let word = 0; word < 4; word++)
    for (let bit = 0; bit < 32; bit++) {
      const block = [0, 0, 0, 0]
      block[word] = 1 << bit
      seen.add(hashOf(block))
    }
  expect(seen.size).toBe(129)
})

test('order and length matter', () => {
  expect(hashOf([1, 2, 0, 0])).not.toBe(hashOf([2, 1, 0, 0]))
  expect(hashOf([0, 0, 0, 0])).not.toBe(hashOf([0, 0, 0, 0, 0, 0, 0, 0]))
})
