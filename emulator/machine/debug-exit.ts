/**
 * Two ways for a guest to end its run: a write of a code to F4h (what QEMU calls isa-debug-exit) and the text "Shutdown",
 * byte by byte, to 8900h (as Bochs has it), which counts as code 0.
 */
import type { Device } from './device.ts'

const SHUTDOWN = Array.from('Shutdown', (letter) => letter.charCodeAt(0))

export interface DebugExit extends Device {
  /** What the guest wrote, unsigned; undefined while it has not. */
  readonly code: number | undefined
}

/** F4h. `ended` is called when the guest writes. */
export function createDebugExit(ended: () => void): DebugExit {
  let code: number | undefined
  return {
    name: 'debug-exit',
    base: 0xf4,
    count: 4,
    wide: true,
    get code() {
      return code
    },
    read: () => 0,
    write(_offset, _size, value) {
      code = value
      ended()
    },
    reset() {
      code = undefined
    },
    save: () => (code === undefined ? [] : [code]),
    restore(state) {
      code = state[0]
    },
  }
}

/** 8900h. `ended` is called when the text is complete. */
export function createShutdownPort(ended: () => void): Device & { readonly complete: boolean } {
  let matched = 0
  return {
    name: 'shutdown-port',
    base: 0x8900,
    count: 1,
    wide: false,
    get complete() {
      return matched === SHUTDOWN.length
    },
    read: () => 0xff,
    write(_offset, _size, value) {
      if (value === SHUTDOWN[matched]) matched++
      else matched = value === SHUTDOWN[0] ? 1 : 0
      if (matched === SHUTDOWN.length) ended()
    },
    reset() {
      matched = 0
    },
    save: () => [matched],
    restore(state) {
      if (!(state[0] <= SHUTDOWN.length)) throw new RangeError(`no state of the shutdown port: ${state[0]}`)
      matched = state[0]
    },
  }
}
