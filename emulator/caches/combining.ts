/** The write-combining buffers of one processor (APM vol 2 §7.3.1, §7.5). Nobody looks into them before they are sent. */
import { LINE_BYTES, lineOf } from './backing.ts'

export const COMBINING_BUFFERS = 4

/** Bytes of one line that wait to be sent. */
export interface CombiningBuffer {
  /** Physical address, a multiple of LINE_BYTES. */
  readonly address: number
  /** WC+ : the caches are probed when it is sent. */
  readonly probes: boolean
  readonly data: Uint8Array
  /** 1 = the byte was written. */
  readonly valid: Uint8Array
}

/** Adjacent bytes that leave a buffer in one transaction. */
export interface Piece {
  readonly address: number
  readonly data: Uint8Array
}

export function newBuffer(address: number, probes: boolean): CombiningBuffer {
  return {
    address: lineOf(address),
    probes,
    data: new Uint8Array(LINE_BYTES),
    valid: new Uint8Array(LINE_BYTES),
  }
}

/** Puts bytes of the buffer's line into it. */
export function combine(buffer: CombiningBuffer, address: number, bytes: Uint8Array): void {
  const at = address - buffer.address
  buffer.data.set(bytes, at)
  buffer.valid.fill(1, at, at + bytes.length)
}

export function isFull(buffer: CombiningBuffer): boolean {
  return !buffer.valid.includes(0)
}

/** What is sent: a full buffer as one line, others as runs of adjacent bytes within each quadword. */
export function pieces(buffer: CombiningBuffer): Piece[] {
  if (isFull(buffer)) return [{ address: buffer.address, data: buffer.data }]
  const found: Piece[] = []
  for (let from = 0; from < LINE_BYTES;) {
    let to = from
    const quadwordEnd = from - (from % 8) + 8
    while (to < quadwordEnd && buffer.valid[to]) to++
    if (to > from) found.push({ address: buffer.address + from, data: buffer.data.slice(from, to) })
    from = Math.max(to, from + 1)
  }
  return found
}
