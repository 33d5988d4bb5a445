import { expect, test } from 'vitest'
import { count, hex, hexWide, plural } from './format.ts'

test('hexadecimal numbers end in h, and single decimal digits stand alone', () => {
  expect([0, 9, 10, 0x668].map(hex)).toEqual(['0', '9', 'Ah', '668h'])
})

test('wide numbers show all their digits in groups of four', () => {
  expect(hexWide(0x7040600070406n, 8)).toBe('0007_0406_0007_0406h')
  expect(hexWide(5, 1)).toBe('05h')
  expect(hexWide(0xa9bn, 2)).toBe('0A9Bh')
})

test('amounts are grouped, and named in the singular and the plural', () => {
  expect(count(1_000_000)).toBe('1,000,000')
  expect(plural(1, 'error')).toBe('1 error')
  expect(plural(0, 'error')).toBe('0 errors')
})
