/**
 * Fast tags: per-page shortcuts for loads and stores, a subset of the architectural TLB at every moment.
 *
 * They come in contexts, one for each combination of (ASID, PCID, paging mode, user or supervisor) that ran lately. A world
 * switch or a change of CPL selects another context and flushes nothing. A context is keyed by two words:
 *
 *   word 0   15:0 ASID, 27:16 PCID, 31 in use
 *   word 1   bits of CONTEXT below: everything besides the tables that decides a permission
 */
import { AC } from '../isa/registers.ts'
import { isWatchedPage } from '../state/breakpoints.ts'
import type { Cpu } from '../state/cpu.ts'
import { OFFSET } from '../state/layout.ts'
import {
  FAST_TAG_CONTEXT_BYTES,
  FAST_TAG_CONTEXTS,
  FAST_TAG_ENTRIES,
  FAST_TAG_ENTRY_BYTES,
  FAST_TAG_OFFSET,
  FETCH_TAG_ENTRIES,
  FETCH_TAG_ENTRY_BYTES,
  FETCH_TAG_OFFSET,
  FILLED_LINES_BYTES,
  FILLED_LINES_OFFSET,
  JUMP_CACHE_BYTES,
  JUMP_CACHE_OFFSET,
  PAGE_SIZE,
} from '../state/memory-map.ts'
import { computeMode, CR0, CR4, EFER, MODE } from '../state/mode.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { NESTED_CONTROL } from './nested-control.ts'

const CONTEXT = { user: 1, nested: 2, alignment: 4, dataBreakpoints: 8, executeTrap: 16 } as const
const IN_USE = 0x8000_0000

const CR0_BITS = Number(CR0.PG | CR0.WP)
const CR4_BITS = Number(CR4.PSE | CR4.PAE | CR4.LA57 | CR4.SMEP | CR4.SMAP)
const EFER_BITS = Number(EFER.LMA | EFER.NXE)
const PCIDE = Number(CR4.PCIDE)

const KEYS = OFFSET.fastTagKeys >> 2
const CONTEXT_WORDS = FAST_TAG_CONTEXT_BYTES >> 2
const ENTRY_WORDS = FAST_TAG_ENTRY_BYTES >> 2
const FETCH_ENTRY_WORDS = FETCH_TAG_ENTRY_BYTES >> 2
const FETCH_WORDS = FETCH_TAG_ENTRIES * FETCH_ENTRY_WORDS
const JUMP_WORDS = JUMP_CACHE_BYTES / FAST_TAG_CONTEXTS / 4

/** Where a context's fast tags, fetch tags and jump cache lie, in words: those of context 0, and their length. */
const CONTEXT_PARTS = [
  [FAST_TAG_OFFSET >> 2, CONTEXT_WORDS],
  [FETCH_TAG_OFFSET >> 2, FETCH_WORDS],
  [JUMP_CACHE_OFFSET >> 2, JUMP_WORDS],
] as const

/**
 * What was filled in a context since it was empty, in lines of 32 bytes, so that a context that is dropped often (MOV to CR3)
 * costs what was used of it and not half a megabyte. The first word counts the lines that follow; once it exceeds MOST_LINES,
 * nobody knows which they are.
 */
const FILLED = FILLED_LINES_OFFSET >> 2
const FILLED_WORDS = FILLED_LINES_BYTES >> 2
const MOST_LINES = FILLED_WORDS - 1
const LINE_WORDS = 8

/** Word offsets in a fast-tag entry (state/memory-map.ts). */
const TAG = { read: 0, write: 2, code: 4, host: 6, granules: 7 } as const

/** The ASID that translations are tagged with now: 0 is the host's. */
export function currentAsid(state: Vcpu): number {
  return state.guestMode ? state.asid : 0
}

/** The process-context identifier: CR3[11:0] when CR4.PCIDE = 1, else 0 (APM vol 2 §5.5.1). */
export function currentPcid(state: Vcpu): number {
  return state.words[OFFSET.cr4 >> 2] & PCIDE ? state.words[OFFSET.cr3 >> 2] & 0xfff : 0
}

/** The registers that decide permissions, folded into one word: they lie at different bit positions but for PG and PCID. */
function permissionWord(state: Vcpu): number {
  const cr0 = state.words[OFFSET.cr0 >> 2] & CR0_BITS
  const cr4 = state.words[OFFSET.cr4 >> 2] & CR4_BITS
  const efer = state.words[OFFSET.efer >> 2] & EFER_BITS
  let word = cr0 ^ (cr4 << 3) ^ (efer << 16)
  if (state.cpl === 3) word |= CONTEXT.user
  if (state.guestMode && state.nestedPaging) word |= CONTEXT.nested
  if (state.nestedPaging & NESTED_CONTROL.executeTrap) word |= CONTEXT.executeTrap
  if (state.flagsOther & AC) word |= CONTEXT.alignment
  if (state.mode & MODE.dataBreakpoints) word |= CONTEXT.dataBreakpoints
  return word >>> 0
}

/** Recomputes the mode word and selects the fast tags that go with it. Call after any change of what they derive from. */
export function modeChanged(cpu: Cpu): void {
  const state = cpu.state
  state.mode = computeMode(state)
  const identity = (currentAsid(state) | (currentPcid(state) << 16) | IN_USE) >>> 0
  const permissions = permissionWord(state)
  const words = state.words
  const current = state.fastTagContext
  if (words[KEYS + current * 2] === identity && words[KEYS + current * 2 + 1] === permissions) {
    state.fastTags = contextAddress(state, current)
    return
  }
  let free = -1
  for (let i = 0; i < FAST_TAG_CONTEXTS; i++) {
    const key = words[KEYS + i * 2]
    if (key === identity && words[KEYS + i * 2 + 1] === permissions) {
      state.fastTagContext = i
      state.fastTags = contextAddress(state, i)
      return
    }
    if (key === 0 && free < 0) free = i
  }
  const chosen = free >= 0 ? free : (current + 1) % FAST_TAG_CONTEXTS
  words[KEYS + chosen * 2] = identity
  words[KEYS + chosen * 2 + 1] = permissions
  clearContext(words, chosen)
  state.fastTagContext = chosen
  state.fastTags = contextAddress(state, chosen)
}

/** Empties the lines that were filled, or everything when they were too many to write down. */
function clearContext(words: Uint32Array, context: number): void {
  const list = FILLED + context * FILLED_WORDS
  const count = words[list]
  if (count > MOST_LINES) {
    for (const [start, length] of CONTEXT_PARTS) {
      const at = start + context * length
      words.fill(0, at, at + length)
    }
  } else {
    for (let i = 1; i <= count; i++) {
      const line = words[list + i]
      for (let word = line; word < line + LINE_WORDS; word++) words[word] = 0
    }
  }
  words[list] = 0
}

/** Writes down that the current context has something in the line with word `at` of the vCPU block. */
export function noteFilled(state: Vcpu, at: number): void {
  const words = state.words
  const list = FILLED + state.fastTagContext * FILLED_WORDS
  const count = words[list]
  if (count > MOST_LINES) return
  words[list] = count + 1
  if (count < MOST_LINES) words[list + 1 + count] = at - (at % LINE_WORDS)
}

function contextAddress(state: Vcpu, context: number): number {
  return state.base + FAST_TAG_OFFSET + context * FAST_TAG_CONTEXT_BYTES
}

/** Offset in the vCPU block of the current context's jump cache. */
export function jumpCacheOffset(context: number): number {
  return JUMP_CACHE_OFFSET + context * JUMP_WORDS * 4
}

/** Forgets the fast tags and jump caches of one ASID, or of all; the current context is replaced by an empty one. */
export function dropContexts(cpu: Cpu, asid?: number): void {
  const words = cpu.state.words
  for (let i = 0; i < FAST_TAG_CONTEXTS; i++) {
    if (asid === undefined || (words[KEYS + i * 2] & 0xffff) === asid) words[KEYS + i * 2] = 0
  }
  modeChanged(cpu)
}

/** Forgets the fast tags of one 4 KB linear page in all contexts of an ASID. */
export function dropFastPage(cpu: Cpu, asid: number, linearLow: number, linearHigh: number): void {
  const words = cpu.state.words
  const tagLow = (linearLow | 0xfff) >>> 0
  const slot = ((linearLow >>> 12) & (FAST_TAG_ENTRIES - 1)) * ENTRY_WORDS
  for (let i = 0; i < FAST_TAG_CONTEXTS; i++) {
    const key = words[KEYS + i * 2]
    if (key === 0 || (key & 0xffff) !== asid) continue
    const at = (FAST_TAG_OFFSET >> 2) + i * CONTEXT_WORDS + slot
    // All three tags name the same page when valid.
    for (let tag = TAG.read; tag <= TAG.code; tag += 2) {
      if (words[at + tag] === tagLow && words[at + tag + 1] === linearHigh) invalidate(words, at + tag)
    }
  }
}

/** The low word of a tag decides: that of a valid one is never 0. */
function isInvalid(words: Uint32Array, at: number): boolean {
  return words[at] === 0
}

function invalidate(words: Uint32Array, at: number): void {
  words[at] = 0
}

/** Forgets every fast tag that allows a store: to RAM page `page`, or to any page. Loads stay fast. */
export function dropFastWrites(cpu: Cpu, page?: number): void {
  const words = cpu.state.words
  const host = page === undefined ? 0 : cpu.memory.ramBase + page * PAGE_SIZE
  const drop = (at: number): void => {
    if (page !== undefined && words[at + TAG.host] !== host) return
    invalidate(words, at + TAG.write)
    invalidate(words, at + TAG.code)
  }
  for (let i = 0; i < FAST_TAG_CONTEXTS; i++) {
    if (words[KEYS + i * 2] === 0) continue
    const start = (FAST_TAG_OFFSET >> 2) + i * CONTEXT_WORDS
    const list = FILLED + i * FILLED_WORDS
    const count = words[list]
    if (count > MOST_LINES) {
      for (let at = start; at < start + CONTEXT_WORDS; at += ENTRY_WORDS) drop(at)
    } else {
      // Of what was filled, the fast tags: each is a line of its own.
      for (let n = 1; n <= count; n++) if (words[list + n] >= start) drop(words[list + n])
    }
  }
}

/** The sPA behind a filled fast tag of the current context, or -1. `low` and `high` are the halves of the linear address. */
export function fastLookup(cpu: Cpu, low: number, high: number, write: boolean): number {
  const words = cpu.state.words
  const at = fastSlot(cpu.state, low)
  const tagLow = (low | 0xfff) >>> 0
  if (write) {
    const plain = words[at + TAG.write] === tagLow && words[at + TAG.write + 1] === high
    if (!plain && !(words[at + TAG.code] === tagLow && words[at + TAG.code + 1] === high)) return -1
  } else if (words[at + TAG.read] !== tagLow || words[at + TAG.read + 1] !== high) return -1
  return words[at + TAG.host] - cpu.memory.ramBase + (low & 0xfff)
}

function fastSlot(state: Vcpu, low: number): number {
  return (
    (FAST_TAG_OFFSET >> 2) +
    state.fastTagContext * CONTEXT_WORDS +
    ((low >>> 12) & (FAST_TAG_ENTRIES - 1)) * ENTRY_WORDS
  )
}

/**
 * Fills the current context's fast tag for a RAM page. `write`: stores are allowed too. Stores stay slow for a page that
 * memory wants to hear the first write of, and go through the code tag where translated code lies; nothing is fast on a page
 * where data breakpoints look, or while somebody wants to hear of every hit in the TLB.
 */
export function fillFastTag(cpu: Cpu, low: number, high: number, address: number, write: boolean): void {
  const memory = cpu.memory
  const page = Math.floor(address / PAGE_SIZE)
  if (cpu.observer.tlb !== undefined || !memory.isRamPage(page)) return
  if (cpu.state.mode & MODE.dataBreakpoints && isWatchedPage(cpu.state, low, high)) return
  const words = cpu.state.words
  const at = fastSlot(cpu.state, low)
  const tagLow = (low | 0xfff) >>> 0
  const set = (tag: number, valid: boolean): void => {
    words[at + tag] = valid ? tagLow : 0
    words[at + tag + 1] = high
  }
  if (isInvalid(words, at + TAG.read)) noteFilled(cpu.state, at)
  const writable = write && memory.isWritten(page)
  const hasCode = memory.granules[page] !== 0n
  set(TAG.read, true)
  set(TAG.write, writable && !hasCode)
  set(TAG.code, writable && hasCode)
  words[at + TAG.host] = memory.ramBase + page * PAGE_SIZE
  words[at + TAG.granules] = memory.granuleBase + page * 8
}

/**
 * The sPA behind a fetch tag of the current context, or -1. Like the jump caches, fetch tags lead to code without asking the
 * TLB, whose entries for them are marked as fetched and take their contexts along when they go.
 */
export function fetchLookup(state: Vcpu, low: number, high: number): number {
  const words = state.words
  const at = fetchSlot(state, low)
  if (words[at] !== (low | 0xfff) >>> 0 || words[at + 1] !== high) return -1
  return words[at + 2] * PAGE_SIZE + (low & 0xfff)
}

/** Fills the current context's fetch tag for a RAM page. */
export function fillFetchTag(cpu: Cpu, low: number, high: number, address: number): void {
  const page = Math.floor(address / PAGE_SIZE)
  if (cpu.observer.tlb !== undefined || !cpu.memory.isRamPage(page)) return
  const words = cpu.state.words
  const at = fetchSlot(cpu.state, low)
  if (isInvalid(words, at)) noteFilled(cpu.state, at)
  words[at] = (low | 0xfff) >>> 0
  words[at + 1] = high
  words[at + 2] = page
  words[at + 3] = 0
}

function fetchSlot(state: Vcpu, low: number): number {
  return (
    (FETCH_TAG_OFFSET >> 2) +
    state.fastTagContext * FETCH_WORDS +
    ((low >>> 12) & (FETCH_TAG_ENTRIES - 1)) * FETCH_ENTRY_WORDS
  )
}

/** True when accesses of the current mode are user accesses: what the current context's tags are filled for. */
export function contextIsUser(state: Vcpu): boolean {
  return (state.mode & MODE.user) !== 0
}
