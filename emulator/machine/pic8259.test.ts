import { expect, test } from 'vitest'
import { machineWith } from './machine.fixture.ts'
import { createPic } from './pic8259.ts'

const COMMAND = 0
const DATA = 1

test('the mask reads back as it was written', () => {
  const pic = createPic('pic', 0x20)
  pic.write(DATA, 1, 0xfb)
  expect(pic.read(DATA, 1)).toBe(0xfb)
})

test.each([
  ['with all four words', 0x11, [0x20, 0x04, 0x01]],
  ['without ICW4', 0x10, [0x20, 0x04]],
  ['alone, without ICW3', 0x13, [0x20, 0x01]],
  ['alone and without ICW4', 0x12, [0x20]],
])('initialization %s clears the mask, and the next write is a mask again', (_, first, words) => {
  const pic = createPic('pic', 0x20)
  pic.write(DATA, 1, 0xff)
  pic.write(COMMAND, 1, first)
  for (const word of words) {
    pic.write(DATA, 1, word)
    expect(pic.read(DATA, 1)).toBe(0)
  }
  pic.write(DATA, 1, 0xaa)
  expect(pic.read(DATA, 1)).toBe(0xaa)
})

test('commands other than ICW1 leave the mask alone; nothing is requested, in service or polled', () => {
  const pic = createPic('pic', 0x20)
  pic.write(DATA, 1, 0x5a)
  for (const command of [0x20, 0x0a, 0x0b, 0x0c]) {
    pic.write(COMMAND, 1, command)
    expect(pic.read(COMMAND, 1)).toBe(0)
  }
  expect(pic.read(DATA, 1)).toBe(0x5a)
})

test('a saved state holds the mask and how far an initialization is', () => {
  const pic = createPic('pic', 0x20)
  pic.write(COMMAND, 1, 0x11)
  pic.write(DATA, 1, 0x20)
  const other = createPic('pic', 0x20)
  other.restore(pic.save())
  other.write(DATA, 1, 0x04)
  other.write(DATA, 1, 0x01)
  other.write(DATA, 1, 0x77)
  expect(other.read(DATA, 1)).toBe(0x77)
  expect(() => other.restore([0x100, 0])).toThrow(RangeError)
  expect(() => other.restore([])).toThrow(RangeError)
})

test('a machine has the pair, each with its own mask', () => {
  const machine = machineWith(`
    mov al, 0FBh
    out 21h, al
    mov al, 0EFh
    out 0A1h, al
    in al, 21h
    mov bl, al
    in al, 0A1h
    mov cl, al
    cli
    hlt`)
  machine.run(100)
  const { general } = machine.inspect()
  expect([general.rbx, general.rcx]).toEqual([0xfbn, 0xefn])
})
