/**
 * The jump cache: where compiled code for a rIP is, without leaving WebAssembly. Each fast-tag context has one in the vCPU
 * block, direct-mapped by the low bits of rIP; paging drops it together with the context (paging/contexts.ts).
 *
 *   +0   u64  rIP
 *   +8   u32  15:0 slot of the region in the table, 30:16 entry number
 *   +12  u32  mode bits that the region was compiled for, MODE.flat among them; 0 in an empty entry
 */
import { jumpCacheOffset, noteFilled } from '../../paging/contexts.ts'
import { OFFSET } from '../../state/layout.ts'
import { FAST_TAG_CONTEXTS, JUMP_CACHE_BYTES, JUMP_CACHE_OFFSET } from '../../state/memory-map.ts'
import type { Vcpu } from '../../state/vcpu.ts'

export const JUMP = { rip: 0, target: 8, mode: 12 } as const

export const JUMP_CACHE_CONTEXT_BYTES = JUMP_CACHE_BYTES / FAST_TAG_CONTEXTS

/** An entry lies at (rIP << 4) & mask from the context's start. */
export const JUMP_INDEX_SHIFT = 4
export const JUMP_INDEX_MASK = JUMP_CACHE_CONTEXT_BYTES - 16

export const PACKED_SLOT = 0xffff
export const PACKED_ENTRY_SHIFT = 16

/** The word at +8 of an entry. */
export function packEntry(slot: number, entry: number): number {
  return slot | (entry << PACKED_ENTRY_SHIFT)
}

const RIP = OFFSET.rip >> 2

/** Word index of the entry for a rIP with these low bits. */
function jumpEntry(state: Vcpu, low: number): number {
  return (jumpCacheOffset(state.fastTagContext) + ((low << JUMP_INDEX_SHIFT) & JUMP_INDEX_MASK)) >> 2
}

/** Makes the jumps of the current context to the current rIP lead to an entry of a region. */
export function rememberJump(state: Vcpu, mode: number, slot: number, entry: number): void {
  const words = state.words
  const low = words[RIP]
  const at = jumpEntry(state, low)
  if (words[at + 3] === 0) noteFilled(state, at)
  words[at] = low
  words[at + 1] = words[RIP + 1]
  words[at + 2] = packEntry(slot, entry)
  words[at + 3] = mode
}

/** Where the current rIP leads to in flat code, as rememberJump() packed it, or -1. */
export function recallJump(state: Vcpu, mode: number): number {
  const words = state.words
  const low = words[RIP]
  const at = jumpEntry(state, low)
  if (words[at] !== low || words[at + 1] !== words[RIP + 1] || words[at + 3] !== mode) return -1
  return words[at + 2]
}

/** Forgets all jumps of a vCPU. */
export function forgetJumps(state: Vcpu): void {
  const start = JUMP_CACHE_OFFSET >> 2
  state.words.fill(0, start, start + (JUMP_CACHE_BYTES >> 2))
}
