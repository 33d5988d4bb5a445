/**
 * The architectural TLB: 8192 sets of 4 ways in the vCPU block, tagged by ASID and PCID (APM vol 2 §5.5, §15.16).
 * A set replaces its entries in the order they were filled; a hit changes nothing, so both executors leave the same TLB behind.
 *
 * An entry is 10 words:
 *   0..1   linear address of the page
 *   2      15:0 ASID, 27:16 PCID, 31 valid
 *   3      attributes, ENTRY below
 *   4..5   sPA of the page
 *   6..7   gPA of the page (equal to the sPA without nested paging)
 *   8      memory type and what it was derived from (entry-type.ts)
 *   9      the next entry of the list of entries in use, LAST at its end; 0 in an entry that is not in the list
 *
 * The list makes flushes, snapshots and digests cost as much as there is to look at, and not the size of the TLB. Entries that
 * were invalidated one by one stay in it until the next flush. Memory that is zero is an empty TLB.
 */
import type { Cpu } from '../state/cpu.ts'
import { TLB_OFFSET } from '../state/memory-map.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { currentAsid, currentPcid, dropContexts, dropFastPage } from './contexts.ts'
import { readEntryType, type EntryType } from './entry-type.ts'

/** Attribute bits of an entry. */
export const ENTRY = {
  /** Index into PAGE_SHIFT: the smaller of the guest's and the nested page. */
  size: 3,
  user: 1 << 2,
  writable: 1 << 3,
  noExecute: 1 << 4,
  global: 1 << 5,
  /** The guest leaf's D bit was set: stores need no walk. */
  dirty: 1 << 6,
  /** U/S of the nested tables: with the guest mode execute trap, supervisors may not fetch. */
  nestedUser: 1 << 7,
  nestedWritable: 1 << 8,
  nestedNoExecute: 1 << 9,
  /** An instruction was fetched through this entry. */
  fetched: 1 << 10,
  /** Index into PAGE_SHIFT: the guest's page, which INVLPG invalidates as a whole. Bits 12:11. */
  guestSize: 3 << 11,
} as const

/** Lowest bit of ENTRY.guestSize. */
export const GUEST_SIZE_SHIFT = 11

/** log2 of the page sizes that an entry can have: 4 KB, 2 MB, 4 MB, 1 GB. */
export const PAGE_SHIFT = [12, 21, 22, 30] as const

const SETS = 8192
const WAYS = 4
const ENTRY_WORDS = 10
const SET_WORDS = WAYS * ENTRY_WORDS
const VALID = 0x8000_0000
const FIRST = TLB_OFFSET >> 2
/** Two bits per set: the way to replace next. Set n has bits 2(n mod 16) of word n / 16. */
const VICTIMS = FIRST + SETS * SET_WORDS
const VICTIM_WORDS = SETS / 16
/** The first entry of the list of entries in use, as in word 9 of an entry. */
const HEAD = VICTIMS + VICTIM_WORDS
const LINK = 9
const LAST = 1

/** Bit of tlbSizes beside those of the sizes: an entry is smaller than the guest's page that it belongs to. */
const SPLIT = 1 << PAGE_SHIFT.length

/** A translation to be entered. Addresses are of the 4 KB page that was accessed; insert() aligns them to the entry's size. */
export interface Translation {
  readonly attributes: number
  readonly address: number
  readonly guestAddress: number
  /** As typeOfNewEntry() gives it. */
  readonly memoryType: number
}

function setOf(low: number, high: number, shift: number): number {
  return (shift === 30 ? (low >>> 30) | (high << 2) : low >>> shift) & (SETS - 1)
}

/** Word index of the entry that maps a linear address, or -1. */
export function findEntry(state: Vcpu, low: number, high: number): number {
  const words = state.words
  const identity = (VALID | currentAsid(state) | (currentPcid(state) << 16)) >>> 0
  // 4 KB pages, and what else there may be.
  const sizes = state.tlbSizes | 1
  for (let size = 0; size < PAGE_SHIFT.length; size++) {
    if (!(sizes & (1 << size))) continue
    const shift = PAGE_SHIFT[size]
    const page = ((low >>> shift) << shift) >>> 0
    let at = FIRST + setOf(low, high, shift) * SET_WORDS
    for (let way = 0; way < WAYS; way++, at += ENTRY_WORDS) {
      if (words[at] !== page || words[at + 1] !== high || (words[at + 3] & ENTRY.size) !== size) continue
      const tag = words[at + 2]
      // A global page serves every PCID of its ASID.
      if (tag === identity || (words[at + 3] & ENTRY.global && ((tag ^ identity) & 0x8000_ffff) === 0))
        return at
    }
  }
  return -1
}

/** The entry's attributes. `at` as findEntry() returned it. */
export function entryAttributes(state: Vcpu, at: number): number {
  return state.words[at + 3]
}

/** sPA of a linear address through the entry. */
export function entryAddress(state: Vcpu, at: number, low: number): number {
  const shift = PAGE_SHIFT[state.words[at + 3] & ENTRY.size]
  return state.words[at + 5] * 0x1_0000_0000 + state.words[at + 4] + (low & ((1 << shift) - 1))
}

/** The entry's memory type, as typeOfNewEntry() gave it. */
export function entryTypeWord(state: Vcpu, at: number): number {
  return state.words[at + 8]
}

export function markFetched(state: Vcpu, at: number): void {
  state.words[at + 3] |= ENTRY.fetched
}

/**
 * Enters a translation, replacing the one of the same page if there is one, else the oldest of its set. `found`: what
 * findEntry() says of the address.
 */
export function insertEntry(
  cpu: Cpu,
  low: number,
  high: number,
  translation: Translation,
  found = findEntry(cpu.state, low, high),
): number {
  const state = cpu.state
  const words = state.words
  const size = translation.attributes & ENTRY.size
  const shift = PAGE_SHIFT[size]
  const set = setOf(low, high, shift)
  let at = found
  if (at >= 0 && (words[at + 3] & ENTRY.size) !== size) {
    evict(cpu, at)
    at = -1
  }
  if (at < 0) at = FIRST + set * SET_WORDS + nextVictim(words, set) * ENTRY_WORDS
  evict(cpu, at)
  if (words[at + LINK] === 0) {
    words[at + LINK] = words[HEAD] || LAST
    words[HEAD] = at
  }
  const offset = (1 << shift) - 1
  writeAddress(words, at + 4, translation.address - (translation.address & offset))
  writeAddress(words, at + 6, translation.guestAddress - (translation.guestAddress & offset))
  words[at] = ((low >>> shift) << shift) >>> 0
  words[at + 1] = high
  words[at + 2] = (VALID | currentAsid(state) | (currentPcid(state) << 16)) >>> 0
  words[at + 3] = translation.attributes
  words[at + 8] = translation.memoryType
  state.tlbSizes |= 1 << size
  if ((translation.attributes & ENTRY.guestSize) >>> GUEST_SIZE_SHIFT !== size) state.tlbSizes |= SPLIT
  cpu.observer.tlb?.('fill', at)
  return at
}

/** The way of a set to fill now: each in turn. */
function nextVictim(words: Uint32Array, set: number): number {
  const shift = (set % 16) * 2
  const at = VICTIMS + (set >>> 4)
  const way = (words[at] >>> shift) % WAYS
  words[at] ^= (way ^ ((way + 1) % WAYS)) << shift
  return way
}

function writeAddress(words: Uint32Array, at: number, address: number): void {
  words[at] = address >>> 0
  words[at + 1] = Math.floor(address / 0x1_0000_0000)
}

/** Invalidates one entry and everything derived from it. */
function evict(cpu: Cpu, at: number): void {
  const words = cpu.state.words
  const tag = words[at + 2]
  if (!(tag & VALID)) return
  cpu.observer.tlb?.('evict', at)
  words[at + 2] = 0
  const attributes = words[at + 3]
  // Jump caches lead to code without asking the TLB again, and a large page has many fast tags: drop the ASID's contexts whole.
  if (attributes & (ENTRY.fetched | ENTRY.size)) dropContexts(cpu, tag & 0xffff)
  else dropFastPage(cpu, tag & 0xffff, words[at], words[at + 1])
}

function flushWhere({ state: { words } }: Cpu, selects: (tag: number, attributes: number) => boolean): void {
  let kept = LAST
  for (let at = words[HEAD]; at > LAST;) {
    const next = words[at + LINK]
    const tag = words[at + 2]
    if (tag & VALID && !selects(tag, words[at + 3])) {
      words[at + LINK] = kept
      kept = at
    } else {
      words[at + 2] = 0
      words[at + LINK] = 0
    }
    at = next
  }
  words[HEAD] = kept
}

/** Flushes everything of every ASID: TLB_CONTROL 1, MTRR writes, RSM (APM vol 2 §15.16.1). */
export function flushAll(cpu: Cpu): void {
  flushWhere(cpu, () => true)
  cpu.state.tlbSizes = 0
  dropContexts(cpu)
}

/** Flushes all entries of an ASID, global ones too: TLB_CONTROL 3, changes of CR0.PG, CR4.PGE. */
export function flushAsid(cpu: Cpu, asid = currentAsid(cpu.state)): void {
  flushWhere(cpu, (tag) => (tag & 0xffff) === asid)
  dropContexts(cpu, asid)
}

/** Flushes an ASID's entries that are not global, of one PCID if given: MOV CR3, TLB_CONTROL 7. */
export function flushNonGlobal(cpu: Cpu, asid = currentAsid(cpu.state), pcid?: number): void {
  flushWhere(
    cpu,
    (tag, attributes) =>
      (tag & 0xffff) === asid &&
      !(attributes & ENTRY.global) &&
      (pcid === undefined || ((tag >>> 16) & 0xfff) === pcid),
  )
  dropContexts(cpu, asid)
}

/**
 * Flushes the page that holds a linear address, global or not: INVLPG, INVLPGA (APM vol 2 §5.5.3, §15.16.2). Of a guest's large
 * page that smaller nested pages split into several entries, all go.
 */
export function invalidatePage(cpu: Cpu, linear: bigint, asid = currentAsid(cpu.state)): void {
  const { words, tlbSizes } = cpu.state
  const low = Number(linear & 0xffff_ffffn)
  const high = Number((linear >> 32n) & 0xffff_ffffn)
  const evictIfOfPage = (at: number): void => {
    const tag = words[at + 2]
    if (!(tag & VALID) || (tag & 0xffff) !== asid || words[at + 1] !== high) return
    const shift = PAGE_SHIFT[(words[at + 3] & ENTRY.guestSize) >>> GUEST_SIZE_SHIFT]
    if (words[at] >>> shift === low >>> shift) evict(cpu, at)
  }
  if (tlbSizes & SPLIT) {
    for (let at = words[HEAD]; at > LAST; at = words[at + LINK]) evictIfOfPage(at)
    return
  }
  for (const shift of PAGE_SHIFT) {
    const at = FIRST + setOf(low, high, shift) * SET_WORDS
    for (let way = 0; way < WAYS; way++) evictIfOfPage(at + way * ENTRY_WORDS)
  }
}

/** The linear address of an entry's page as the guest maps it, which is the unit of invalidation, and its size. */
function guestPage(words: Uint32Array, at: number): { first: bigint; bytes: bigint } {
  const shift = PAGE_SHIFT[(words[at + 3] & ENTRY.guestSize) >>> GUEST_SIZE_SHIFT]
  return {
    first: (BigInt(words[at + 1]) << 32n) | BigInt(((words[at] >>> shift) << shift) >>> 0),
    bytes: 1n << BigInt(shift),
  }
}

/** Which entries INVLPGB invalidates: undefined is any. */
export interface Invalidation {
  readonly asid: number | undefined
  readonly pcid: number | undefined
  /** Global entries too. */
  readonly global: boolean
  /** The first linear address; `bytes` counts from there. */
  readonly first: bigint | undefined
  readonly bytes: bigint
}

/** Flushes the entries that an INVLPGB selects. */
export function flushMatching(cpu: Cpu, { asid, pcid, global, first, bytes }: Invalidation): void {
  const words = cpu.state.words
  for (let at = words[HEAD]; at > LAST; at = words[at + LINK]) {
    const tag = words[at + 2]
    if (!(tag & VALID) || (asid !== undefined && (tag & 0xffff) !== asid)) continue
    const isGlobal = (words[at + 3] & ENTRY.global) !== 0
    if (isGlobal ? !global : pcid !== undefined && ((tag >>> 16) & 0xfff) !== pcid) continue
    if (first !== undefined) {
      const page = guestPage(words, at)
      if (page.first + page.bytes <= first || page.first >= first + bytes) continue
    }
    evict(cpu, at)
  }
}

/** Flushes the page that holds a linear address in one PCID of the current ASID, unless it is global: INVPCID. */
export function invalidatePcidPage(cpu: Cpu, linear: bigint, pcid: number): void {
  flushMatching(cpu, { asid: currentAsid(cpu.state), pcid, global: false, first: linear, bytes: 1n })
}

/** One TLB entry as the workbench and tests see it. */
export interface TlbEntry {
  readonly asid: number
  readonly pcid: number
  readonly linear: bigint
  readonly bytes: number
  readonly address: number
  readonly guestAddress: number
  /** Bits of ENTRY. */
  readonly attributes: number
  readonly memoryType: EntryType
}

/** The entry at a word index that findEntry() gave. */
export function readEntry({ words }: Vcpu, at: number): TlbEntry {
  const tag = words[at + 2]
  return {
    asid: tag & 0xffff,
    pcid: (tag >>> 16) & 0xfff,
    linear: (BigInt(words[at + 1]) << 32n) | BigInt(words[at]),
    bytes: 2 ** PAGE_SHIFT[words[at + 3] & ENTRY.size],
    address: words[at + 5] * 0x1_0000_0000 + words[at + 4],
    guestAddress: words[at + 7] * 0x1_0000_0000 + words[at + 6],
    attributes: words[at + 3],
    memoryType: readEntryType(words[at + 8]),
  }
}

/** All valid entries, in set order. */
export function tlbEntries(state: Vcpu): TlbEntry[] {
  const words = state.words
  return heldEntries(words)
    .filter((at) => words[at + 2] & VALID)
    .sort((one, other) => one - other)
    .map((at) => readEntry(state, at))
}

/** Word indexes of the entries in use, in the order of their list. */
function heldEntries(words: Uint32Array): number[] {
  const held: number[] = []
  for (let at = words[HEAD]; at > LAST; at = words[at + LINK]) held.push(at)
  return held
}

/**
 * What the TLB holds, for snapshots and digests: VICTIM_WORDS words that say which ways come next, then each entry of the list
 * in its order, with its own word index in place of the link.
 */
export function saveTlb({ words }: Vcpu): Uint32Array<ArrayBuffer> {
  const held = heldEntries(words)
  const saved = new Uint32Array(VICTIM_WORDS + held.length * ENTRY_WORDS)
  saved.set(words.subarray(VICTIMS, HEAD))
  held.forEach((at, n) => {
    const record = VICTIM_WORDS + n * ENTRY_WORDS
    saved.set(words.subarray(at, at + ENTRY_WORDS), record)
    saved[record + LINK] = at
  })
  return saved
}

/** True for what saveTlb() can have given: whole entries, each in a place of its own. */
export function isSavedTlb(saved: Uint32Array): boolean {
  if (saved.length < VICTIM_WORDS || (saved.length - VICTIM_WORDS) % ENTRY_WORDS !== 0) return false
  const places = new Set<number>()
  for (let record = VICTIM_WORDS; record < saved.length; record += ENTRY_WORDS) {
    const at = saved[record + LINK]
    if (at < FIRST || at >= VICTIMS || (at - FIRST) % ENTRY_WORDS !== 0 || places.has(at)) return false
    places.add(at)
  }
  return true
}

/** Puts back what saveTlb() gave. Fast tags must be dropped by the caller. */
export function restoreTlb(state: Vcpu, saved: Uint32Array): void {
  const { words } = state
  emptyTlb(state)
  words.set(saved.subarray(0, VICTIM_WORDS), VICTIMS)
  for (let record = saved.length - ENTRY_WORDS; record >= VICTIM_WORDS; record -= ENTRY_WORDS) {
    const at = saved[record + LINK]
    words.set(saved.subarray(record, record + LINK), at)
    words[at + LINK] = words[HEAD]
    words[HEAD] = at
  }
}

/** Power-on: nothing is held, and nothing tells what was. Fast tags must be dropped by the caller. */
export function emptyTlb({ words }: Vcpu): void {
  for (const at of heldEntries(words)) words.fill(0, at, at + ENTRY_WORDS)
  words.fill(0, VICTIMS, HEAD)
  words[HEAD] = LAST
}
