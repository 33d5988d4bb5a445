import fc from 'fast-check'
import { expect, test } from 'vitest'
import { inRadix, RADIXES, readShown } from './radix.tsx'

test('what is shown in any radix reads back as the same number', () => {
  fc.assert(
    fc.property(fc.bigInt(0n, 2n ** 64n - 1n), fc.constantFrom(...RADIXES), (value, radix) => {
      expect(readShown(inRadix(value, 8, radix))).toBe(value)
    }),
  )
})

test('binary digits come in groups of four', () => {
  expect(inRadix(0x1dn, 8, 'binary')).toBe('0b0001_1101')
})

test('what is no number is not read as one', () => {
  for (const text of ['', 'guest', 'FF', '0b2', '-1', '1 2']) expect(readShown(text)).toBeUndefined()
})
