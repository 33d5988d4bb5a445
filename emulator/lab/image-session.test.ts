import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { newLabFiles } from './new-lab.ts'
import { ImageSession, type Image } from './image-session.ts'
import { parseLab } from './parse.ts'
import { LabSession } from './session.ts'
import type { Lab } from './schema.ts'

const LAB = parseLab('new', newLabFiles())

function machineOf(changes: Partial<Lab['machine']> = {}): Lab {
  const { lab } = LAB
  if (lab === undefined) throw new Error('the new lab cannot be read')
  return { ...lab, files: [], goals: [], machine: { ...lab.machine, ...changes } }
}

const GUEST = readFileSync(new URL('../../bench/guests/elf/plain64.elf', import.meta.url))
/** mov al, 7; out 0xf4, al */
const END_WITH_7 = Uint8Array.of(0xb0, 7, 0xe6, 0xf4)

function flat(address: number, bytes = END_WITH_7): Image {
  return { kind: 'flat', name: 'end.bin', bytes, address }
}

test('a multiboot kernel begins at its entry and is told its command line', () => {
  const image: Image = { kind: 'multiboot', name: 'k.elf', bytes: GUEST, commandLine: 'k.elf x' }
  const session = new ImageSession(machineOf({ memory: 64 }), image)
  const built = session.build()
  expect(built.diagnostics).toEqual([])
  session.reset(built)
  const { general } = session.machine.inspect()
  expect(general.rax).toBe(0x2badb002n)
  const info = Number(general.rbx)
  const text = new DataView(session.machine.readMemory(info + 16, 4).buffer).getUint32(0, true)
  expect(new TextDecoder().decode(session.machine.readMemory(text, 8))).toBe('k.elf x\0')
})

test('a flat binary begins at its address, in any start state', () => {
  for (const start of ['long', 'protected', 'real'] as const) {
    const session = new ImageSession(machineOf({ start }), flat(0x1_2340))
    session.reset(session.build())
    session.run()
    expect(session.ending).toContain('7')
    expect(session.machine.instructions).toBe(2)
  }
})

test('what cannot be started is a diagnostic with the reason, and never an exception', () => {
  const cases: [Image, Lab, RegExp][] = [
    [{ kind: 'multiboot', name: 'x', bytes: END_WITH_7, commandLine: '' }, machineOf(), /multiboot header/],
    [
      { kind: 'multiboot', name: 'x', bytes: new Uint8Array(0), commandLine: '' },
      machineOf(),
      /multiboot header/,
    ],
    [{ kind: 'multiboot', name: 'x', bytes: GUEST.subarray(0, 5000), commandLine: '' }, machineOf(), /./],
    [flat(0x9000), machineOf(), /below 10000h/],
    [flat(0xff_fffe), machineOf({ memory: 16 }), /do not fit in RAM/],
    [flat(0x10_0000), machineOf({ start: 'real' }), /below 100000h/],
  ]
  for (const [image, lab, reason] of cases) {
    const built = new ImageSession(lab, image).build()
    expect(built.usable).toBe(false)
    expect(built.diagnostics.map(({ message }) => message).join()).toMatch(reason)
  }
})

test('a session goes on from a saved state as the first one does', () => {
  const { lab, solution } = LAB
  const texts = new Map([...LAB.start, ...solution])
  const [first, second] = [new LabSession(lab!), new LabSession(lab!)]
  for (const session of [first, second]) session.reset(session.build(texts))
  first.run(2)
  second.run()
  expect(second.ending).toBeDefined()
  second.restore(first.machine.save())
  expect(second.ending).toBeUndefined()
  expect(second.machine.digest()).toBe(first.machine.digest())
  first.run()
  second.run()
  expect(second.machine.digest()).toBe(first.machine.digest())
})
