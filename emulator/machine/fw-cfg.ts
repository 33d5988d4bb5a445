/**
 * QEMU's firmware configuration as its specification (docs/specs/fw_cfg) has it, without signature, DMA and files: a 16-bit
 * selector at 510h names an item, and reads of 511h give its bytes one after another, then zeros.
 */
import type { Device } from './device.ts'

/** Items by selector: what the machine has, little-endian. */
const ITEM = { ramBytes: 3, processors: 5 } as const

/** `value` as `bytes` little-endian bytes. */
function littleEndian(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** i) % 256)
}

export function createFwCfg(ramBytes: number, processors: number): Device {
  const items: ReadonlyMap<number, readonly number[]> = new Map([
    [ITEM.ramBytes, littleEndian(ramBytes, 8)],
    [ITEM.processors, littleEndian(processors, 2)],
  ])
  let selected = 0
  /** Bytes of the item that were read, as far as it goes. */
  let position = 0

  return {
    name: 'fw-cfg',
    base: 0x510,
    count: 2,
    wide: true,
    read(offset, size) {
      if (offset !== 1 || size !== 1) return 0
      const item = items.get(selected)
      return item !== undefined && position < item.length ? item[position++] : 0
    },
    write(offset, size, value) {
      if (offset !== 0 || size !== 2) return
      selected = value
      position = 0
    },
    reset() {
      selected = 0
      position = 0
    },
    save: () => [selected, position],
    restore([savedSelector, savedPosition]) {
      if (!(savedSelector <= 0xffff && savedPosition <= 8))
        throw new RangeError(`no state of the firmware configuration: ${savedSelector}, ${savedPosition}`)
      selected = savedSelector
      position = savedPosition
    },
  }
}
