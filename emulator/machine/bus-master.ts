/**
 * A bus master that copies memory on its own, past the processors and their caches. Registers, 32 bits each:
 *
 *   600h  source       physical address
 *   604h  destination  physical address
 *   608h  bytes        1 to 65,536; more are cut
 *   60Ch  command      0 start, 1 no-snoop: the caches are not asked. Reads as zero: a copy takes no time
 */
import type { CacheModel } from '../caches/caches.ts'
import type { Device } from './device.ts'

const COMMAND = { start: 1, noSnoop: 2 } as const
const MOST_BYTES = 0x1_0000

const REGISTERS = ['source', 'destination', 'bytes'] as const

export function createBusMaster(caches: CacheModel): Device {
  const registers = new Uint32Array(REGISTERS.length)

  function copy(snoop: boolean): void {
    const [source, destination, bytes] = registers
    const length = Math.min(bytes, MOST_BYTES)
    caches.masterWrite(destination, caches.masterRead(source, length, snoop), snoop)
  }

  return {
    name: 'bus-master',
    base: 0x600,
    count: 16,
    wide: true,
    read: (offset, size) => {
      if (size !== 4 || offset % 4 !== 0) return 0
      return registers[offset / 4] ?? 0
    },
    write(offset, size, value) {
      if (size !== 4 || offset % 4 !== 0) return
      if (offset < registers.length * 4) registers[offset / 4] = value
      else if (value & COMMAND.start) copy((value & COMMAND.noSnoop) === 0)
    },
    reset: () => void registers.fill(0),
    save: () => Array.from(registers),
    restore(state) {
      if (state.length !== registers.length)
        throw new RangeError(`a bus master has ${registers.length} registers`)
      registers.set(state)
    },
  }
}
