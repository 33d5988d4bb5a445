import { expect, test, vi } from 'vitest'
import { BAD_VMCB, GOOD_VMCB, localClient, PAYLOAD, PROGRAM } from './lab.fixture.ts'
import type { Client } from './client.ts'
import type { Texts } from './protocol.ts'
import type { ReaderStore } from '../reader/store.ts'
import { memorySettings } from './settings.ts'
import { openStore } from './store.fixture.ts'

const KEY = PAYLOAD.key

/** A store with one record of work; `save` is told of work alone. */
function storageWith(record: unknown): { storage: ReaderStore; save: ReturnType<typeof vi.fn> } {
  const save = vi.fn(() => Promise.resolve())
  const storage: ReaderStore = {
    isLasting: true,
    load: (shelf) => Promise.resolve(shelf === 'lab-work' ? record : undefined),
    save: (shelf, key, saved) =>
      shelf === 'lab-work' ? (save as (...args: unknown[]) => Promise<void>)(key, saved) : Promise.resolve(),
    add: () => Promise.resolve(),
    entries: () => Promise.resolve([]),
    clear: () => Promise.resolve(),
  }
  return { storage, save }
}

const SAVED = { format: 1, texts: { 'main.asm': '; mine', 'guest.vmcb': BAD_VMCB }, savedAt: 5 }

test('an opened lab stands at its start, with warnings for what will fail', async () => {
  const store = await openStore()
  expect(store.activity.value).toBe('idle')
  expect(store.view.value?.instructions).toBe(0)
  expect(store.diagnostics.value.map(({ code }) => code)).toEqual(['asid-zero'])
})

test('an edit after a run makes the machine stale, and the next run uses the new text', async () => {
  const store = await openStore()
  await store.run()
  expect(store.view.value?.exits[0].explanation.name).toBe('INVALID')
  store.edit('guest.vmcb', GOOD_VMCB)
  expect(store.isStale.value).toBe(true)
  expect(store.canStepBack.value).toBe(false)
  await store.run()
  expect(store.isStale.value).toBe(false)
  expect(store.view.value?.exits.map(({ explanation }) => explanation.name)).toEqual(['VMMCALL'])
})

test('taking an edit back makes the machine current again', async () => {
  const store = await openStore()
  await store.run()
  store.edit('guest.vmcb', GOOD_VMCB)
  store.edit('guest.vmcb', BAD_VMCB)
  expect(store.isStale.value).toBe(false)
})

test('with errors nothing runs, and the first one is announced and shown', async () => {
  const store = await openStore()
  store.edit('main.asm', `${PROGRAM}\nfoo bar baz\n`)
  await store.run()
  expect(store.view.value?.instructions).toBe(0)
  expect(store.announcement.value).toContain('Nothing runs')
  expect(store.target.value).toMatchObject({ file: 'main.asm' })
  expect(store.activity.value).toBe('idle')
})

test('what is said twice is announced twice', async () => {
  const store = await openStore()
  await store.reset()
  const first = store.announcement.value
  await store.reset()
  expect(store.announcement.value.trim()).toBe(first)
  expect(store.announcement.value).not.toBe(first)
})

test('Run after the end begins anew; Step back after the end does not', async () => {
  const store = await openStore()
  await store.run()
  const end = store.view.value!.instructions
  await store.stepBack()
  expect(store.view.value?.instructions).toBe(end - 1)
  await store.run()
  await store.run()
  expect(store.view.value?.instructions).toBe(end)
})

test('saved work is restored, and can be left and regained', async () => {
  const { storage, save } = storageWith(SAVED)
  const store = await openStore({ storage: () => Promise.resolve(storage) })
  expect(store.work.texts.value['main.asm']).toBe('; mine')
  expect(store.work.origin.value).toEqual({ kind: 'saved', savedAt: 5 })
  store.startOver()
  expect(store.work.texts.value['main.asm']).toBe(PROGRAM)
  expect(save).toHaveBeenLastCalledWith(
    KEY,
    expect.objectContaining({ versions: [{ texts: SAVED.texts, savedAt: 1 }] }),
  )
  store.restore()
  expect(store.work.texts.value['main.asm']).toBe('; mine')
})

test('a fresh start shows the first texts and does not touch the saved ones until the reader edits', async () => {
  const { storage, save } = storageWith(SAVED)
  const store = await openStore({ storage: () => Promise.resolve(storage), fresh: true })
  expect(store.work.texts.value['main.asm']).toBe(PROGRAM)
  await store.run()
  expect(save).not.toHaveBeenCalled()
  store.edit('main.asm', '; new')
  await store.work.save()
  expect(save).toHaveBeenCalledWith(
    KEY,
    expect.objectContaining({ versions: [{ texts: SAVED.texts, savedAt: 5 }] }),
  )
})

test.each([[7], [{ format: 1 }], ['x']])('%j in the store is ignored with a note', async (record) => {
  const { storage } = storageWith(record)
  const store = await openStore({ storage: () => Promise.resolve(storage) })
  expect(store.work.origin.value).toEqual({ kind: 'unreadable' })
  expect(store.work.texts.value['main.asm']).toBe(PROGRAM)
})

test('work is saved before a run and before a reset', async () => {
  const { storage, save } = storageWith(undefined)
  const store = await openStore({ storage: () => Promise.resolve(storage) })
  store.edit('main.asm', `${PROGRAM}; 1`)
  await store.run()
  expect(save).toHaveBeenCalledTimes(1)
  store.edit('main.asm', `${PROGRAM}; 2`)
  await store.reset()
  expect(save).toHaveBeenCalledTimes(2)
  expect(save).toHaveBeenLastCalledWith(KEY, expect.objectContaining({ savedAt: 1 }))
})

test('a store that fails is said to be gone, and nothing else happens', async () => {
  const storage: ReaderStore = {
    isLasting: true,
    load: () => Promise.reject(new Error('no')),
    save: () => Promise.reject(new Error('no')),
    add: () => Promise.reject(new Error('no')),
    entries: () => Promise.reject(new Error('no')),
    clear: () => Promise.resolve(),
  }
  const store = await openStore({ storage: () => Promise.resolve(storage) })
  store.edit('main.asm', `${PROGRAM}; 1`)
  await store.run()
  expect(store.work.keeping.value).toBe('refused')
  expect(store.view.value?.exits).toHaveLength(1)
})

test('after a crash the texts are kept, and a restart gives a machine again', async () => {
  let crash = true
  const store = await openStore({ connect: () => localClient({ crash }) })
  store.edit('guest.vmcb', GOOD_VMCB)
  await store.run()
  expect(store.activity.value).toBe('crashed')
  expect(store.failure.value).toBe('out of memory')
  crash = false
  await store.restart()
  await store.run()
  expect(store.work.texts.value['guest.vmcb']).toBe(GOOD_VMCB)
  expect(store.view.value?.goals[0].met).toBe(true)
})

test('a second lab that runs takes the machine; the first keeps what it shows and gets one when it runs', async () => {
  const closed = vi.fn()
  const first = await openStore({ connect: () => localClient({ closed }) })
  await first.run()
  const second = await openStore()
  expect(closed).not.toHaveBeenCalled()
  expect(second.view.value).toBeUndefined()
  expect(second.diagnostics.value).toHaveLength(1)
  await second.run()
  expect(closed).toHaveBeenCalledTimes(1)
  expect(first.view.value?.exits).toHaveLength(1)
  expect(first.canStepBack.value).toBe(false)
  await first.run()
  expect(first.view.value?.exits).toHaveLength(1)
  expect(first.canStepBack.value).toBe(true)
})

test('labs that open at the same time are all ready, and say what is wrong with their texts', async () => {
  for (const store of await Promise.all([openStore(), openStore(), openStore()])) {
    expect(store.activity.value).toBe('idle')
    expect(store.diagnostics.value.map(({ code }) => code)).toEqual(['asid-zero'])
  }
})

test('a lab that loses its machine while it opens is ready, and gets one when it runs', async () => {
  const other = await openStore()
  const client = localClient()
  const interrupted = Object.assign(Object.create(client) as Client, {
    async reset(texts: Texts) {
      await other.run()
      return client.reset(texts)
    },
  })
  const clients = [interrupted, localClient()]
  const store = await openStore({ connect: () => clients.shift()! })
  expect(other.view.value?.exits).toHaveLength(1)
  expect(store.activity.value).toBe('idle')
  await store.run()
  expect(store.view.value?.exits).toHaveLength(1)
})

test('a lab that comes into view takes the machine of one that has not run', async () => {
  const closed = vi.fn()
  const first = await openStore({ connect: () => localClient({ closed }) })
  const second = await openStore()
  expect(closed).toHaveBeenCalledTimes(1)
  expect(second.view.value?.instructions).toBe(0)
  expect(first.view.value?.instructions).toBe(0)
})

test('hints come one by one and end', async () => {
  const store = await openStore()
  for (let i = 0; i < 5; i++) store.showHint()
  expect(store.hintsShown.value).toBe(2)
})

test('the panels of the last visit are open again, and what is stored of others is left out', async () => {
  const settings = memorySettings()
  const first = await openStore({ settings })
  first.openPanel('memory')
  first.dispose()
  const second = await openStore({ settings })
  expect(second.panel.value).toBe('memory')
  expect(second.morePanels.value).toEqual(['memory'])
  settings.write('panels:test', [1, 'stops', null])
  settings.write('panel:test', 7)
  const third = await openStore({ settings })
  expect(third.morePanels.value).toEqual(['stops'])
  expect(third.panel.value).toBeUndefined()
})
