/** The program as memory has it, on one that changes its own code and jumps to code that it has written. */
import { expect, test } from 'vitest'
import { GOOD_VMCB, PAYLOAD } from '../lab.fixture.ts'
import type { ListingRow } from '../protocol.ts'
import { WorkbenchService } from './service.ts'

/** Line 4 becomes `dec rax` by line 3; lines 5 and 6 are executed three times; then NOPs at 20000h, and a HLT. */
const PROGRAM = `        org 0x10000
start:  mov ecx, 3
        mov byte [patched + 2], 0xc8
patched: inc rax
again:  nop
        loop again
        mov dword [0x20000], 0xf4909090
        mov ebx, 0x20000
        jmp rbx
table:  dq 1, 2
        mov rdx, [rsi + rcx * 8 + 0x11]
        times 100 mov eax, 5
guest:
        align 4096
vmcb:   resb 4096
`

async function service(): Promise<WorkbenchService> {
  const service = new WorkbenchService()
  void service.open(PAYLOAD)
  const { checked } = service.reset({ 'main.asm': PROGRAM, 'guest.vmcb': GOOD_VMCB })
  expect(checked.diagnostics).toEqual([])
  await Promise.resolve()
  return service
}

function run(service: WorkbenchService, line?: number): Promise<unknown> {
  return service.run({ to: line === undefined ? 'end' : { file: 'main.asm', line } }, () => undefined)
}

function row(rows: readonly ListingRow[], line: number): ListingRow {
  return rows.find(({ place }) => place?.line === line)!
}

test('a row has the bytes, what they mean, and what each of them is', async () => {
  const { rows } = (await service()).listing(0, 100)
  expect(row(rows, 11)).toMatchObject({
    text: 'mov rdx, [rsi+rcx*8+0x11]',
    bytes: Uint8Array.of(0x48, 0x8b, 0x54, 0xce, 0x11),
    fields: { prefixes: 1, opcode: 1, modrm: 1, sib: 1, displacement: 1, immediate: 0 },
    built: undefined,
  })
  expect(row(rows, 2).labels).toEqual(['start'])
  expect(row(rows, 10)).toMatchObject({ kind: 'data', length: 16, text: '' })
})

test('an instruction that a line repeats is one row, but for a copy that the program has changed', async () => {
  const machine = await service()
  expect(machine.listing(0, 100).rows.filter(({ place }) => place?.line === 12)).toMatchObject([
    { text: 'mov eax, 5', length: 5, times: 100 },
  ])
  const first = row(machine.listing(0, 100).rows, 12).address
  machine.edit({ kind: 'memory', address: Number(first) + 51, bytes: Uint8Array.of(6), label: 'one of them' })
  expect(machine.listing(0, 100).rows.filter(({ place }) => place?.line === 12)).toMatchObject([
    { address: first, times: 10 },
    { text: 'mov eax, 6', built: 'mov eax, 5', times: 1 },
    { address: first + 55n, times: 89 },
  ])
})

test('code that the program has changed is taken apart anew, beside what the build put there', async () => {
  const machine = await service()
  await run(machine, 4)
  const { rows, next } = machine.listing(0, 100)
  expect(next).toBe(row(rows, 4).address)
  expect(rows.filter(({ built }) => built !== undefined)).toMatchObject([
    { text: 'dec rax', built: 'inc rax', place: { line: 4 } },
  ])
})

test('code without a source line is shown where the processor is', async () => {
  const machine = await service()
  await run(machine)
  machine.stepBack()
  const { next, elsewhere } = machine.listing(undefined, 100)
  expect(next).toBe(0x20003n)
  expect(elsewhere[0]).toMatchObject({ text: 'hlt', place: undefined })
})

test('a stretch lies around the next instruction, within the program', async () => {
  const machine = await service()
  await run(machine, 9)
  const { first, end, total, rows } = machine.listing(undefined, 4)
  expect(end - first).toBe(4)
  expect(rows.some(({ place }) => place?.line === 9)).toBe(true)
  expect(machine.listing(1000, 4)).toMatchObject({ first: total - 4, end: total })
})

test('executions are counted by repeating the run, which leaves the machine where it was', async () => {
  const machine = await service()
  await run(machine)
  const digest = machine.digest()
  const { counts, instructions } = await machine.countExecutions(() => undefined)
  const { rows } = machine.listing(0, 100)
  expect([2, 5, 6, 9, 11].map((line) => counts.get(row(rows, line).address))).toEqual([1, 3, 3, 1, undefined])
  expect([...counts.values()].reduce((sum, one) => sum + one, 0)).toBe(instructions)
  expect(machine.digest()).toBe(digest)
  expect(machine.edit({ kind: 'serial', text: '' }).ending).toContain('HLT')
})

test('the instruction that wrote memory is found, and the machine stays where it was', async () => {
  const machine = await service()
  await run(machine)
  const digest = machine.digest()
  const { address } = row(machine.listing(0, 100).rows, 4)
  expect(await machine.whenWritten(Number(address), 3)).toBe(2)
  expect(await machine.whenWritten(0x20000, 4)).toBe(10)
  expect(await machine.whenWritten(0x30000, 4)).toBeUndefined()
  expect(machine.digest()).toBe(digest)
})
