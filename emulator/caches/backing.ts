/** Memory and devices behind the caches, in pieces of at most a line. */
import type { Size } from '../isa/instruction.ts'
import type { PhysicalMemory } from '../state/memory.ts'

/** Bytes in a cache line and in a write-combining buffer. */
export const LINE_BYTES = 64

export function lineOf(address: number): number {
  return address - (address % LINE_BYTES)
}

/** The value of `size` little-endian bytes at `at`. */
export function valueOf(bytes: Uint8Array, at: number, size: number): bigint {
  let value = 0n
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i])
  return value
}

/** The low `size` bytes of a value, little-endian. */
export function bytesOf(value: bigint, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn))
}

/** The widest naturally aligned access at `address` that takes no more than `bytes`. */
function widest(address: number, bytes: number): Size {
  for (const size of [8, 4, 2] as const) if (bytes >= size && address % size === 0) return size
  return 1
}

/** Reads `length` bytes; from a device in naturally aligned pieces. */
export function readBytes(memory: PhysicalMemory, address: number, length: number): Uint8Array {
  if (memory.isRam(address)) return memory.dump(address, length)
  const bytes = new Uint8Array(length)
  for (let done = 0; done < length;) {
    const size = widest(address + done, length - done)
    bytes.set(bytesOf(memory.read(address + done, size), size), done)
    done += size
  }
  return bytes
}

/** Writes bytes; to a device in naturally aligned pieces. */
export function writeBytes(memory: PhysicalMemory, address: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) {
    const size = widest(address + done, bytes.length - done)
    memory.write(address + done, size, valueOf(bytes, done, size))
    done += size
  }
}
