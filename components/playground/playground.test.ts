import { expect, test, vi } from 'vitest'
import { createClaim } from '../reader/claim.ts'
import { memoryStore } from '../reader/store.ts'
import { GOOD_TEXTS, localClient } from '../workbench/lab.fixture.ts'
import { memorySettings } from '../workbench/settings.ts'
import { concatenate } from '../workbench/bytes.ts'
import { readMachineFile, writeMachineFile } from './machine-file.ts'
import { openFile, type FileLike } from './open-file.ts'
import { Playground } from './playground.ts'
import { DEFAULT_OPTIONS, parseProject, payloadOf, type Template } from './project.ts'

const TEMPLATE: Template = {
  id: 'one',
  title: 'One',
  about: 'One guest.',
  options: DEFAULT_OPTIONS,
  files: Object.entries(GOOD_TEXTS).map(([name, text]) => ({ name, text, symbol: 'vmcb' })),
}

function file(name: string, content: string | Uint8Array<ArrayBuffer>): FileLike {
  const blob = new Blob([content])
  return { name, size: blob.size, arrayBuffer: () => blob.arrayBuffer() }
}

const HALT: Template = { ...TEMPLATE, id: 'halt', files: [{ name: 'halt.asm', text: 'hlt', symbol: 'halt' }] }

async function opened(storage = memoryStore(), claim = createClaim(undefined)): Promise<Playground> {
  const playground = new Playground({
    templates: [TEMPLATE, HALT],
    connect: () => localClient(),
    storage: () => Promise.resolve(storage),
    settings: memorySettings(),
    now: () => 0,
    claim,
  })
  await playground.open()
  return playground
}

test('what is kept is there at the next visit; damaged records are ignored', async () => {
  const storage = memoryStore()
  const first = await opened(storage)
  await first.setOptions({ memory: 64 })
  first.bench.value?.edit('main.asm', '; mine')
  await first.keep()
  first.close()
  const second = await opened(storage)
  expect(second.project.value?.options.memory).toBe(64)
  expect(second.current()?.files[0].text).toBe('; mine')
  second.close()
  const texts = { 'project.json': '{"files": [{"name": "../x"}]}' }
  await storage.save('lab-work', 'playground', { format: 2, texts, savedAt: 0, versions: [] })
  const third = await opened(storage)
  expect(third.current()?.files).toEqual(TEMPLATE.files)
  expect(third.message.value).toMatchObject({ isProblem: true })
  third.close()
})

test('what a template took the place of can be brought back, also at the next visit', async () => {
  const storage = memoryStore()
  const first = await opened(storage)
  first.bench.value?.edit('main.asm', '; mine')
  await first.choose('halt')
  await first.keep()
  first.close()
  const second = await opened(storage)
  expect(second.current()?.files).toEqual(HALT.files)
  await second.bringBack()
  expect(second.current()?.files[0].text).toBe('; mine')
  second.close()
})

test('each of several earlier projects can be brought back', async () => {
  const playground = await opened()
  playground.renameFile('main.asm', 'mine.asm')
  await vi.waitFor(() => expect(playground.current()?.files[0].name).toBe('mine.asm'))
  await playground.choose('halt')
  const names = playground.earlier.value.map(({ files }) => files[0].name)
  expect(names).toEqual(['mine.asm', 'main.asm'])
  await playground.bringBack(playground.earlier.value[1].version)
  expect(playground.current()?.files[0].name).toBe('main.asm')
  expect(playground.earlier.value.map(({ files }) => files[0].name)).toEqual(['halt.asm', 'mine.asm'])
  playground.close()
})

test('an image keeps what was just typed, and the machine that the texts had', async () => {
  const storage = memoryStore()
  const playground = await opened(storage)
  await playground.setOptions({ cpus: 3 })
  playground.bench.value?.edit('main.asm', '; last words')
  await playground.openFiles([file('x.bin', Uint8Array.of(0xeb, 0xfe))])
  expect(playground.project.value?.options.cpus).toBe(1)
  await playground.keep()
  const next = await opened(storage)
  expect(next.current()?.files[0].text).toBe('; last words')
  next.close()
  await playground.closeImage()
  expect(playground.current()).toMatchObject({ options: { cpus: 3 }, files: [{ text: '; last words' }, {}] })
  playground.close()
})

test('a second tab overwrites nothing, and is told', async () => {
  const storage = { ...memoryStore(), isLasting: true }
  const first = await opened(storage)
  const second = await opened(storage, (_, onChange) => {
    onChange(false)
    return () => undefined
  })
  expect(second.work.keeping.value).toBe('elsewhere')
  first.bench.value?.edit('main.asm', '; of the first')
  await first.keep()
  second.bench.value?.edit('main.asm', '; of the second')
  await second.keep()
  const next = await opened(storage)
  expect(next.current()?.files[0].text).toBe('; of the first')
  for (const playground of [first, second, next]) playground.close()
})

test('where the browser has no room the reader is told', async () => {
  const full = new DOMException('full', 'QuotaExceededError')
  const refuse = (): Promise<never> => Promise.reject(full)
  const playground = await opened({ ...memoryStore(), isLasting: true, save: refuse })
  playground.bench.value?.edit('main.asm', '; mine')
  await playground.keep()
  expect(playground.work.keeping.value).toBe('full')
  playground.close()
})

test('a program takes the place of all files, other texts are added, and what was there can be brought back', async () => {
  const playground = await opened()
  await playground.openFiles([file('consts.inc', 'answer equ 42')])
  expect(playground.project.value?.files.map(({ name }) => name)).toEqual([
    'main.asm',
    'guest.vmcb',
    'consts.inc',
  ])
  await playground.openFiles([file('own.asm', 'hlt')])
  expect(playground.project.value?.files.map(({ name }) => name)).toEqual(['own.asm'])
  await playground.bringBack()
  expect(playground.project.value?.files).toHaveLength(3)
  playground.close()
})

test('a saved machine goes on in another playground, also one with an image', async () => {
  const image = { kind: 'flat', name: 'x.bin', bytes: Uint8Array.of(0xeb, 0xfe), address: 0x1_0000 } as const
  const first = await opened()
  await first.openFiles([file('x.bin', image.bytes)])
  await first.bench.value?.step()
  const digest = await first.bench.value?.ask((client) => client.digest())
  const saved = (await first.save())!
  first.close()
  const second = await opened()
  await second.openFiles([file('machine.wsm', saved)])
  expect(second.message.value).toEqual({
    text: 'machine.wsm is open: the machine is where it was saved.',
    isProblem: false,
  })
  expect(second.project.value?.image).toEqual(image)
  expect(await second.bench.value?.ask((client) => client.digest())).toBe(digest)
  second.close()
})

test('a state that was tampered with leaves the machine at its start and says why', async () => {
  const first = await opened()
  const state = (await first.bench.value!.saveState())!
  state[state.length - 1] ^= 1
  const damaged = await writeMachineFile({ project: TEMPLATE, state })
  await first.openFiles([file('machine.wsm', damaged)])
  expect(first.message.value.isProblem).toBe(true)
  expect(first.message.value.text).toContain('checksum')
  expect(first.bench.value?.view.value?.instructions).toBe(0)
  first.close()
})

test('files that cannot be what they say are refused with the reason', async () => {
  const large: FileLike = { name: 'x', size: 2 ** 40, arrayBuffer: () => Promise.reject(new Error('read')) }
  const refusals: [FileLike, RegExp][] = [
    [file('x.bin', ''), /empty/],
    [large, /largest that can be opened/],
    [file('../x y.asm', 'hlt'), /its name will not do/],
    [file('x.asm', Uint8Array.of(0xff)), /UTF-8/],
  ]
  for (const [one, reason] of refusals)
    expect(await openFile(one)).toEqual({ kind: 'refused', message: expect.stringMatching(reason) as string })
})

test('damaged machine files never reject', async () => {
  const good = await writeMachineFile({ project: TEMPLATE, state: new Uint8Array(10) })
  expect((await readMachineFile(good)).ok).toBe(true)
  const damaged = [
    new Uint8Array(0),
    good.subarray(0, 20),
    good.subarray(0, good.length - 3),
    concatenate([good.subarray(0, 40), good.subarray(41)]),
  ]
  for (const bytes of damaged) expect((await readMachineFile(bytes)).ok).toBe(false)
})

test('projects from outside are judged field by field', () => {
  const project = { options: DEFAULT_OPTIONS, files: TEMPLATE.files }
  expect(parseProject(JSON.parse(JSON.stringify(project)))).toEqual(project)
  const [program] = TEMPLATE.files
  const bad: unknown[] = [
    null,
    { ...project, files: [] },
    { ...project, files: [program, program] },
    { ...project, files: [{ ...program, symbol: '<b>' }] },
    { ...project, files: [{ ...program, text: 'x'.repeat(1_000_001) }] },
    { ...project, options: { ...DEFAULT_OPTIONS, memory: 1e9 } },
    { ...project, options: { ...DEFAULT_OPTIONS, cpus: 1.5 } },
    { ...project, options: { ...DEFAULT_OPTIONS, limit: Infinity } },
  ]
  for (const value of bad) expect(parseProject(value)).toBeUndefined()
})

test('l0.yaml puts L0 below the machine, which then has no caches', () => {
  const options = { ...DEFAULT_OPTIONS, caches: true }
  const files = [...TEMPLATE.files, { name: 'l0.yaml', text: '', symbol: 'l0' }]
  const { machine } = payloadOf({ options, files }).lab
  expect(machine.l0).toEqual({})
  expect(machine.caches).toBe(false)
})
