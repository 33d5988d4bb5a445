import { expect, test } from 'vitest'
import { CRITERIA } from './criteria.ts'

// WCAG 2.2 has 31 criteria at level A (4.1.1 was removed) and 24 at level AA.
test('every criterion of WCAG 2.2 at levels A and AA has one row', () => {
  const numbers = CRITERIA.map(({ number }) => number)
  expect(new Set(numbers).size).toBe(numbers.length)
  expect(CRITERIA.filter(({ level }) => level === 'A')).toHaveLength(31)
  expect(CRITERIA.filter(({ level }) => level === 'AA')).toHaveLength(24)
})
