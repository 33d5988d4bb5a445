import { beforeEach, expect, test, vi } from 'vitest'
import { work } from './records.fixture.ts'
import { memoryStore } from './store.ts'
import { bringBackUnfinished, keepUnfinished, untilSaved } from './unfinished.ts'

/** As much of localStorage as is used: what is kept are its own properties. */
class Storage {
  [key: string]: unknown

  setItem(key: string, value: string): void {
    this[key] = value
  }

  getItem(key: string): string | null {
    return (this[key] as string | undefined) ?? null
  }

  removeItem(key: string): void {
    Reflect.deleteProperty(this, key)
  }
}

beforeEach(() => vi.stubGlobal('localStorage', new Storage()))

const letGo = vi.fn()

test('texts whose saving never ended are in the store of the next page, and what stood there is put aside', async () => {
  const store = memoryStore()
  await store.save('lab-work', 'x:1', work('before', 1))
  void untilSaved('x:1', work('last words', 2), new Promise(() => undefined), letGo)
  keepUnfinished(false)
  await bringBackUnfinished(store)
  expect(await store.load('lab-work', 'x:1')).toEqual({
    ...work('last words', 2),
    versions: [{ texts: { 'main.asm': 'before' }, savedAt: 1 }],
  })
  expect(Object.keys(localStorage)).toEqual([])
})

test('texts that were saved in time are not kept twice', async () => {
  let end = (): void => undefined
  const saving = untilSaved('x:1', work('mine', 1), new Promise<void>((resolve) => (end = resolve)), letGo)
  keepUnfinished(false)
  expect(Object.keys(localStorage)).toHaveLength(1)
  end()
  await saving
  expect(Object.keys(localStorage)).toEqual([])
  keepUnfinished(false)
  expect(Object.keys(localStorage)).toEqual([])
})

test('older texts than those of the store, of a tab that was left before, become a version of them', async () => {
  const store = memoryStore()
  await store.save('lab-work', 'x:1', work('newer', 2))
  void untilSaved('x:1', work('older', 1), new Promise(() => undefined), letGo)
  keepUnfinished(false)
  await bringBackUnfinished(store)
  expect(await store.load('lab-work', 'x:1')).toMatchObject({
    texts: { 'main.asm': 'newer' },
    versions: [{ texts: { 'main.asm': 'older' } }],
  })
})

test('what is no work is left out, and where storage is refused nothing is brought back', async () => {
  const store = memoryStore()
  for (const text of ['', '{', 'null', '{"format":2,"texts":{"main.asm":5}}'])
    localStorage.setItem(`world-switch-unfinished:${text}`, text)
  await bringBackUnfinished(store)
  expect(await store.entries('lab-work')).toEqual([])
  vi.stubGlobal('localStorage', undefined)
  await bringBackUnfinished(store)
  expect(await store.entries('lab-work')).toEqual([])
})

test('a page that is left does not wait for what the database has not got yet', async () => {
  const saving = Promise.withResolvers<never>()
  const saved = untilSaved('x:1', work('last words', 1), saving.promise, () =>
    saving.reject(new DOMException('', 'AbortError')),
  )
  keepUnfinished(false)
  keepUnfinished(true)
  await expect(saved).rejects.toThrow(DOMException)
  expect(Object.keys(localStorage)).toEqual(['world-switch-unfinished:x:1'])
})

test('what the database has got already is not kept twice, also where the page is left', async () => {
  const saving = Promise.withResolvers<undefined>()
  const saved = untilSaved('x:1', work('last words', 1), saving.promise, () => {
    throw new DOMException('', 'InvalidStateError')
  })
  keepUnfinished(true)
  expect(Object.keys(localStorage)).toHaveLength(1)
  saving.resolve(undefined)
  await saved
  expect(Object.keys(localStorage)).toEqual([])
})
