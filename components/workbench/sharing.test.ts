import { expect, test } from 'vitest'
import { GOOD_VMCB, PAYLOAD, PROGRAM } from './lab.fixture.ts'
import { readLink, writeLink, type SharedLab, type SharedResult } from './shared-lab.ts'
import { followLink, stateToShare } from './sharing.ts'
import { openStore } from './store.fixture.ts'
import type { LabStore } from './store.ts'

function openWithLink(link: SharedResult | undefined): Promise<LabStore> {
  return openStore({ shared: () => Promise.resolve(link) })
}

function shared(changes: Partial<SharedLab>): SharedResult {
  return { ok: true, shared: { slug: 'test', key: PAYLOAD.key, texts: {}, stops: [], ...changes } }
}

test('the state of a lab goes through a link: texts, stops, position, file and panels', async () => {
  const store = await openStore()
  store.edit('guest.vmcb', GOOD_VMCB)
  store.stops.add({ kind: 'exit', name: 'VMMCALL' })
  await store.step()
  await store.step()
  store.openPanel('memory')
  store.activeFile.value = 'guest.vmcb'
  const state = await stateToShare(store, false)
  expect(state.texts).toEqual({ 'guest.vmcb': GOOD_VMCB })
  const here = store.view.value
  store.dispose()
  const there = await openWithLink(await readLink('test', await writeLink(state)))
  expect(there.work.texts.value).toEqual({ 'main.asm': PROGRAM, 'guest.vmcb': GOOD_VMCB })
  expect(there.stops.saved()).toEqual(store.stops.saved())
  expect(there.view.value?.instructions).toBe(here?.instructions)
  expect(there.view.value?.cpu).toEqual(here?.cpu)
  expect([there.activeFile.value, there.panel.value]).toEqual(['guest.vmcb', 'memory'])
})

test('a position that was reached by changing the machine is not handed on', async () => {
  const store = await openStore()
  await store.step()
  await store.change({ kind: 'register', name: 'rbx', value: 5n, processor: 0 })
  await store.step()
  expect((await stateToShare(store, false)).position).toBeUndefined()
})

test('a link does not make a page run far by itself', async () => {
  const store = await openWithLink(shared({ position: 900_000_000 }))
  expect(store.view.value?.instructions).toBe(0)
  expect(store.linkProblem.value).toContain('900,000,000')
})

test('a link that cannot be read leaves the lab at its start, with the reason', async () => {
  const store = await openWithLink({ ok: false, message: 'it is damaged' })
  expect(store.linkProblem.value).toBe('it is damaged')
  expect(store.work.isAtStart.value).toBe(true)
  expect(store.activity.value).toBe('idle')
})

test('names in a link that the lab does not have do no harm', async () => {
  const store = await openWithLink(
    shared({
      texts: { __proto__: 'x', 'a.asm': 'y' },
      file: 'toString',
      panel: 'none',
      stops: [{ stop: 7 }, null],
    }),
  )
  expect(store.work.isAtStart.value).toBe(true)
  expect(store.activeFile.value).toBe('main.asm')
  expect(store.stops.saved()).toEqual([])
})

test('a link that is followed on an open page puts the reader’s text aside', async () => {
  const store = await openStore()
  store.edit('main.asm', '; mine')
  await followLink(store, shared({ texts: { 'guest.vmcb': GOOD_VMCB }, position: 3 }))
  expect(store.work.texts.value).toEqual({ 'main.asm': PROGRAM, 'guest.vmcb': GOOD_VMCB })
  expect(store.view.value?.instructions).toBe(3)
  store.restore()
  expect(store.work.texts.value['main.asm']).toBe('; mine')
})
