import { expect, test } from 'vitest'
import { createFwCfg } from './fw-cfg.ts'

function readItem(selector: number, bytes: number): number[] {
  const device = createFwCfg(0x0840_0000, 3)
  device.write(0, 2, selector)
  return Array.from({ length: bytes }, () => device.read(1, 1))
}

test('selector 3 is the size of RAM in eight bytes', () => {
  expect(readItem(3, 8)).toEqual([0, 0, 0x40, 0x08, 0, 0, 0, 0])
})

test('selector 5 is the number of processors in two bytes, and zeros follow', () => {
  expect(readItem(5, 4)).toEqual([3, 0, 0, 0])
})

test('an item that does not exist reads as zeros', () => {
  expect(readItem(0x11, 3)).toEqual([0, 0, 0])
})

test('a selection goes on where it was saved', () => {
  const device = createFwCfg(0x1234_0000, 1)
  device.write(0, 2, 3)
  device.read(1, 1)
  device.read(1, 1)
  const saved = device.save()
  device.reset()
  device.restore(saved)
  expect([device.read(1, 1), device.read(1, 1)]).toEqual([0x34, 0x12])
  expect(() => device.restore([5, 9])).toThrow(RangeError)
})
