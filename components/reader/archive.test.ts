import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addRecords, parseArchive, readRecords, writeArchive } from './archive.ts'
import { PARSERS } from './records.ts'
import { PROGRESS, work } from './records.fixture.ts'
import { memoryStore, SHELF_NAMES, type ReaderStore } from './store.ts'

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

test.each([
  ['no JSON', 'hello', /not JSON/],
  ['other JSON', '{"a": 1}', /not a file of work/],
  ['a later format', '{"kind": "world-switch-work", "format": 2}', /format is 2.*Reload/],
  ['no format', '{"kind": "world-switch-work", "format": {}}', /^its format is not one that the book has/],
  ['a long format', `{"kind": "world-switch-work", "format": "${'9'.repeat(100_000)}"}`, /^.{1,200}$/],
  ['too much', ' '.repeat(20_000_001), /too large.*20 MB/],
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
