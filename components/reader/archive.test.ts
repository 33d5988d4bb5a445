import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addRecords, merge, parseArchive, readRecords, writeArchive } from './archive.ts'
import { PARSERS, type LabProgress, type SavedWork } from './records.ts'
import { memoryStore, SHELF_NAMES, type ReaderStore } from './store.ts'

function work(text: string, savedAt: number, versions: SavedWork['versions'] = []): SavedWork {
  return { format: 2, texts: { 'main.asm': text }, savedAt, versions }
}

const PROGRESS: LabProgress = {
  ...{ format: 1, title: 'Lab', attempts: 2, firstAt: 1, lastAt: 5, met: ['a'], goals: 2 },
  ...{ completedAt: undefined, hints: 1, guesses: [] },
  predictions: [{ id: 'q', chosen: 1, held: 0 }],
}

async function filled(): Promise<ReaderStore> {
  const store = memoryStore()
  await store.save('lab-work', 'x:1', work('mine', 5))
  await store.save('lab-progress', 'x:1', PROGRESS)
  await store.save('quiz', 'q', {
    ...{ format: 1, question: 'Which?', page: 'VMRUN', path: '/chapters/vmrun/' },
    ...{ first: 'This', isRight: true, at: 1 },
  })
  return store
}

test('what is exported and imported elsewhere is there as it was', async () => {
  const store = await filled()
  const archive = parseArchive(await writeArchive(store))
  if (!archive.ok) throw new Error(archive.message)
  const other = memoryStore()
  await addRecords(other, archive.records)
  expect(await readRecords(other)).toEqual(await readRecords(store))
  expect(archive.bad).toBe(0)
})

test('importing the same file twice changes nothing more', async () => {
  const store = await filled()
  const before = await readRecords(store)
  const archive = parseArchive(await writeArchive(store))
  if (archive.ok) await addRecords(store, archive.records)
  expect(await readRecords(store)).toEqual(before)
})

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

test.each([
  ['no JSON', 'hello', /not JSON/],
  ['other JSON', '{"a": 1}', /not a file of work/],
  ['a later format', '{"kind": "world-switch-work", "format": 2}', /format is 2/],
  ['too much', ' '.repeat(20_000_001), /too large/],
])('%s is refused with the reason', (_, text, reason) => {
  const archive = parseArchive(text)
  expect(archive.ok ? '' : archive.message).toMatch(reason)
})

test('records that are not in order are left out and counted', () => {
  const archive = parseArchive(
    JSON.stringify({ kind: 'world-switch-work', format: 1, 'lab-work': { a: 7, b: work('x', 1) } }),
  )
  expect(archive).toMatchObject({ ok: true, bad: 1, records: { 'lab-work': { b: work('x', 1) } } })
})

test('whatever a file holds, what is read of it is in order', () => {
  const shelf = fc.dictionary(fc.string(), fc.anything())
  const value = fc.record({ 'lab-work': shelf, 'lab-progress': shelf, quiz: shelf })
  fc.assert(
    fc.property(value, (shelves) => {
      // What JSON cannot say is left out by it.
      const text = JSON.stringify({ kind: 'world-switch-work', format: 1, ...shelves }, (_, one: unknown) =>
        typeof one === 'bigint' ? Number(one) : one,
      )
      const archive = parseArchive(text)
      if (!archive.ok) throw new Error(archive.message)
      for (const name of SHELF_NAMES)
        for (const record of Object.values(archive.records[name]))
          expect(PARSERS[name](record)).toEqual(record)
    }),
  )
})
