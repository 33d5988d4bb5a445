import { expect, test, vi } from 'vitest'
import { addShelf } from '../reader/merge.ts'
import { parseSavedWork, type SavedWork } from '../reader/records.ts'
import { memoryStore, type ReaderStore } from '../reader/store.ts'
import { BAD_VMCB, GOOD_VMCB, PAYLOAD, PROGRAM } from './lab.fixture.ts'
import { Work, type SharedTexts, type WorkOptions } from './work.ts'

const START = { 'main.asm': PROGRAM, 'guest.vmcb': BAD_VMCB }
const MINE = { ...START, 'guest.vmcb': GOOD_VMCB }
const OTHERS = { ...START, 'main.asm': '; theirs' }
const LINK: SharedTexts = { texts: OTHERS, from: 'link', isCurrent: true }

/** A store that lasts. */
function store(): ReaderStore {
  return { ...memoryStore(), isLasting: true }
}

/** Claims that are granted and taken away by hand. */
function claims(): { claim: WorkOptions['claim']; tell: (isOurs: boolean) => void } {
  let tell: (isOurs: boolean) => void = () => undefined
  return {
    claim: (_, onChange) => {
      tell = onChange
      onChange(true)
      return () => undefined
    },
    tell: (isOurs) => tell(isOurs),
  }
}

interface OpenOptions extends Partial<WorkOptions> {
  readonly storage?: ReaderStore
  readonly shared?: SharedTexts
}

async function openWork({ storage = store(), shared, ...options }: OpenOptions = {}): Promise<Work> {
  const work = new Work({ key: 'test:2', fresh: false, now: () => 9, claim: claims().claim, ...options })
  await work.open(PAYLOAD, storage, shared)
  return work
}

async function storeWith(key: string, texts = MINE): Promise<ReaderStore> {
  const storage = store()
  await storage.save('lab-work', key, { format: 2, texts, savedAt: 5, versions: [] })
  return storage
}

test('work on another version of the lab is opened with a notice, and its record stays as it is', async () => {
  const storage = await storeWith('test:1')
  const work = await openWork({ storage })
  expect(work.origin.value).toEqual({ kind: 'changed', savedAt: 5 })
  expect(work.texts.value).toEqual(MINE)
  work.edit('main.asm', '; more')
  await work.save()
  expect(await storage.load('lab-work', 'test:1')).toMatchObject({ texts: MINE })
  expect(await storage.load('lab-work', 'test:2')).toMatchObject({ texts: { 'main.asm': '; more' } })
})

test('work on a lab whose name begins alike is none on this one', async () => {
  const work = await openWork({ storage: await storeWith('test-two:1') })
  expect(work.origin.value).toEqual({ kind: 'start' })
})

test('a link puts its texts in front, the reader’s own aside, and saves nothing before a change', async () => {
  const storage = await storeWith('test:2')
  const work = await openWork({ storage, shared: LINK })
  expect(work.texts.value).toEqual(OTHERS)
  expect(work.versions.value.map(({ texts }) => texts)).toEqual([MINE])
  await work.save()
  expect(await storage.load('lab-work', 'test:2')).toMatchObject({ texts: MINE })
  work.edit('main.asm', '; changed')
  await work.save()
  expect(await storage.load('lab-work', 'test:2')).toMatchObject({
    texts: { 'main.asm': '; changed' },
    versions: [{ texts: MINE }],
  })
})

test('texts for files that the lab does not have, or that are read-only, are left out', async () => {
  const files = PAYLOAD.lab.files.map((file) => ({ ...file, editable: file.name !== 'main.asm' }))
  const work = new Work({ key: 'test:2', fresh: false, now: () => 9, claim: claims().claim })
  const texts = { ...OTHERS, 'guest.vmcb': '; g', 'other.asm': 'x' }
  await work.open({ ...PAYLOAD, lab: { ...PAYLOAD.lab, files } }, store(), {
    ...LINK,
    texts,
  })
  expect(work.texts.value).toEqual({ 'main.asm': PROGRAM, 'guest.vmcb': '; g' })
})

test('a tab that is not the first saves nothing until that one is gone, and then keeps both texts', async () => {
  const storage = store()
  const { claim, tell } = claims()
  const work = await openWork({ storage, claim })
  tell(false)
  expect(work.keeping.value).toBe('elsewhere')
  work.edit('guest.vmcb', '; second')
  await work.save()
  expect(await storage.load('lab-work', 'test:2')).toBeUndefined()
  await storage.save('lab-work', 'test:2', { format: 2, texts: MINE, savedAt: 7, versions: [] })
  tell(true)
  await vi.waitFor(() => expect(work.versions.value).toEqual([{ texts: MINE, savedAt: 7 }]))
  await work.save()
  expect(await storage.load('lab-work', 'test:2')).toMatchObject({
    texts: { 'guest.vmcb': '; second' },
    versions: [{ texts: MINE }],
  })
})

test('full storage is told from refused storage, and the next save tries again', async () => {
  const onSaved = vi.fn()
  const save = vi.fn(() => Promise.resolve())
  const work = await openWork({ storage: { ...store(), save }, onSaved })
  work.edit('guest.vmcb', GOOD_VMCB)
  save.mockRejectedValueOnce(new DOMException('full', 'QuotaExceededError'))
  await work.save()
  expect(work.keeping.value).toBe('full')
  expect(onSaved).not.toHaveBeenCalled()
  await work.save()
  expect(work.keeping.value).toBe('lasting')
  expect(onSaved).toHaveBeenCalledTimes(1)
})

test('each text that was put aside can be restored', async () => {
  const work = await openWork()
  work.edit('guest.vmcb', '; one')
  work.startOver()
  work.edit('guest.vmcb', '; two')
  work.startOver()
  const asides = work.versions.value.map(({ texts }) => texts['guest.vmcb'])
  expect(asides).toEqual(['; two', '; one'])
  work.restore(1)
  expect(work.texts.value['guest.vmcb']).toBe('; one')
  expect(work.versions.value).toHaveLength(1)
})

test('what an import puts into the store while a lab is open is put aside, not overwritten', async () => {
  const storage = await storeWith('test:2')
  const work = await openWork({ storage })
  const imported: SavedWork = {
    ...{ format: 2, texts: { ...START, 'main.asm': '; imported' }, savedAt: 8 },
    versions: [{ texts: { ...START, 'main.asm': '; older' }, savedAt: 3 }],
  }
  await addShelf(storage, 'lab-work', { 'test:2': imported })
  work.edit('main.asm', '; mine')
  await work.save()
  const versions = ['; imported', PROGRAM, '; older']
  const stored = parseSavedWork(await storage.load('lab-work', 'test:2'))
  expect(stored?.texts['main.asm']).toBe('; mine')
  expect(stored?.versions.map(({ texts }) => texts['main.asm'])).toEqual(versions)
  work.edit('main.asm', '; mine, and more')
  await work.save()
  expect(work.versions.value.map(({ texts }) => texts['main.asm'])).toEqual(versions)
  work.restore(0)
  expect(work.texts.value['main.asm']).toBe('; imported')
})

test('saves of one session, also those that overlap, put nothing of it aside', async () => {
  const storage = await storeWith('test:2')
  const work = await openWork({ storage })
  for (const text of ['; 1', '; 2', '; 3']) {
    work.edit('main.asm', text)
    void work.save()
  }
  await work.save()
  work.edit('main.asm', '; last words')
  await work.save(true)
  work.edit('main.asm', '; back again')
  await work.save()
  expect(await storage.load('lab-work', 'test:2')).toMatchObject({
    ...{ texts: { 'main.asm': '; back again' }, versions: [] },
  })
})

test('a page that is left hands its texts over without waiting for what the store holds', async () => {
  const save = vi.fn(() => Promise.resolve())
  const work = await openWork({ storage: { ...store(), save } })
  work.edit('main.asm', '; last words')
  void work.save(true)
  const record = expect.objectContaining({ texts: { ...START, 'main.asm': '; last words' } }) as unknown
  expect(save).toHaveBeenCalledExactlyOnceWith('lab-work', 'test:2', record, undefined)
})
