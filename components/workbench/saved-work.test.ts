import fc from 'fast-check'
import { expect, test } from 'vitest'
import { memoryStore, parseSavedWork, savedWorkKey, type SavedWork } from './saved-work.ts'

const NAMES = ['main.asm', 'guest.vmcb']
const WORK: SavedWork = { format: 1, texts: { 'main.asm': 'hlt', 'guest.vmcb': '' }, savedAt: 1 }

test('a record that was saved can be read', () => {
  expect(parseSavedWork(structuredClone(WORK), NAMES)).toEqual(WORK)
})

test.each([
  ['nothing', undefined],
  ['a text', 'hlt'],
  ['another format', { ...WORK, format: 2 }],
  ['no time', { ...WORK, savedAt: 'now' }],
  ['a missing text', { ...WORK, texts: { 'main.asm': 'hlt' } }],
  ['a text that is a number', { ...WORK, texts: { 'main.asm': 'hlt', 'guest.vmcb': 7 } }],
  ['texts as a list', { ...WORK, texts: ['hlt'] }],
  ['a text beyond belief', { ...WORK, texts: { 'main.asm': 'x'.repeat(2_000_000), 'guest.vmcb': '' } }],
])('%s is no saved work', (_, value) => {
  expect(parseSavedWork(value, NAMES)).toBeUndefined()
})

test('whatever lies in the store, reading it gives texts for all files or nothing', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      const work = parseSavedWork(value, NAMES)
      if (work !== undefined) for (const name of NAMES) expect(work.texts[name]).toBeTypeOf('string')
    }),
  )
})

test('earlier texts that cannot be read do not spoil the rest', () => {
  expect(parseSavedWork({ ...WORK, earlier: 7 }, NAMES)).toEqual(WORK)
})

test('the key changes with the slug and with every file, not with their order', () => {
  const files = { 'lab.yaml': 'a', 'start/main.asm': 'b' }
  const key = savedWorkKey({ slug: 'x', files })
  expect(savedWorkKey({ slug: 'x', files: { 'start/main.asm': 'b', 'lab.yaml': 'a' } })).toBe(key)
  expect(savedWorkKey({ slug: 'x', files: { ...files, 'lab.yaml': 'c' } })).not.toBe(key)
  expect(savedWorkKey({ slug: 'y', files })).not.toBe(key)
})

test('the store in memory gives back what it was given', async () => {
  const store = memoryStore()
  expect(await store.load('k')).toBeUndefined()
  await store.save('k', WORK)
  expect(await store.load('k')).toEqual(WORK)
})
