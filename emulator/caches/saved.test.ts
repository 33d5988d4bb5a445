import { expect, it } from 'vitest'
import { MEMORY_TYPES } from '../paging/memory-types.ts'
import { PhysicalMemory } from '../state/memory.ts'
import { CacheModel } from './caches.ts'
import { restoreCaches, saveCaches } from './saved.ts'

const WB = MEMORY_TYPES.indexOf('WB')
const WC = MEMORY_TYPES.indexOf('WC')

function usedCaches(): CacheModel {
  const caches = new CacheModel(new PhysicalMemory(0x10_0000, 1), 2, () => undefined)
  caches.read(0, 0x1000, 8, WB)
  caches.write(0, 0x2000, 8, 5n, WB)
  caches.write(0, 0x7_0000_0000, 8, 6n, WB)
  caches.masterWrite(0x1000, Uint8Array.of(9), false)
  caches.write(0, 0x3000, 4, 1n, WC)
  caches.write(1, 0x3040, 4, 2n, WC)
  return caches
}

it('restores dirty, stale and device lines and open buffers as they were saved', () => {
  const saved = saveCaches(usedCaches())
  const other = new CacheModel(new PhysicalMemory(0x10_0000, 1), 2, () => undefined)
  restoreCaches(other, saved)
  expect(saveCaches(other)).toEqual(saved)
  expect(other.read(0, 0x7_0000_0000, 8, WB)).toBe(6n)
})

it('refuses a list of another length and stays as it was', () => {
  const caches = usedCaches()
  const saved = saveCaches(caches)
  expect(() => restoreCaches(caches, saved.slice(1))).toThrow(RangeError)
  expect(() => restoreCaches(caches, [...saved, 0])).toThrow('too long')
  expect(saveCaches(caches)).toEqual(saved)
})
