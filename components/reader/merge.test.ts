import { expect, test } from 'vitest'
import { merge } from './merge.ts'
import { PROGRESS, work } from './records.fixture.ts'

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
