import fc from 'fast-check'
import { expect, test } from 'vitest'
import { diffLines } from './line-diff.ts'

test('a changed line stands beside the line that replaces it', () => {
  const rows = diffLines('a\nb\nc\n', 'a\nx\nc\n')
  expect(rows.map(({ left, right, isSame }) => [left?.text, right?.text, isSame])).toEqual([
    ['a', 'a', true],
    ['b', 'x', false],
    ['c', 'c', true],
  ])
})

test('an added line has nothing beside it', () => {
  expect(diffLines('a\nc', 'a\nb\nc')[1]).toEqual({
    left: undefined,
    right: { line: 2, text: 'b' },
    isSame: false,
  })
})

const text = fc
  .array(fc.constantFrom('a', 'b', 'c', ''), { minLength: 1 })
  .map((lines) => `${lines.join('\n')}\n`)

test('both sides are complete and in order, and same rows hold the same text', () => {
  fc.assert(
    fc.property(text, text, (left, right) => {
      const rows = diffLines(left, right)
      const side = (name: 'left' | 'right'): string =>
        rows.flatMap((row) => (row[name] === undefined ? [] : [`${row[name].text}\n`])).join('')
      expect(side('left')).toBe(left)
      expect(side('right')).toBe(right)
      for (const row of rows) if (row.isSame) expect(row.left?.text).toBe(row.right?.text)
    }),
  )
})
