import { beforeEach, describe, expect, it } from 'vitest'
import { MEMORY_TYPES, type EffectiveType } from '../paging/memory-types.ts'
import { PhysicalMemory } from '../state/memory.ts'
import { CacheModel } from './caches.ts'
import { CACHE_SETS, CACHE_WAYS } from './lines.ts'

const DEVICE = 0x1000_0000

let memory: PhysicalMemory
let caches: CacheModel
/** What crossed the bus since the last look: "agent kind cause address bytes". */
let bus: string[]
/** What the device's registers hold: the number of accesses that reached it. */
let deviceAccesses: number

beforeEach(() => {
  memory = new PhysicalMemory(0x10_0000, 1)
  bus = []
  deviceAccesses = 0
  memory.addRegion({
    base: DEVICE,
    bytes: 0x1000,
    read: () => BigInt(++deviceAccesses),
    write() {
      deviceAccesses++
    },
  })
  caches = new CacheModel(memory, 2, (agent, kind, cause, address, data) =>
    bus.push(`${agent} ${kind} ${cause} ${address.toString(16)} ${data.length}`),
  )
})

const code = (type: EffectiveType): number => MEMORY_TYPES.indexOf(type)
const read = (address: number, type: EffectiveType, size: 1 | 2 | 4 | 8 = 4): bigint =>
  caches.read(0, address, size, code(type))
const write = (address: number, value: bigint, type: EffectiveType, size: 1 | 2 | 4 | 8 = 4): void =>
  caches.write(0, address, size, value, code(type))

/** What happened on the bus meanwhile. */
function traffic(action: () => void): string[] {
  bus = []
  action()
  return bus
}

describe('write-back memory', () => {
  it('is read a line at a time, and once', () => {
    memory.write(0x1008, 4, 0x1234n)
    expect(traffic(() => expect(read(0x1008, 'WB')).toBe(0x1234n))).toEqual(['0 line-fill access 1000 64'])
    expect(traffic(() => read(0x103c, 'WB'))).toEqual([])
  })

  it('keeps a store in the cache until the line goes', () => {
    expect(traffic(() => write(0x1000, 7n, 'WB'))).toEqual(['0 line-fill access 1000 64'])
    expect(caches.masterRead(0x1000, 1, false)).toEqual(Uint8Array.of(0))
    expect(traffic(() => caches.writeBackAll(0, false))).toEqual(['0 write-back flush 1000 64'])
    expect(caches.masterRead(0x1000, 1, false)).toEqual(Uint8Array.of(7))
  })

  it('replaces the line of a full set that was filled first', () => {
    const step = CACHE_SETS * 64
    write(0, 1n, 'WB')
    for (let way = 1; way < CACHE_WAYS; way++) read(way * step, 'WB')
    read(0, 'WB')
    expect(traffic(() => read(CACHE_WAYS * step, 'WB'))).toEqual([
      '0 write-back replaced 0 64',
      `0 line-fill access ${(CACHE_WAYS * step).toString(16)} 64`,
    ])
  })

  it('takes an access that crosses a line as two', () => {
    expect(traffic(() => write(0x103e, 0x11223344n, 'WB'))).toHaveLength(2)
    expect(read(0x103e, 'WB')).toBe(0x11223344n)
    expect(read(0x1040, 'WB', 2)).toBe(0x1122n)
  })

  it('loses what INVD throws away', () => {
    write(0x1000, 7n, 'WB')
    caches.discardAll()
    expect(read(0x1000, 'WB')).toBe(0n)
  })
})

describe('uncached memory', () => {
  it('sends each access to the bus as it is', () => {
    expect(traffic(() => (write(0x1001, 7n, 'UC', 1), read(0x1002, 'UC', 2)))).toEqual([
      '0 write access 1001 1',
      '0 read access 1002 2',
    ])
  })

  it('does not see a dirty line, being UC', () => {
    write(0x1000, 7n, 'WB')
    expect(read(0x1000, 'UC')).toBe(0n)
    expect(read(0x1000, 'WB')).toBe(7n)
  })

  it('leaves a stale line behind when it writes as UC', () => {
    read(0x1000, 'WB')
    write(0x1000, 9n, 'UC')
    expect(read(0x1000, 'WB')).toBe(0n)
    caches.flushLine(0, 0x1000, true)
    expect(read(0x1000, 'WB')).toBe(9n)
  })

  it('writes a dirty line back and invalidates it first, being CD', () => {
    write(0x1000, 7n, 'WB')
    expect(traffic(() => expect(read(0x1000, 'CD')).toBe(7n))).toEqual([
      '0 write-back probe 1000 64',
      '0 read access 1000 4',
    ])
    expect(traffic(() => read(0x1000, 'WB'))).toHaveLength(1)
  })
})

describe('write-through and write-protected memory', () => {
  it('writes memory and the line at once, being WT', () => {
    read(0x1000, 'WT')
    expect(traffic(() => write(0x1000, 7n, 'WT'))).toEqual(['0 write access 1000 4'])
    expect(traffic(() => expect(read(0x1000, 'WT')).toBe(7n))).toEqual([])
    expect(caches.masterRead(0x1000, 1, false)).toEqual(Uint8Array.of(7))
  })

  it('does not fill a line for a store, being WT', () => {
    write(0x1000, 7n, 'WT')
    expect(traffic(() => read(0x1000, 'WT'))).toEqual(['0 line-fill access 1000 64'])
  })

  it('invalidates the line at a store, being WP', () => {
    read(0x1000, 'WP')
    write(0x1000, 7n, 'WP')
    expect(traffic(() => expect(read(0x1000, 'WP')).toBe(7n))).toEqual(['0 line-fill access 1000 64'])
  })
})

describe('write combining', () => {
  it('sends 64 bytes as one transaction when the last of them is written', () => {
    const sent = traffic(() => {
      for (let i = 15; i >= 0; i--) write(0x1000 + i * 4, BigInt(i), 'WC')
    })
    expect(sent).toEqual(['0 combined-write full 1000 64'])
    expect(read(0x1004, 'WC')).toBe(1n)
  })

  it('sends a part of a line in runs within quadwords at a fence', () => {
    write(0x1000, 1n, 'WC', 2)
    write(0x1002, 2n, 'WC', 1)
    write(0x1005, 3n, 'WC', 1)
    write(0x1008, 4n, 'WC', 8)
    expect(traffic(() => caches.completeWrites(0, 'fence'))).toEqual([
      '0 combined-write fence 1000 3',
      '0 combined-write fence 1005 1',
      '0 combined-write fence 1008 8',
    ])
  })

  it('sends the oldest buffer when a fifth line is begun', () => {
    for (let line = 0; line < 4; line++) write(0x1000 + line * 64, 1n, 'WC')
    expect(traffic(() => write(0x2000, 1n, 'WC'))).toEqual(['0 combined-write replaced 1000 4'])
  })

  it('is completed by a read of the same line, and of others by an uncacheable one', () => {
    write(0x1000, 1n, 'WC')
    write(0x1040, 2n, 'WC')
    expect(traffic(() => expect(read(0x1000, 'WC')).toBe(1n))).toEqual([
      '0 combined-write uncached-read 1000 4',
      '0 read access 1000 4',
    ])
    expect(traffic(() => read(0x3000, 'UC'))).toContain('0 combined-write uncached-read 1040 4')
  })

  it('is not seen by another processor before it is sent', () => {
    write(0x1000, 1n, 'WC')
    expect(caches.read(1, 0x1000, 4, code('WC'))).toBe(0n)
    caches.completeWrites(0, 'fence')
    expect(caches.read(1, 0x1000, 4, code('WC'))).toBe(1n)
  })

  it('leaves a cached line stale as WC, and invalidates it as WC+', () => {
    read(0x1000, 'WB')
    write(0x1000, 1n, 'WC')
    caches.completeWrites(0, 'fence')
    expect(read(0x1000, 'WB')).toBe(0n)
    write(0x1000, 2n, 'WC+')
    caches.completeWrites(0, 'fence')
    expect(read(0x1000, 'WB')).toBe(2n)
  })
})

describe('a bus master', () => {
  it('reads the dirty line when it snoops, and memory when it does not', () => {
    write(0x1000, 7n, 'WB')
    expect(caches.masterRead(0x1000, 1, false)).toEqual(Uint8Array.of(0))
    expect(caches.masterRead(0x1000, 1, true)).toEqual(Uint8Array.of(7))
  })

  it('leaves a stale line behind when it writes without snooping', () => {
    read(0x1000, 'WB')
    caches.masterWrite(0x1000, Uint8Array.of(9), false)
    expect(read(0x1000, 'WB', 1)).toBe(0n)
    caches.flushLine(0, 0x1000, true)
    expect(read(0x1000, 'WB', 1)).toBe(9n)
  })

  it('invalidates the line when it writes and snoops', () => {
    write(0x1004, 7n, 'WB')
    caches.masterWrite(0x1000, Uint8Array.of(9), true)
    expect(read(0x1000, 'WB', 8)).toBe(0x0000_0007_0000_0009n)
  })

  it('loses its write to a dirty line that is written back later', () => {
    write(0x1004, 7n, 'WB')
    caches.masterWrite(0x1000, Uint8Array.of(9), false)
    caches.flushLine(0, 0x1000, true)
    expect(read(0x1000, 'WB', 1)).toBe(0n)
  })
})

describe('a device register', () => {
  it('is asked each time when uncached, and once when somebody cached it', () => {
    expect([read(DEVICE, 'UC'), read(DEVICE, 'UC')]).toEqual([1n, 2n])
    const first = read(DEVICE, 'WB')
    expect(read(DEVICE, 'WB')).toBe(first)
  })

  it('hears nothing of a store that stays in the cache', () => {
    read(DEVICE, 'WB')
    const before = deviceAccesses
    write(DEVICE, 5n, 'WB')
    expect(deviceAccesses).toBe(before)
    expect(read(DEVICE, 'WB')).toBe(5n)
    caches.flushLine(0, DEVICE, true)
    expect(deviceAccesses).toBe(before + 8)
  })
})
