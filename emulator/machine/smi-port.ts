/**
 * The ports of a PC chipset through which software asks the SMI handler for a service: a write to B2h raises an SMI, B3h holds a
 * byte beside it. To the processors this is an external SMI, synchronous with the OUT (APM vol 2 §15.22.1).
 */
import type { Device } from './device.ts'

/** `raise` makes the SMI pending. */
export function createSmiPort(raise: () => void): Device {
  let bytes = [0, 0]
  return {
    name: 'smi-port',
    base: 0xb2,
    count: 2,
    wide: false,
    read: (offset) => bytes[offset],
    write(offset, _size, value) {
      bytes[offset] = value
      if (offset === 0) raise()
    },
    reset() {
      bytes = [0, 0]
    },
    save: () => [...bytes],
    restore(state) {
      if (state.length !== 2 || !state.every((byte) => byte >= 0 && byte <= 0xff))
        throw new RangeError(`no state of the SMI port: ${state.join(', ')}`)
      bytes = [...state]
    },
  }
}
