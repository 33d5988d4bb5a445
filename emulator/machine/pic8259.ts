/**
 * The two 8259A interrupt controllers of a PC, at 20h and A0h. No device raises one of their interrupts, so no request is ever
 * pending or in service: what a program can see is the mask register, and the initialization that clears it.
 *
 *   even port, write   bit 4: ICW1 (3 level-triggered, 1 single, 0 ICW4 follows); else bit 3: OCW3 or OCW2
 *   even port, read    requests, interrupts in service, or the answer to a poll: 0
 *   odd port, write    ICW2, ICW3 (in a pair) and ICW4 when they are due; else OCW1, the mask
 *   odd port, read     the mask
 */
import type { Device } from './device.ts'

const ICW1 = { marker: 1 << 4, single: 1 << 1, needsIcw4: 1 << 0 } as const

export function createPic(name: string, base: number): Device {
  let mask = 0
  /** Initialization words that are still to come at the odd port. */
  let due = 0
  return {
    name,
    base,
    count: 2,
    wide: false,
    read: (offset) => (offset === 1 ? mask : 0),
    write(offset, _size, value) {
      if (offset === 1) {
        if (due > 0) due--
        else mask = value
      } else if (value & ICW1.marker) {
        mask = 0
        due = 1 + (value & ICW1.single ? 0 : 1) + (value & ICW1.needsIcw4 ? 1 : 0)
      }
    },
    reset() {
      mask = 0
      due = 0
    },
    save: () => [mask, due],
    restore(state) {
      const [savedMask, savedDue] = state
      if (!(savedMask <= 0xff && savedDue <= 3))
        throw new RangeError(`no state of an 8259: ${state.join(', ')}`)
      mask = savedMask
      due = savedDue
    },
  }
}
