import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Machine } from './machine.ts'
import { machineWith } from './machine.fixture.ts'

/** Writes to ever new pages, changes its own code, keeps a stack, prints; goes on for ever. */
const WRITER = `
    mov rsp, 0a000h
    mov esi, 20000h
  again:
    inc dword [patch + 1]
  patch:
    mov eax, 0
    push rax
    add [rsi], rax
    add rsi, 72
    cmp esi, 0e0000h
    jb .near
    mov esi, 20000h
  .near:
    pop rbx
    test al, 63
    jnz again
    mov dx, 3f8h
    out dx, al
    jmp again
`

/** The digest that a machine has which went straight to `instructions`. */
function digestAt(instructions: number, source = WRITER): string {
  const machine = machineWith(source, 'long', { history: false })
  machine.run(instructions)
  return machine.digest()
}

describe('going back and forth', () => {
  test('leads to the state that a fresh run has there, from anywhere to anywhere', () => {
    const machine = machineWith(WRITER)
    const digests = new Map<number, string>()
    const point = fc.integer({ min: 0, max: 60_000 })
    fc.assert(
      fc.property(fc.array(point, { minLength: 2, maxLength: 6 }), (points) => {
        for (const instructions of points) {
          expect(machine.goTo(instructions)).toBe(instructions)
          if (!digests.has(instructions)) digests.set(instructions, digestAt(instructions))
          expect(machine.digest()).toBe(digests.get(instructions))
        }
      }),
      { numRuns: 12, seed: 1 },
    )
  })

  test('a step back and a step forward is nothing, hundreds of times', () => {
    const machine = machineWith(WRITER)
    machine.run(10_000)
    const before = machine.digest()
    for (let i = 0; i < 300; i++) machine.stepBack()
    expect(machine.instructions).toBe(9700)
    for (let i = 0; i < 300; i++) machine.run(1)
    expect(machine.digest()).toBe(before)
  })

  test('the beginning is as far as it goes', () => {
    const machine = machineWith(WRITER)
    const start = machine.digest()
    machine.run(5000)
    expect(machine.goTo(-5)).toBe(0)
    expect(machine.digest()).toBe(start)
    expect(machine.stepBack()).toBe(0)
  })

  test('a run that has ended can be gone back into, and ends again', () => {
    const machine = machineWith('mov eax, 3\nout 0f4h, eax')
    expect(machine.run(10).reason).toBe('debug-exit')
    expect(machine.stepBack()).toBe(1)
    expect(machine.inspect().general.rax).toBe(3n)
    expect(machine.goTo(50)).toBe(2)
    expect(machine.run(10)).toMatchObject({ reason: 'debug-exit', code: 3 })
  })

  test('serial output and events go back too', () => {
    const machine = machineWith('mov dx, 3f8h\nagain: out dx, al\nint3\njmp again')
    machine.run(2)
    expect(machine.serial.total).toBe(1)
    machine.run(10)
    expect(machine.events.total).toBeGreaterThan(0)
    machine.goTo(1)
    expect([machine.serial.total, machine.events.total]).toEqual([0, 0])
    machine.goTo(2)
    expect(machine.serial.total).toBe(1)
  })

  test('a long run keeps its way back although most snapshots are gone', () => {
    const machine = machineWith(WRITER)
    machine.run(1_500_000)
    for (const instructions of [1_499_999, 700_000, 3]) {
      machine.goTo(instructions)
      expect(machine.digest()).toBe(digestAt(instructions))
    }
  })

  test('breakpoints stop neither the way back nor the way forward', () => {
    const machine = machineWith(WRITER)
    machine.run(20_000)
    machine.breakpoints.add(machine.inspect().rip)
    expect(machine.goTo(10_000)).toBe(10_000)
    expect(machine.goTo(20_000)).toBe(20_000)
    expect(machine.breakpoints.size).toBe(1)
  })
})

describe('what comes from outside', () => {
  /** Reads the console and adds what it gets to memory. */
  const READER = `
      mov edi, 20000h
    listen:
      mov dx, 3fdh
      in al, dx
      test al, 1
      jz listen
      mov dx, 3f8h
      in al, dx
      add [rdi], al
      inc edi
      jmp listen
  `

  function withInputs(): Machine {
    const machine = machineWith(READER)
    machine.run(1000)
    machine.sendSerial(Uint8Array.of(1, 2, 3))
    machine.run(1000)
    machine.writeMemory(0x2_0003, Uint8Array.of(0x77))
    machine.writeRegister('rcx', 0xffff_ffff_ffff_ffffn)
    machine.run(1000)
    machine.sendSerial(Uint8Array.of(4))
    machine.run(1000)
    return machine
  }

  test('happens again at the same instructions', () => {
    const machine = withInputs()
    const end = machine.digest()
    expect([...machine.readMemory(0x2_0000, 4)]).toEqual([1, 2, 3, 0x7b])
    machine.goTo(1500)
    expect(machine.inspect().general.rcx).toBe(0n)
    machine.goTo(2000)
    expect(machine.inspect().general.rcx).toBe(0xffff_ffff_ffff_ffffn)
    machine.goTo(4000)
    expect(machine.digest()).toBe(end)
    machine.goTo(0)
    while (machine.instructions < 4000) machine.run(333 > 4000 - machine.instructions ? 1 : 333)
    expect(machine.digest()).toBe(end)
  })

  test('an edit in the past replaces the future', () => {
    const machine = withInputs()
    machine.goTo(1500)
    machine.writeMemory(0x2_0000, Uint8Array.of(9))
    machine.goTo(4000)
    expect([...machine.readMemory(0x2_0000, 4)]).toEqual([9, 2, 3, 0])
    machine.goTo(500)
    machine.goTo(4000)
    expect([...machine.readMemory(0x2_0000, 4)]).toEqual([9, 2, 3, 0])
  })

  test('edits before the first instruction are part of every way back', () => {
    const machine = machineWith(READER)
    machine.writeRegister('rbx', 5n)
    machine.run(100)
    machine.goTo(0)
    expect(machine.inspect().general.rbx).toBe(5n)
  })

  test('an edit of the code takes effect', () => {
    const machine = machineWith('again: inc eax\njmp again')
    machine.run(1000)
    // DEC EAX
    machine.writeMemory(0x1_0000, Uint8Array.of(0xff, 0xc8))
    machine.run(1000)
    expect(machine.inspect().general.rax).toBe(0n)
    machine.goTo(500)
    expect(machine.inspect().general.rax).toBe(250n)
    machine.goTo(1500)
    expect(machine.inspect().general.rax).toBe(250n)
  })

  test('rflags and rip can be edited; bits that do not exist stay as they are', () => {
    const machine = machineWith('nop')
    machine.writeRegister('rflags', 0xffff_ffff_0000_0041n)
    machine.writeRegister('rip', 0x1_2345n)
    expect(machine.inspect()).toMatchObject({ rflags: 0x43, rip: 0x1_2345n })
  })

  test('an edit beyond RAM is refused and leaves no trace', () => {
    const machine = machineWith('nop')
    machine.run(1)
    const before = machine.digest()
    expect(() => {
      machine.writeMemory(0xf_ffff, Uint8Array.of(1, 2))
    }).toThrow(/do not fit/)
    machine.goTo(0)
    machine.goTo(1)
    expect(machine.digest()).toBe(before)
  })
})
