/** Ends of runs that somebody at the controls asked for. */
import { describe, expect, test } from 'vitest'
import type { Machine } from './machine.ts'
import { machineWith } from './machine.fixture.ts'
import type { Stop } from './stops.ts'

const PROGRAM = `
    mov rcx, 100
  next:
    inc rax
    mov [counter], rax
    loop next
    mov rbx, [counter]
    ud2
  counter: dq 0`

/** A hypervisor whose empty VMCB is refused, twice. */
const HYPERVISOR = `
    mov rax, vmcb
    vmrun
    vmrun
    hlt
    align 4096
  vmcb: times 4096 db 0`

function runWith(machine: Machine, ...stops: Stop[]) {
  machine.setStops(stops)
  return machine.run(10_000)
}

describe('a run ends', () => {
  test('before the instruction at an address, and goes on from there when it is asked to', () => {
    const machine = machineWith(PROGRAM)
    const next = machine.inspect().rip + 5n
    const stop: Stop = { kind: 'code', address: next }
    expect(runWith(machine, stop)).toMatchObject({ reason: 'stop', stop, instructions: 1 })
    expect(machine.run(10_000)).toMatchObject({ reason: 'stop', instructions: 3 })
    expect(machine.inspect().general.rax).toBe(1n)
  })

  test('after an instruction has written watched memory, whether or not the value is another', () => {
    const machine = machineWith(PROGRAM)
    const address = Number(counterOf(machine))
    const stop: Stop = { kind: 'memory', address, bytes: 8, access: 'write' }
    expect(runWith(machine, stop)).toMatchObject({ reason: 'stop', before: 0n, after: 1n })
    expect(machine.run(10_000)).toMatchObject({ reason: 'stop', before: 1n, after: 2n, instructions: 3 })

    const same = machineWith('mov qword [$$ + 4096], 0\n mov rax, 1\n hlt')
    const { rip } = same.inspect()
    expect(
      runWith(same, { kind: 'memory', address: Number(rip) + 4096, bytes: 1, access: 'write' }),
    ).toMatchObject({ reason: 'stop', before: 0n, after: 0n, instructions: 1 })
  })

  test('after an instruction has read watched memory, and not when it is written', () => {
    const machine = machineWith(PROGRAM)
    const address = Number(counterOf(machine))
    expect(runWith(machine, { kind: 'memory', address, bytes: 1, access: 'read' })).toMatchObject({
      reason: 'stop',
      instructions: 302,
    })
    expect(machine.inspect().general.rbx).toBe(100n)
  })

  test('after a register has another value', () => {
    const machine = machineWith(PROGRAM)
    expect(runWith(machine, { kind: 'register', name: 'rax', processor: 0 })).toMatchObject({
      before: 0n,
      after: 1n,
      instructions: 2,
    })
    const system = machineWith('mov ecx, 0x277\n xor eax, eax\n xor edx, edx\n wrmsr\n hlt')
    expect(runWith(system, { kind: 'register', name: 'pat', processor: 0 })).toMatchObject({
      after: 0n,
      instructions: 4,
    })
  })

  test('after an exception of a vector, but not of another', () => {
    const machine = machineWith(PROGRAM)
    expect(runWith(machine, { kind: 'exception', vector: 6 })).toMatchObject({ reason: 'shutdown' })
    const stopped = machineWith(
      `lidt [table]\n ud2\n table: dw 0xfff\n dq handlers\n align 16\n handlers: ${GATES}`,
    )
    expect(runWith(stopped, { kind: 'exception', vector: 13 }).reason).not.toBe('stop')
    const other = machineWith(
      `lidt [table]\n ud2\n table: dw 0xfff\n dq handlers\n align 16\n handlers: ${GATES}`,
    )
    expect(runWith(other, { kind: 'exception', vector: 6 })).toMatchObject({
      reason: 'stop',
      instructions: 2,
    })
  })

  test.each([
    ['any #VMEXIT', undefined],
    ['VMEXIT_INVALID', -1],
  ])('after %s', (_, code) => {
    const machine = machineWith(HYPERVISOR)
    const stop: Stop = { kind: 'exit', code }
    expect(runWith(machine, stop)).toMatchObject({ reason: 'stop', stop })
    expect(machine.events.since().filter(({ kind }) => kind === 'vmexit')).toHaveLength(1)
  })

  test('not after a #VMEXIT with another code', () => {
    expect(runWith(machineWith(HYPERVISOR), { kind: 'exit', code: 0x81 })).toMatchObject({
      reason: 'halted-forever',
    })
  })
})

test('what #VMEXIT writes to a watched field of the VMCB ends the run', () => {
  const machine = machineWith(HYPERVISOR)
  const vmcb = 0x11000
  const exitCode: Stop = { kind: 'memory', address: vmcb + 0x70, bytes: 8, access: 'write' }
  expect(runWith(machine, exitCode)).toMatchObject({ reason: 'stop', after: 0xffff_ffff_ffff_ffffn })
})

test('a run with stops is the same run', () => {
  const stopped = machineWith(PROGRAM)
  stopped.setStops([
    { kind: 'register', name: 'rbx', processor: 0 },
    { kind: 'memory', address: 0x20000, bytes: 8, access: 'read' },
    { kind: 'exit' },
  ])
  const free = machineWith(PROGRAM)
  stopped.run(250)
  free.run(250)
  expect(stopped.digest()).toBe(free.digest())
})

test('going to a position stops nowhere on the way, and the stops stay', () => {
  const machine = machineWith(PROGRAM)
  runWith(machine, { kind: 'register', name: 'rax', processor: 0 })
  expect(machine.goTo(200)).toBe(200)
  expect(machine.goTo(10)).toBe(10)
  expect(machine.run(10_000)).toMatchObject({ reason: 'stop' })
})

test.each<[string, Stop]>([
  ['there is no processor 3', { kind: 'register', name: 'rax', processor: 3 }],
  ['1 to 8 bytes of RAM, not 8 at 100000h', { kind: 'memory', address: 0x10_0000, bytes: 8, access: 'read' }],
  ['1 to 8 bytes of RAM, not 9 at 0h', { kind: 'memory', address: 0, bytes: 9, access: 'read' }],
])('a stop is refused: %s', (message, stop) => {
  expect(() => machineWith(PROGRAM).setStops([stop])).toThrow(message)
})

/** 32 gates to a HLT. */
const GATES = Array.from({ length: 32 }, () => 'dw 0xf000, 8, 0x8e00, 0\n dq 0').join('\n')

/** Linear address of `counter`: the operand of the MOV that reads it. */
function counterOf(machine: Machine): bigint {
  const bytes = machine.readMemory(Number(machine.inspect().rip), 64)
  // 48 89 04 25 disp32: MOV [disp32], RAX
  const at = bytes.findIndex((byte, i) => byte === 0x48 && bytes[i + 1] === 0x89 && bytes[i + 2] === 0x04)
  return BigInt(new DataView(bytes.buffer).getUint32(at + 4, true))
}
