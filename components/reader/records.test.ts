import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  labKey,
  PARSERS,
  parseQuizAnswer,
  parseSavedWork,
  slugOf,
  type SavedWork,
  type Shelf,
} from './records.ts'

const NAMES = ['main.asm', 'guest.vmcb']
const TEXTS = { 'main.asm': 'hlt', 'guest.vmcb': '' }
const WORK: SavedWork = { format: 2, texts: TEXTS, savedAt: 1, versions: [] }
const ANSWER = {
  ...{ format: 1, question: 'Which?', page: 'VMRUN', path: '/chapters/vmrun/' },
  ...{ first: 'This one', isRight: true, at: 1 },
}

test('a record that was saved can be read', () => {
  expect(parseSavedWork(structuredClone(WORK), NAMES)).toEqual(WORK)
})

test('work that was saved in format 1 is read, with what was put aside', () => {
  const earlier = { 'main.asm': 'nop', 'guest.vmcb': '' }
  const old = { format: 1, texts: TEXTS, savedAt: 7, earlier }
  expect(parseSavedWork(old, NAMES)).toEqual({
    ...WORK,
    savedAt: 7,
    versions: [{ texts: earlier, savedAt: 7 }],
  })
  expect(parseSavedWork({ ...old, earlier: 7 }, NAMES)).toEqual({ ...WORK, savedAt: 7 })
})

test.each([
  ['nothing', undefined],
  ['a text', 'hlt'],
  ['another format', { ...WORK, format: 3 }],
  ['no time', { ...WORK, savedAt: 'now' }],
  ['no versions', { ...WORK, versions: undefined }],
  ['a missing text', { ...WORK, texts: { 'main.asm': 'hlt' } }],
  ['a text that is a number', { ...WORK, texts: { 'main.asm': 'hlt', 'guest.vmcb': 7 } }],
  ['texts as a list', { ...WORK, texts: ['hlt'] }],
  ['a text beyond belief', { ...WORK, texts: { 'main.asm': 'x'.repeat(2_000_000), 'guest.vmcb': '' } }],
])('%s is no saved work', (_, value) => {
  expect(parseSavedWork(value, NAMES)).toBeUndefined()
})

test('versions that cannot be read do not spoil the rest', () => {
  expect(parseSavedWork({ ...WORK, versions: [7, { texts: 'x', savedAt: 1 }] }, NAMES)).toEqual(WORK)
})

test.each<Shelf>(['lab-work', 'lab-progress', 'quiz'])(
  'whatever lies on the shelf %s, reading it gives a record that reads as itself, or nothing',
  (shelf) => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const record = PARSERS[shelf](value)
        if (record !== undefined) expect(PARSERS[shelf](structuredClone(record))).toEqual(record)
      }),
    )
  },
)

test.each(['javascript:alert(1)', '//elsewhere.example/', 'https://elsewhere.example/', '/a b', '/<b>'])(
  'an answer on the page %s is refused: its path becomes a link',
  (path) => {
    expect(parseQuizAnswer(ANSWER)).toEqual(ANSWER)
    expect(parseQuizAnswer({ ...ANSWER, path })).toBeUndefined()
  },
)

test('the key changes with the slug and with every file, not with their order', () => {
  const files = { 'lab.yaml': 'a', 'start/main.asm': 'b' }
  const key = labKey('x', files)
  expect(labKey('x', { 'start/main.asm': 'b', 'lab.yaml': 'a' })).toBe(key)
  expect(labKey('x', { ...files, 'lab.yaml': 'c' })).not.toBe(key)
  expect(labKey('y', files)).not.toBe(key)
  expect(slugOf(key)).toBe('x')
})
