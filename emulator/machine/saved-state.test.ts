import { describe, expect, test } from 'vitest'
import { Machine } from './machine.ts'
import { machineWith } from './machine.fixture.ts'
import { SavedStateError } from './saved-state.ts'

const PROGRAM = `
    mov rsp, 0a000h
    mov dx, 3ffh
  again:
    inc eax
    out dx, al
    push rax
    add [20000h], rax
    pop rbx
    jmp again
`

function running(): Machine {
  const machine = machineWith(PROGRAM)
  machine.sendSerial(Uint8Array.of(1, 2, 3))
  machine.run(1000)
  return machine
}

test('a state can be loaded into another machine, which goes on like the first', () => {
  const first = running()
  const second = machineWith('hlt')
  second.run(10)
  second.restore(first.save())
  expect(second.digest()).toBe(first.digest())
  first.run(777)
  second.run(777)
  expect(second.digest()).toBe(first.digest())
})

test('there is no way back from a loaded state before anything has run', () => {
  const machine = machineWith('hlt')
  machine.restore(running().save())
  expect(machine.goTo(0)).toBe(1000)
  expect(machine.digest()).toBe(running().digest())
})

test('there is no way back beyond a loaded state', () => {
  const machine = machineWith('hlt')
  machine.restore(running().save())
  machine.run(100)
  expect(machine.goTo(0)).toBe(1000)
})

describe('a state that was tampered with is refused, and the machine stays as it is', () => {
  const good = running().save()

  function refuse(bytes: Uint8Array, rule: RegExp): void {
    const machine = running()
    machine.run(5)
    const before = machine.digest()
    expect(() => {
      machine.restore(bytes)
    }).toThrow(SavedStateError)
    expect(() => {
      machine.restore(bytes)
    }).toThrow(rule)
    expect(machine.digest()).toBe(before)
  }

  test('no bytes at all', () => refuse(new Uint8Array(0), /does not begin with "WSWS"/))
  test('something else', () => refuse(new TextEncoder().encode('{"hello": 1}'), /does not begin/))
  test('only a beginning', () => refuse(good.subarray(0, 100), /fewer than/))
  test('the end is missing', () => refuse(good.subarray(0, good.length - 1000), /checksum/))
  test('bytes follow it', () => refuse(Uint8Array.of(...good, 0), /checksum/))

  test.each([16, 100, 0x500, 0x5000, 0x8000])('byte %i is another one', (at) => {
    const bytes = good.slice()
    bytes[at] ^= 0x10
    refuse(bytes, /checksum/)
  })

  test('from another version of the machine', () => {
    const bytes = good.slice()
    bytes[5] ^= 1
    refuse(bytes, /another version/)
  })

  test('for another size of RAM', () => {
    const larger = new Machine({ ramBytes: 0x20_0000 })
    refuse(larger.save(), /512 pages of RAM, this machine has 256/)
  })
})
