import { expect, test, vi } from 'vitest'
import type { Client } from './client.ts'
import { GOOD_VMCB, PAYLOAD, PROGRAM } from './lab.fixture.ts'
import { readLink, writeLink, type SharedLab, type SharedResult } from './shared-lab.ts'
import type { ReaderStop } from './protocol.ts'
import { memorySettings } from './settings.ts'
import { adoptShared, followLink, stateToShare } from './sharing.ts'
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

test('a file that is opened and a link that is followed while a run goes on end the run', async () => {
  const store = await openStore()
  store.edit('main.asm', 'forever: jmp forever\n')
  const running = store.run()
  await vi.waitFor(() => expect(store.isBusy.value).toBe(true))
  const link = shared({ texts: { 'guest.vmcb': GOOD_VMCB } })
  if (link.ok) expect(await adoptShared(store, link.shared, 'file')).toBeUndefined()
  await running
  expect(store.work.texts.value).toEqual({ 'main.asm': PROGRAM, 'guest.vmcb': GOOD_VMCB })
  store.edit('main.asm', 'forever: jmp forever\n')
  const again = store.run()
  await followLink(store, link)
  await again
  expect(store.work.texts.value['main.asm']).toBe(PROGRAM)
  expect(store.linkProblem.value).toBe('')
})

test('a state that cannot be taken over says why', async () => {
  const broken = {
    open: () => Promise.reject(new Error('no worker')),
    close: () => undefined,
  } as unknown as Client
  const store = await openStore({
    connect: () => broken,
  })
  await followLink(store, shared({}))
  expect(store.linkProblem.value).toMatch(/stopped working. Restart it/)
})

const MINE = { kind: 'exit', name: 'CPUID', to: undefined } as const
const THEIRS = [{ stop: { kind: 'line', file: 'main.asm', line: 2 }, isEnabled: true }]
const kinds = (stored: unknown): string[] => (stored as { stop: ReaderStop }[]).map(({ stop }) => stop.kind)

test('the stops of a link take the place of the reader’s, which stay stored, until the reader changes some', async () => {
  const settings = memorySettings()
  const name = `stops:${PAYLOAD.key}`
  const first = await openStore({ settings })
  first.stops.add(MINE)
  first.dispose()
  const store = await openStore({ settings, shared: () => Promise.resolve(shared({ stops: THEIRS })) })
  expect(kinds(store.stops.saved())).toEqual(['line'])
  store.edit('main.asm', `; a line more\n${PROGRAM}`)
  expect(kinds(settings.read(name))).toEqual(['exit'])
  store.stops.add({ kind: 'exception', vector: 14 })
  expect(kinds(store.stops.saved())).toEqual(['line', 'exception', 'exit'])
  expect(kinds(settings.read(name))).toEqual(['line', 'exception', 'exit'])
})

test('the reader’s own stops come back with the reader’s text, on the lines where they were', async () => {
  const store = await openStore()
  store.edit('main.asm', `; mine\n${PROGRAM}`)
  store.stops.add({ kind: 'line', file: 'main.asm', line: 3 })
  const before = store.stops.saved()
  await followLink(store, shared({ texts: { 'main.asm': '; theirs' }, stops: THEIRS }))
  expect(store.stops.saved()).toEqual(THEIRS)
  store.restore()
  expect(store.work.texts.value['main.asm']).toBe(`; mine\n${PROGRAM}`)
  expect(store.stops.saved()).toEqual(before)
})

test('the stops of a file become the reader’s, beside those that were there', async () => {
  const settings = memorySettings()
  const store = await openStore({ settings })
  store.stops.add(MINE)
  const file = shared({ stops: THEIRS })
  if (file.ok) await adoptShared(store, file.shared, 'file')
  expect(kinds(settings.read(`stops:${PAYLOAD.key}`))).toEqual(['line', 'exit'])
})
