import { describe, expect, test } from 'vitest'
import { STREAM_KINDS } from '../../../emulator/machine/index.ts'
import { BAD_VMCB, GOOD_TEXTS, LAB_FILES, payloadOf } from '../lab.fixture.ts'
import type { MemoryRequest, SearchRequest } from '../state-protocol.ts'
import { pageDifferences } from './compare.ts'
import { WorkbenchService } from './service.ts'

const BAD_TEXTS = { ...GOOD_TEXTS, 'guest.vmcb': BAD_VMCB }

function open(reveal = 'live', texts: Record<string, string> = GOOD_TEXTS): WorkbenchService {
  const service = new WorkbenchService()
  const yaml = LAB_FILES['lab.yaml'].replace('reveal: live', `reveal: ${reveal}`)
  void service.open(payloadOf('test', { ...LAB_FILES, 'lab.yaml': yaml }))
  service.reset(texts)
  return service
}

function imageOf(service: WorkbenchService): Uint8Array {
  return service.goTo(0).vmcbs[0].image
}

describe('verdicts of the consistency checks', () => {
  test('a lab that reveals live tells them at once, with the bits to blame', () => {
    const service = open('live', BAD_TEXTS)
    const verdict = service.vmcbVerdict(imageOf(service))
    const failed = verdict.isTold ? verdict.checks.filter(({ hasFailed }) => hasFailed) : []
    expect(failed.map(({ id, bits }) => [id, bits])).toEqual([['asid-zero', 0xffff_ffffn]])
  })

  test('a lab that reveals after the run tells them then, and nothing about texts that have not run', async () => {
    const service = open('after-run', BAD_TEXTS)
    const image = imageOf(service)
    expect(service.vmcbVerdict(image)).toEqual({ isTold: false, until: 'run' })
    await service.run({ to: 'end' }, () => undefined)
    expect(service.vmcbVerdict(image).isTold).toBe(true)
    const edited = image.slice()
    edited[0x58] = 7
    expect(service.vmcbVerdict(edited)).toEqual({ isTold: false, until: 'run' })
  })

  test('a lab that reveals after a guess waits for it', async () => {
    const service = open('after-guess', BAD_TEXTS)
    await service.run({ to: 'end' }, () => undefined)
    const image = service.goTo(0).vmcbs[0].image
    expect(service.vmcbVerdict(image)).toEqual({ isTold: false, until: 'guess' })
    service.reveal()
    expect(service.vmcbVerdict(image).isTold).toBe(true)
  })

  test('a lab that never reveals does not', async () => {
    const service = open('never', BAD_TEXTS)
    await service.run({ to: 'end' }, () => undefined)
    expect(service.vmcbVerdict(imageOf(service))).toEqual({ isTold: false, until: 'never' })
  })

  test('a kernel log is judged in any lab', () => {
    const report = open('never').readKvmLog('SVM: asid: 0\nSVM: gpat: 0007040600070402\n')
    if (!report.ok) throw new Error(report.message)
    expect(report.keys).toEqual(['control.asid', 'save.g_pat'])
    const failed = report.checks.filter(({ hasFailed }) => hasFailed).map(({ id }) => id)
    expect(failed).toContain('asid-zero')
    expect(failed).toContain('vmrun-intercept-clear')
    expect(open().readKvmLog('nothing of the kind').ok).toBe(false)
  })
})

const LOOK: MemoryRequest = { expression: 'start', length: 16, space: 'physical', processor: 0 }

describe('memory', () => {
  test('a symbol gives its address, bytes and the symbols that lie there', () => {
    const stretch = open().lookAt(LOOK)
    expect(stretch).toMatchObject({ ok: true, address: 0x1_0000n, physical: 0x1_0000 })
    expect(stretch.ok && stretch.labels.get(0x1_0000n)).toBe('start')
  })

  test('linear memory is translated, and what is not mapped is said so', () => {
    const service = open()
    const linear = service.lookAt({ ...LOOK, space: 'linear' })
    const physical = service.lookAt(LOOK)
    expect(linear.ok && physical.ok && linear.bytes).toEqual(physical.ok && physical.bytes)
    const hole = service.lookAt({ ...LOOK, expression: '0x7fffffffffff', space: 'linear' })
    expect(hole).toMatchObject({ ok: false })
    expect(service.lookAt({ ...LOOK, expression: '0x100000000' })).toMatchObject({ ok: false })
  })

  test.each([
    ['bytes with any byte between', { kind: 'bytes', pattern: 'bf ?? ?? ?? 00', size: 1 }],
    ['a value, the lowest byte first', { kind: 'value', pattern: 'buffer', size: 4 }],
    ['text', { kind: 'text', pattern: 'hello', size: 1 }],
  ] satisfies [string, SearchRequest][])('a search finds %s', async (_, request) => {
    const texts = {
      ...GOOD_TEXTS,
      'main.asm': GOOD_TEXTS['main.asm'].replace('buffer: times 8 db 0', "buffer: dd buffer\n db 'hello'"),
    }
    const service = open('live', texts)
    const result = await service.search(request)
    expect(result.ok && result.found.some((at) => at >= 0x1_0000)).toBe(true)
  })

  test('a pattern that means nothing is refused with what to write', async () => {
    const service = open()
    expect(await service.search({ kind: 'bytes', pattern: '1', size: 1 })).toMatchObject({ ok: false })
    expect(await service.search({ kind: 'bytes', pattern: '??', size: 1 })).toMatchObject({ ok: false })
    expect(await service.search({ kind: 'value', pattern: 'nobody', size: 8 })).toMatchObject({ ok: false })
  })

  test('more finds than can be shown are cut, and that is said', async () => {
    const result = await open().search({ kind: 'bytes', pattern: '00', size: 1 })
    expect(result).toMatchObject({ ok: true, isCut: true })
  })
})

const ALL = { kinds: ['vmrun', 'vmexit', 'raised', 'delivered'] as const, processor: undefined, text: '' }

describe('the log', () => {
  test('it has VMRUN and #VMEXIT in words, and a filter for kinds and text', async () => {
    const service = open()
    await service.run({ to: 'end' }, () => undefined)
    expect(service.log(ALL).entries.map(({ kind }) => kind)).toEqual(['vmrun', 'vmexit'])
    expect(service.log({ ...ALL, text: 'vmmcall' }).total).toBe(1)
    expect(service.log({ ...ALL, kinds: ['vmrun'] }).total).toBe(1)
    expect(service.log({ ...ALL, processor: 3 }).total).toBe(0)
  })

  test('failed checks are not named where the lab keeps them back', async () => {
    const service = open('never', BAD_TEXTS)
    await service.run({ to: 'end' }, () => undefined)
    expect(service.log({ ...ALL, text: 'asid-zero' }).total).toBe(0)
    const told = open('live', BAD_TEXTS)
    await told.run({ to: 'end' }, () => undefined)
    expect(told.log({ ...ALL, text: 'asid-zero' }).total).toBe(1)
  })

  test('a part of the run is repeated in detail, and the machine is as it was', async () => {
    const service = open()
    const { instructions } = await service.run({ to: 'end' }, () => undefined)
    const digest = service.digest()
    const page = await service.detail(
      { from: 0, to: instructions },
      { kinds: STREAM_KINDS, processor: undefined, text: '' },
      () => undefined,
    )
    const kinds = new Set(page.entries.map(({ kind }) => kind))
    for (const kind of ['instruction', 'access', 'world-switch', 'check', 'intercept'] as const)
      expect(kinds).toContain(kind)
    expect(page.entries.every(({ at }) => at <= instructions)).toBe(true)
    expect(service.digest()).toBe(digest)
    expect(service.goTo(instructions).instructions).toBe(instructions)
  })

  test('checks are no detail of a lab that keeps them back', async () => {
    const service = open('never', BAD_TEXTS)
    const { instructions } = await service.run({ to: 'end' }, () => undefined)
    const filter = { kinds: ['check'] as const, processor: undefined, text: '' }
    expect((await service.detail({ from: 0, to: instructions }, filter, () => undefined)).total).toBe(0)
  })
})

describe('two points of the run', () => {
  test('what differs is told, and the machine is where it was with the same digest', async () => {
    const service = open()
    const { instructions } = await service.run({ to: 'end' }, () => undefined)
    const digest = service.digest()
    const { registers, fields, pages } = await service.compare(0, instructions)
    expect(registers.find(({ name }) => name === 'RDI')).toMatchObject({ processor: 0 })
    expect(fields.map(({ field }) => field)).toContain('control.exit_code')
    expect(pages.length).toBeGreaterThan(0)
    expect(service.digest()).toBe(digest)
  })

  test('a point compared with itself differs in nothing', async () => {
    const comparison = await open().compare(2, 2)
    expect(comparison).toMatchObject({ registers: [], fields: [], pages: [], pageCount: 0 })
  })

  test('pages that differ are told with how many bytes and where the first one is', () => {
    const [a, b] = [new Uint8Array(8192), new Uint8Array(8192)]
    b[4100] = 1
    b[5000] = 1
    expect(pageDifferences(a, b)).toEqual([{ address: 4096, bytes: 2, first: 4100 }])
  })
})

test('a machine without caches has no picture and no bus to show', () => {
  expect(open().devices()).toEqual({ picture: undefined, bus: undefined })
})
