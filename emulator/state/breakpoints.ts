/**
 * Breakpoints on data as accesses see them (APM vol 2 §13.1.1, §13.1.3). DR7, for breakpoint n:
 *   19:18 + 4n LEN: 0 one byte, 1 two, 2 eight, 3 four   17:16 + 4n R/W: 0 execute, 1 write, 2 I/O, 3 read or write
 *   2n + 1 G, 2n L
 */
import { OFFSET } from './layout.ts'
import type { Vcpu } from './vcpu.ts'

const DR7_WORD = OFFSET.dr7 >> 2
const DR_WORDS = OFFSET.dr >> 2

/** Values of R/W. */
export const BREAKPOINT = { execute: 0, write: 1, io: 2, readWrite: 3 } as const

const BYTES = [1, 2, 8, 4]

function kind(dr7: number, n: number): number {
  return (dr7 >>> (16 + 4 * n)) & 3
}

/** Whether breakpoint `n` of a DR7 is on and of one of the kinds, given as bits 1 << R/W. */
export function isBreakpoint(dr7: number, n: number, kinds: number): boolean {
  return ((dr7 >>> (2 * n)) & 3) !== 0 && ((kinds >>> kind(dr7, n)) & 1) !== 0
}

const DATA_KINDS = (1 << BREAKPOINT.write) | (1 << BREAKPOINT.readWrite)

/** Whether an enabled breakpoint watches data: MODE.dataBreakpoints. */
export function watchesData(state: Vcpu): boolean {
  const dr7 = state.words[DR7_WORD]
  if ((dr7 & 0xff) === 0) return false
  return [0, 1, 2, 3].some((n) => isBreakpoint(dr7, n, DATA_KINDS))
}

/**
 * Whether one of DR0..DR3 names a byte of the 4 KB page of a linear address, which is why no fast tag is filled for it: accesses
 * take the way on which they are compared. Enabled or not, so that only a write of DR0..DR3 makes filled tags wrong.
 */
export function isWatchedPage({ words }: Vcpu, low: number, high: number): boolean {
  for (let at = DR_WORDS; at < DR_WORDS + 8; at += 2)
    if (((words[at] ^ low) & ~0xfff) === 0 && words[at + 1] === high) return true
  return false
}

/** B3..B0 of DR6 for an access of `size` bytes at a linear address or port: the enabled breakpoints of `kinds` that it touches. */
export function hitBreakpoints(state: Vcpu, address: bigint, size: number, kinds: number): number {
  const dr7 = state.words[DR7_WORD]
  let hits = 0
  for (let n = 0; n < 4; n++) {
    if (!isBreakpoint(dr7, n, kinds)) continue
    const bytes = BigInt(BYTES[(dr7 >>> (18 + 4 * n)) & 3])
    // The low bits that the length makes meaningless are ignored.
    const first = state.dr[n] & ~(bytes - 1n)
    if (address < first + bytes && first < address + BigInt(size)) hits |= 1 << n
  }
  return hits
}
