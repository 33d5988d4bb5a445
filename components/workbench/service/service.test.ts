import { expect, test } from 'vitest'
import {
  BAD_VMCB,
  ENDLESS,
  GOOD_TEXTS,
  GOOD_VMCB,
  LAB_FILES,
  PAYLOAD,
  payloadOf,
  PROGRAM,
} from '../lab.fixture.ts'
import type { RunView } from '../protocol.ts'
import { WorkbenchService } from './service.ts'

const TO_END = { to: 'end' } as const
const NOTHING = (): void => undefined

function opened(): WorkbenchService {
  const service = new WorkbenchService()
  void service.open(PAYLOAD)
  return service
}

function started(texts = GOOD_TEXTS): WorkbenchService {
  const service = opened()
  expect(service.reset(texts).checked.usable).toBe(true)
  return service
}

test('a run shows its exits, its end and its goals', async () => {
  const view = await started().run(TO_END, NOTHING)
  expect(view.exits.map(({ explanation }) => explanation.name)).toEqual(['VMMCALL'])
  expect(view.ending).toContain('HLT')
  expect(view.goals).toMatchObject([{ id: 'comes-back', met: true }])
  expect(view.line).toEqual({ file: 'main.asm', line: 8 })
})

test('an exit tells what its VMRUN took from the state cache', async () => {
  const service = new WorkbenchService()
  const yaml = LAB_FILES['lab.yaml'] + 'machine: { state_cache: aggressive }\n'
  void service.open(payloadOf('test', { ...LAB_FILES, 'lab.yaml': yaml }))
  const twice = PROGRAM.replace('vmrun', 'vmrun\n mov dword [vmcb + 0xc0], 0x30\n vmrun')
  service.reset({ 'main.asm': twice, 'guest.vmcb': GOOD_VMCB })
  const { exits } = await service.run(TO_END, NOTHING)
  expect(exits.map(({ fromCache }) => fromCache)).toEqual([[], ['CRX']])
})

test('a check warns of the VMRUN that will fail, at the line to blame, and leaves the machine alone', () => {
  const service = started()
  service.step()
  const { diagnostics, usable } = service.check({ 'main.asm': PROGRAM, 'guest.vmcb': BAD_VMCB })
  expect(usable).toBe(true)
  expect(diagnostics).toMatchObject([{ severity: 'warning', code: 'asid-zero', file: 'guest.vmcb', line: 3 }])
  expect(service.step().instructions).toBe(2)
})

test('texts with errors leave the machine as it was', () => {
  const service = started()
  service.step()
  const { checked, view } = service.reset({ 'main.asm': 'what is this', 'guest.vmcb': GOOD_VMCB })
  expect(checked.usable).toBe(false)
  expect(view).toBeUndefined()
  expect(service.step().instructions).toBe(2)
})

test('stepping back undoes steps one by one, a REP as a whole', () => {
  const service = started()
  const views: RunView[] = []
  for (let i = 0; i < 6; i++) views.push(service.step())
  expect(views[2].instructions).toBeGreaterThan(views[1].instructions + 1)
  for (const view of views.slice(0, -1).reverse()) {
    const back = service.stepBack()
    expect(back.instructions).toBe(view.instructions)
    expect(back.cpu).toEqual(view.cpu)
  }
  expect(service.stepBack().instructions).toBe(0)
  expect(service.stepBack().instructions).toBe(0)
})

test('stepping back from the end of a run goes over VMRUN into the guest and out again', async () => {
  const service = started()
  await service.run(TO_END, NOTHING)
  const worlds = Array.from({ length: 3 }, () => service.stepBack().cpu.guest === undefined)
  expect(worlds).toEqual([true, false, true])
})

test('stop() ends an endless loop soon, and the run can go on', async () => {
  const service = started({ ...GOOD_TEXTS, 'main.asm': ENDLESS })
  const running = service.run(TO_END, NOTHING)
  await new Promise((resolve) => setTimeout(resolve, 50))
  const stopped = performance.now()
  service.stop()
  const view = await running
  expect(performance.now() - stopped).toBeLessThan(200)
  expect(view.ending).toBeUndefined()
  expect(service.step().instructions).toBe(view.instructions + 1)
})

test('memory is read at numbers, symbols and sums, and refused beyond RAM', () => {
  const service = started()
  const memory = (expression: string, length: number) =>
    service.lookAt({ expression, length, space: 'physical', processor: 0 })
  const vmcb = memory('vmcb + 0x58', 4)
  expect(vmcb).toMatchObject({ ok: true, bytes: new Uint8Array([1, 0, 0, 0]) })
  expect(memory('nonsense', 4)).toMatchObject({ ok: false })
  expect(memory('0x100000000000', 4)).toMatchObject({ ok: false })
})

test('the same texts end in the same digest', async () => {
  const digests = await Promise.all(
    [started(), started()].map(async (service) => {
      await service.run(TO_END, NOTHING)
      return service.digest()
    }),
  )
  expect(digests[0]).toBe(digests[1])
})
