/**
 * A 16550 UART at 3F8h with its programming interface as the National Semiconductor PC16550D data sheet gives it. It is a
 * polled console: transmission takes no time, the receive queue is longer than the real 16 bytes, and no interrupt is wired.
 */
import type { Device } from './device.ts'

const BASE = 0x3f8

/** Bytes that wait to be read by the guest, at most. */
const RECEIVE_LIMIT = 0x1_0000

/** Line control. DLAB turns registers 0 and 1 into the divisor latch. */
const LCR_DLAB = 0x80
const MCR_LOOPBACK = 0x10
const LSR_DATA_READY = 0x01
/** Transmitter holding register and shift register empty. */
const LSR_TRANSMITTER_EMPTY = 0x60
const IIR_NONE_PENDING = 0x01
const IIR_FIFOS_ENABLED = 0xc0
const FCR_ENABLE = 0x01
const FCR_CLEAR_RECEIVER = 0x02
/** Carrier detect, data set ready and clear to send: somebody is listening. */
const MSR_CONNECTED = 0xb0

/** The modem outputs DTR, RTS, OUT1, OUT2 (MCR 0..3) appear as DSR, CTS, RI, DCD (MSR 5, 4, 6, 7) in loopback mode. */
function loopedModemStatus(mcr: number): number {
  return ((mcr & 1) << 5) | ((mcr & 2) << 3) | ((mcr & 4) << 4) | ((mcr & 8) << 4)
}

export interface Uart extends Device {
  /** Bytes from the outside for the guest to read. Returns how many found room. */
  receive(bytes: Uint8Array): number
}

/** `transmit` gets each byte the guest sends. */
export function createUart(transmit: (byte: number) => void): Uart {
  let interruptEnable = 0
  let fifoControl = 0
  let lineControl = 0
  let modemControl = 0
  let scratch = 0
  let divisor = 0
  let queue: number[] = []

  function send(byte: number): void {
    if (!(modemControl & MCR_LOOPBACK)) transmit(byte)
    else if (queue.length < RECEIVE_LIMIT) queue.push(byte)
  }

  return {
    name: 'uart16550',
    base: BASE,
    count: 8,
    wide: false,

    read(register) {
      const latch = lineControl & LCR_DLAB
      switch (register) {
        case 0:
          return latch ? divisor & 0xff : (queue.shift() ?? 0)
        case 1:
          return latch ? divisor >> 8 : interruptEnable
        case 2:
          return IIR_NONE_PENDING | (fifoControl & FCR_ENABLE ? IIR_FIFOS_ENABLED : 0)
        case 3:
          return lineControl
        case 4:
          return modemControl
        case 5:
          return LSR_TRANSMITTER_EMPTY | (queue.length > 0 ? LSR_DATA_READY : 0)
        case 6:
          return modemControl & MCR_LOOPBACK ? loopedModemStatus(modemControl) : MSR_CONNECTED
        default:
          return scratch
      }
    },

    write(register, _size, value) {
      const latch = lineControl & LCR_DLAB
      switch (register) {
        case 0:
          if (latch) divisor = (divisor & 0xff00) | value
          else send(value)
          break
        case 1:
          if (latch) divisor = (divisor & 0xff) | (value << 8)
          else interruptEnable = value & 0x0f
          break
        case 2:
          fifoControl = value & FCR_ENABLE
          if (value & FCR_CLEAR_RECEIVER) queue = []
          break
        case 3:
          lineControl = value
          break
        case 4:
          modemControl = value & 0x1f
          break
        case 7:
          scratch = value
          break
      }
    },

    receive(bytes) {
      const room = Math.min(bytes.length, RECEIVE_LIMIT - queue.length)
      for (const byte of bytes.subarray(0, room)) queue.push(byte)
      return room
    },

    reset() {
      interruptEnable = fifoControl = lineControl = modemControl = scratch = divisor = 0
      queue = []
    },

    save: () => [interruptEnable, fifoControl, lineControl, modemControl, scratch, divisor, ...queue],

    restore(state) {
      if (state.length < 6) throw new RangeError('the state of a UART has at least 6 numbers')
      ;[interruptEnable, fifoControl, lineControl, modemControl, scratch, divisor] = state
      queue = state.slice(6)
    },
  }
}
