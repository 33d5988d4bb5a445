import fc from 'fast-check'
import { expect, test } from 'vitest'
import { lineEdits, movedLines } from './moved-lines.ts'

const TEXT = 'one\ntwo\nthree\nfour'

test.each([
  ['a line put in above moves what is below', 'one\nnew\ntwo\nthree\nfour', [1, 3, 4, 5]],
  ['a line taken out moves its mark to the next one', 'one\nthree\nfour', [1, 2, 2, 3]],
  ['an edit within a line moves nothing', 'one\ntwo!\nthree\nfour', [1, 2, 3, 4]],
  ['an edit of several lines keeps their order', 'one\n  two\n  three\nfour', [1, 2, 3, 4]],
  ['Enter at the beginning of a line takes the line along', 'one\n\ntwo\nthree\nfour', [1, 3, 4, 5]],
  ['an emptied text has one line', '', [1, 1, 1, 1]],
])('%s', (_, after, expected) => {
  expect([1, 2, 3, 4].map(movedLines(TEXT, after))).toEqual(expected)
})

test('edits of lines lead from one text to the other', () => {
  const text = fc.array(fc.constantFrom('a', 'b', ''), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(text, text, (before, after) => {
      const lines: string[] = [...before]
      // From the end, so that the numbers of the others hold.
      for (const { from, to, text } of lineEdits(before.join('\n'), after.join('\n')).reverse())
        lines.splice(from - 1, to - from + 1, ...text.split('\n'))
      expect(lines).toEqual(after)
    }),
  )
})

test('a text with as many lines as before is edited line by line', () => {
  expect(lineEdits('a\nb\nc', 'A\nb\nC')).toEqual([
    { from: 1, to: 1, text: 'A' },
    { from: 3, to: 3, text: 'C' },
  ])
})
