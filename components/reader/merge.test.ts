import fc from 'fast-check'
import { expect, test } from 'vitest'
import { merge } from './merge.ts'
import { PARSERS, type Guess, type Shelf } from './records.ts'
import { PROGRESS, work } from './records.fixture.ts'
import { SHELF_NAMES } from './store.ts'

test('of two texts of a lab the newer one stands, and none is lost', () => {
  const here = work('here', 5, [{ texts: { 'main.asm': 'first' }, savedAt: 1 }])
  const there = work('there', 9, [{ texts: { 'main.asm': 'other' }, savedAt: 2 }])
  const merged = merge('lab-work', here, there)
  expect(merged.texts).toEqual({ 'main.asm': 'there' })
  expect(merged.versions.map(({ texts }) => texts['main.asm'])).toEqual(['here', 'other', 'first'])
  expect(merge('lab-work', there, here)).toEqual(merged)
})

test('progress of two browsers is the best of both', () => {
  const there = { ...PROGRESS, attempts: 7, met: ['a', 'b'], completedAt: 9, firstAt: 3, predictions: [] }
  expect(merge('lab-progress', PROGRESS, there)).toMatchObject({
    ...{ attempts: 7, met: ['a', 'b'], completedAt: 9, firstAt: 1, predictions: PROGRESS.predictions },
  })
})

test('of two predictions the one stands that the machine has decided', () => {
  const open = { ...PROGRESS, predictions: [{ id: 'q', chosen: 0 }] }
  expect(merge('lab-progress', PROGRESS, open).predictions).toEqual(PROGRESS.predictions)
  expect(merge('lab-progress', open, PROGRESS).predictions).toEqual(PROGRESS.predictions)
})

const line = fc.string({ maxLength: 8 })
const count = fc.constantFrom(0, 1, 7, 2 ** 53 - 1)
const time = fc.constantFrom(0, 5, 9.5, 2 ** 53, Number.MAX_VALUE)
/** Lists up to the longest that is read. */
const list = <T>(item: (index: number) => T): fc.Arbitrary<T[]> =>
  fc
    .tuple(fc.constantFrom(0, 1, 300, 500), fc.nat(1000))
    .map(([length, first]) => Array.from({ length }, (_, index) => item(first + index)))
const progress = fc.record({
  ...{ format: fc.constant(1), title: line, attempts: count, firstAt: time, lastAt: time },
  ...{ met: list((index) => `goal ${index}`), goals: count, hints: count },
  completedAt: fc.option(time, { nil: undefined }),
  predictions: list((index) => ({ id: `q${index}`, chosen: 1, held: index % 3 === 0 ? 1 : undefined })),
  guesses: list((index) => ({ field: 'EFER', reason: 'SVME', isRight: index % 2 === 0, at: index })),
})
const version = fc.record({ texts: fc.dictionary(line, line), savedAt: time })
const texts = fc.record({
  ...{ format: fc.constant(2), texts: fc.dictionary(line, line), savedAt: time },
  versions: fc.array(version, { maxLength: 30 }),
})
const answer = fc.record({
  ...{ format: fc.constant(1), question: line, page: line, path: fc.constant('/chapters/x/') },
  ...{ first: line, isRight: fc.boolean(), at: time },
})
const RECORDS: { readonly [S in Shelf]: fc.Arbitrary<unknown> } = {
  ...{ 'lab-work': texts, 'lab-progress': progress, quiz: answer },
}

test.each(SHELF_NAMES)(
  'whatever two records of the shelf %s hold, put together they are read again',
  (shelf) => {
    fc.assert(
      fc.property(RECORDS[shelf], RECORDS[shelf], (a, b) => {
        const merged = merge(shelf, PARSERS[shelf](a)!, PARSERS[shelf](b)!)
        expect(PARSERS[shelf](merged)).toEqual(merged)
      }),
    )
  },
)

test('of more guesses and predictions than a record holds, the last and the decided ones stay', () => {
  const guesses = (first: number): Guess[] =>
    Array.from({ length: 300 }, (_, at) => ({ field: 'EFER', reason: '', isRight: false, at: first + at }))
  const open = Array.from({ length: 500 }, (_, index) => ({ id: `open ${index}`, chosen: 0 }))
  const merged = merge(
    'lab-progress',
    { ...PROGRESS, completedAt: 3, guesses: guesses(0) },
    { ...PROGRESS, guesses: guesses(1000), predictions: open },
  )
  expect(merged.completedAt).toBe(3)
  expect(merged.guesses).toHaveLength(500)
  expect(merged.guesses.at(-1)?.at).toBe(1299)
  expect(merged.predictions).toContainEqual(PROGRESS.predictions[0])
})
