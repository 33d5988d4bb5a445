/** Where runs go, forward and back, on a small hypervisor whose guest is entered three times. */
import { describe, expect, test } from 'vitest'
import { ENDLESS, GOOD_VMCB, PAYLOAD } from '../lab.fixture.ts'
import type { Destination, ReaderStop, RunView } from '../protocol.ts'
import { WorkbenchService } from './service.ts'

const NOTHING = (): void => undefined

/** Lines are counted from 1: the VMRUN is line 6, the CALL line 7, the HLT line 9, the routine's RET line 11. */
const PROGRAM = `        org 0x10000
start:  mov ecx, 3
        mov rax, vmcb
again:  mov qword [vmcb + 0x578], guest
        inc r8
        vmrun
        call count
        loop again
        hlt
count:  inc qword [total]
        ret
guest:  mov rbx, 7
        vmmcall
total:  dq 0
        align 4096
vmcb:   resb 4096
`
const TEXTS = { 'main.asm': PROGRAM, 'guest.vmcb': GOOD_VMCB }

function started(texts = TEXTS): WorkbenchService {
  const service = new WorkbenchService()
  void service.open(PAYLOAD)
  expect(service.reset(texts).checked.diagnostics).toEqual([])
  return service
}

function run(service: WorkbenchService, to: Destination = 'end'): Promise<RunView> {
  return service.run({ to }, NOTHING)
}

/** Runs to the end with one stop after another met: the positions and reasons. */
async function stopsOf(stop: ReaderStop): Promise<{ lines: (number | undefined)[]; reasons: string[] }> {
  const service = started()
  expect(service.setStops([stop])).toMatchObject([{ ok: true }])
  const lines: (number | undefined)[] = []
  const reasons: string[] = []
  for (let view = await run(service); view.ending === undefined; view = await run(service)) {
    lines.push(view.line?.line)
    reasons.push(view.stop ?? '')
  }
  return { lines, reasons }
}

describe('a stop of the reader', () => {
  test.each<[string, ReaderStop, number[]]>([
    ['a line', { kind: 'line', file: 'main.asm', line: 6 }, [6, 6, 6]],
    ['a line without an instruction', { kind: 'line', file: 'main.asm', line: 1 }, []],
    ['a symbol', { kind: 'address', address: 'count' }, [10, 10, 10]],
    ['any #VMEXIT', { kind: 'exit' }, [7, 7, 7]],
    ['a #VMEXIT by name', { kind: 'exit', name: 'vmmcall' }, [7, 7, 7]],
    ['another #VMEXIT', { kind: 'exit', name: 'cpuid' }, []],
    ['memory', { kind: 'memory', address: 'total', bytes: 8, access: 'write' }, [11, 11, 11]],
    ['a field of the VMCB', { kind: 'field', vmcb: 'vmcb', field: 'control.exit_code' }, [7]],
    ['a register', { kind: 'register', name: 'r8', processor: 0 }, [6, 6, 6]],
  ])('%s', async (_, stop, lines) => {
    expect((await stopsOf(stop)).lines).toEqual(lines)
  })

  test('says what was met', async () => {
    const { reasons } = await stopsOf({ kind: 'register', name: 'r8', processor: 0 })
    expect(reasons[0]).toContain('r8 has changed (0h to 1h)')
  })

  test.each<[string, ReaderStop]>([
    ['no instruction at or after line 99', { kind: 'line', file: 'main.asm', line: 99 }],
    ['nowhere', { kind: 'address', address: 'nowhere' }],
    ['there is no exit code "x"', { kind: 'exit', name: 'x' }],
    ['there is no VMCB field "save.x"', { kind: 'field', vmcb: 'vmcb', field: 'save.x' }],
    ['there is no processor 1', { kind: 'register', name: 'rax', processor: 1 }],
    ['1 to 8 bytes of RAM', { kind: 'memory', address: '0x7fffffff', bytes: 8, access: 'read' }],
    ['RAM ends before', { kind: 'memory', address: '0xfffffffffffffff8', bytes: 8, access: 'read' }],
  ])('that cannot be says why: %s', (message, stop) => {
    expect(started().setStops([stop])).toMatchObject([
      { ok: false, message: expect.stringContaining(message) as string },
    ])
  })

  test('moves with its line when the texts are built anew', async () => {
    const service = started()
    service.setStops([{ kind: 'line', file: 'main.asm', line: 7 }])
    service.reset({ ...TEXTS, 'main.asm': PROGRAM.replace('inc r8', 'add r8, 0x12345678') })
    expect((await run(service)).line?.line).toBe(7)
  })
})

describe('a run goes', () => {
  test('to the next #VMEXIT', async () => {
    const service = started()
    expect((await run(service, 'exit')).exits).toHaveLength(1)
    expect((await run(service, 'exit')).exits).toHaveLength(2)
  })

  test('to a line', async () => {
    expect((await run(started(), { file: 'main.asm', line: 11 })).line?.line).toBe(11)
  })

  test('to the first instruction after which another goal is met', async () => {
    const service = started()
    const view = await run(service, 'goal')
    expect(view.goals[0].met).toBe(true)
    expect(service.stepBack().goals[0].met).toBe(false)
  })

  test('over a call and over a run of the guest, but not over other instructions', async () => {
    const service = started()
    const lines: (number | undefined)[] = []
    for (let i = 0; i < 8; i++) lines.push((await run(service, 'over')).line?.line)
    expect(lines).toEqual([3, 4, 5, 6, 7, 8, 4, 5])
  })

  test('over a call only up to a stop within it', async () => {
    const service = started()
    service.setStops([{ kind: 'line', file: 'main.asm', line: 11 }])
    await run(service, { file: 'main.asm', line: 7 })
    expect((await run(service, 'over')).line?.line).toBe(11)
  })

  test('at a pace, with a view of each of its parts, to the same end', async () => {
    const fast = await run(started())
    const views: RunView[] = []
    const slow = await started().run({ to: 'end', pace: 400 }, (_, view) => view && views.push(view))
    expect(slow.instructions).toBe(fast.instructions)
    expect(views[0].instructions).toBe(1)
  })

  test('back to the #VMEXIT before, and then to the start', async () => {
    const service = started()
    const end = await run(service)
    const counts: number[] = []
    for (let i = 0; i < 4; i++) counts.push((await service.runBack('exit')).exits.length)
    expect(counts).toEqual([3, 2, 1, 0])
    expect((await run(service)).instructions).toBe(end.instructions)
  })

  test('back to the last stop before, across parts of the run that snapshots divide', async () => {
    const service = started({
      ...TEXTS,
      'main.asm': ENDLESS.replace('start:', 'start: inc r8\nnext: inc r9\n').replace('jmp start', 'jmp next'),
    })
    service.goTo(50_000)
    service.setStops([{ kind: 'register', name: 'r8', processor: 0 }])
    expect((await service.runBack('stop')).instructions).toBe(1)
    expect((await service.runBack('stop')).instructions).toBe(0)
  })
})

describe('the timeline', () => {
  test('keeps what lies ahead when the machine goes back', async () => {
    const service = started()
    const end = await run(service)
    const whole = service.timeline()
    expect(whole.marks.filter(({ kind }) => kind === 'exit')).toHaveLength(3)
    expect(service.goTo(5).instructions).toBe(5)
    expect(service.timeline()).toEqual({ ...whole, position: 5, extent: end.instructions })
  })

  test('an edit is a mark, and what lay ahead is gone', async () => {
    const service = started()
    await run(service)
    service.goTo(5)
    const bytes = Uint8Array.of(1)
    service.edit({ kind: 'memory', address: 0x20000, bytes, label: 'byte at 20000h' })
    const { marks, extent } = service.timeline()
    expect(extent).toBe(5)
    expect(marks.at(-1)).toEqual({ at: 5, kind: 'edit', label: 'byte at 20000h', processor: 0 })
  })

  test('an edit is made again when the run comes by', () => {
    const service = started()
    service.goTo(4)
    service.edit({ kind: 'register', name: 'r15', value: 9n, processor: 0 })
    service.goTo(0)
    expect(service.goTo(6).cpu.general.r15).toBe(9n)
  })
})
