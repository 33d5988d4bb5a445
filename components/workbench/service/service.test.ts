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

/** The first processor starts the second one; their turns are short, because they pause. */
const TWO_PROCESSORS = `
        org 0x10000
start:  mov edi, 0xfee00000
        mov dword [rdi + 0x300], 0xc4500
        mov dword [rdi + 0x300], 0xc4611
again:  pause
        jmp again
guest:
        times 0x1000 - ($ - $$) db 0
bits 16
second: pause
        jmp second
bits 64
        align 4096
vmcb:   resb 4096
`

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

test('stepping back goes over every change of the processor whose turn it is', () => {
  const service = new WorkbenchService()
  const yaml = LAB_FILES['lab.yaml'] + 'machine: { cpus: 2 }\n'
  void service.open(payloadOf('test', { ...LAB_FILES, 'lab.yaml': yaml }))
  service.reset({ 'main.asm': TWO_PROCESSORS, 'guest.vmcb': GOOD_VMCB })
  const views = Array.from({ length: 60 }, () => service.step())
  const turns = views.filter(({ processor }, index) => index > 0 && processor !== views[index - 1].processor)
  expect(turns.length).toBeGreaterThan(3)
  for (const view of views.slice(0, -1).reverse())
    expect(service.stepBack()).toMatchObject({
      ...{ instructions: view.instructions, processor: view.processor, cpus: view.cpus },
    })
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
