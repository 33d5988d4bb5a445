/**
 * A linear framebuffer on the memory bus: a picture to be written, and a register that must not be cached. What reaches it, and in
 * how many transactions, depends on the memory type of its pages.
 *
 *   E000_0000h   FRAMEBUFFER.width x FRAMEBUFFER.height pixels of 32 bits, row by row
 *   E001_0000h   read-only doubleword: the line that is being drawn, which advances with time
 */
import { bytesOf, valueOf } from '../caches/backing.ts'
import type { MmioRegion } from '../state/memory.ts'
import type { StatefulPart } from './device.ts'

export const FRAMEBUFFER = { base: 0xe000_0000, width: 160, height: 100, lineRegister: 0xe001_0000 } as const

const PICTURE_BYTES = 0x1_0000
const REGISTER_BYTES = 0x1000

/** Units of time for which a line is drawn. */
const LINE_TIME = 64

export interface Framebuffer extends StatefulPart {
  readonly regions: readonly MmioRegion[]
  /** The picture, as the guest wrote it. */
  readonly pixels: Uint32Array
}

/** `time`: the machine's time. */
export function createFramebuffer(time: () => number): Framebuffer {
  // What lies in the window behind the last pixel is memory too.
  const contents = new Uint8Array(PICTURE_BYTES)
  const pixels = new Uint32Array(contents.buffer, 0, FRAMEBUFFER.width * FRAMEBUFFER.height)
  const words = new Uint32Array(contents.buffer)

  const picture: MmioRegion = {
    base: FRAMEBUFFER.base,
    bytes: PICTURE_BYTES,
    read: (offset, size) => valueOf(contents, offset, size),
    write: (offset, size, value) => contents.set(bytesOf(value, size), offset),
  }
  const register: MmioRegion = {
    base: FRAMEBUFFER.lineRegister,
    bytes: REGISTER_BYTES,
    read: (offset) => (offset === 0 ? BigInt(Math.floor(time() / LINE_TIME) % FRAMEBUFFER.height) : 0n),
    write() {
      // Read-only.
    },
  }
  return {
    name: 'framebuffer',
    regions: [picture, register],
    pixels,
    reset: () => void contents.fill(0),
    save: () => Array.from(words),
    restore(state) {
      if (state.length !== words.length) throw new RangeError(`a framebuffer has ${words.length} words`)
      words.set(state)
    },
  }
}
