import { expect, test } from 'vitest'
import { Machine } from '../../../emulator/machine/index.ts'
import { BAD_VMCB, GOOD_TEXTS, LAB_FILES, PAYLOAD, payloadOf, PROGRAM } from '../lab.fixture.ts'
import type { LabPayload, RunView } from '../protocol.ts'
import { WorkbenchService } from './service.ts'

const BAD = { 'main.asm': PROGRAM, 'guest.vmcb': BAD_VMCB }
const TO_END = { to: 'end' } as const

async function opened(payload: LabPayload): Promise<WorkbenchService> {
  const service = new WorkbenchService()
  await service.open(payload)
  return service
}

async function run(service: WorkbenchService, texts: LabPayload['start']): Promise<RunView> {
  service.reset(texts)
  return service.run(TO_END, () => undefined)
}

function checks({ exits }: RunView): (readonly [string[], boolean])[] {
  return exits.map(({ explanation, isKeptBack }) => [explanation.checks.map(({ id }) => id), isKeptBack])
}

test('after-guess: checks are kept back until the reader has guessed, and again for other texts', async () => {
  const yaml = LAB_FILES['lab.yaml'].replace('reveal: live', 'reveal: after-guess')
  const service = await opened(payloadOf('test', { ...LAB_FILES, 'lab.yaml': yaml }))
  expect(checks(await run(service, BAD))).toEqual([[[], true]])
  expect(checks(service.reveal())).toEqual([[['asid-zero'], false]])
  expect(checks(await run(service, BAD))).toEqual([[['asid-zero'], false]])
  const other = { ...BAD, 'guest.vmcb': `${BAD_VMCB}; another try\n` }
  expect(checks(await run(service, other))).toEqual([[[], true]])
})

test('never: no guess makes the lab name a check', async () => {
  const yaml = LAB_FILES['lab.yaml'].replace('reveal: live', 'reveal: never')
  const service = await opened(payloadOf('test', { ...LAB_FILES, 'lab.yaml': yaml }))
  await run(service, BAD)
  expect(checks(service.reveal())).toEqual([[[], true]])
})

test('an exit that fails no check keeps nothing back', async () => {
  const yaml = LAB_FILES['lab.yaml'].replace('reveal: live', 'reveal: never')
  const service = await opened(payloadOf('test', { ...LAB_FILES, 'lab.yaml': yaml }))
  expect(checks(await run(service, GOOD_TEXTS))).toEqual([[[], false]])
})

test('the exported image runs elsewhere as the lab does, and the machine here stays as it is', async () => {
  const service = await opened(PAYLOAD)
  await run(service, BAD)
  const digest = service.digest()
  const exported = service.exportImage(GOOD_TEXTS, 'test.elf')
  if (!exported.ok) throw new Error(exported.message)
  expect(service.digest()).toBe(digest)
  const machine = new Machine({ ramBytes: 32 * 0x10_0000, history: false })
  machine.boot({ kernel: exported.image, commandLine: 'test', modules: [] })
  expect(machine.run(10_000_000).reason).toBe('halted-forever')
  const codes = machine.events.since().flatMap((event) => (event.kind === 'vmexit' ? [event.code] : []))
  expect(codes).toEqual([0x81n])
})

test('texts with errors are not exported', async () => {
  const service = await opened(PAYLOAD)
  const exported = service.exportImage({ ...GOOD_TEXTS, 'main.asm': 'foo bar' }, 'test.elf')
  expect(exported).toEqual({ ok: false, message: 'its texts have errors' })
})
