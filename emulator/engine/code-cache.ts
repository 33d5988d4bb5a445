/**
 * Decoded instructions by the physical page that holds their bytes, so that all vCPUs, address spaces and guests share them.
 * An entry depends on its bytes and the code size alone. The granules of memory that hold decoded bytes are marked
 * (PhysicalMemory.granules), and a write to one of them drops exactly the entries it overlaps: the next instruction executed is
 * always the one that memory holds. Instructions that cross a page are not kept.
 */
import { decode, isDecodeError, type DecodeError } from '../isa/decode.ts'
import type { CodeBits, Instruction } from '../isa/instruction.ts'
import { MAXIMUM_LENGTH } from '../isa/decode.ts'
import type { Semantics } from '../semantics/builder.ts'
import { SEMANTICS } from '../semantics/index.ts'
import type { SystemInstruction } from '../state/cpu.ts'
import { undefinedOpcode } from '../state/faults.ts'
import { granuleMask, type PhysicalMemory } from '../state/memory.ts'
import { CODE_GRANULE, PAGE_SIZE } from '../state/memory-map.ts'

/** A decoded instruction with its meaning: either semantics against the builder, or a system instruction. */
export interface CodeEntry {
  readonly instruction: Instruction
  readonly semantics: Semantics | undefined
  readonly system: SystemInstruction
}

/** What the owner of the cache wants to hear. */
export interface CodeCacheListener {
  /** A page without code gets its first: from now on stores to it must test the granules. */
  firstCode(page: number): void
  /** Entries that overlap these bytes are gone; whatever was made of them must go too. */
  dropped(page: number, offset: number, length: number): void
}

/** Entries by offset in the page, for one code size. */
type PageEntries = (CodeEntry | undefined)[]

/** Pages kept at most; a page costs about 32 KB for each code size used on it. */
const MAXIMUM_PAGES = 512

/** Code sizes as the mode word numbers them (MODE.codeSize). */
const CODE_SIZES: readonly CodeBits[] = [16, 32, 64]

export class CodeCache {
  readonly #memory: PhysicalMemory
  readonly #systemInstructions: ReadonlyMap<string, SystemInstruction>
  readonly #listener: CodeCacheListener
  /** By page number, oldest first. */
  readonly #pages = new Map<number, (PageEntries | undefined)[]>()
  /** The entries used last: key is page number * 4 + code size. */
  #lastKey = -1
  #last: PageEntries = []

  constructor(
    memory: PhysicalMemory,
    systemInstructions: ReadonlyMap<string, SystemInstruction>,
    listener: CodeCacheListener,
  ) {
    this.#memory = memory
    this.#systemInstructions = systemInstructions
    this.#listener = listener
    memory.observer.codeWrite = (page, offset, length) => {
      this.#drop(page, offset, length)
    }
  }

  /**
   * The instruction at a physical address in RAM, decoded for code size 0, 1 or 2 (MODE.codeSize); or why there is none.
   * 'truncated': it goes on in the next page.
   */
  lookup(address: number, codeSize: number): CodeEntry | DecodeError {
    const page = Math.floor(address / PAGE_SIZE)
    const offset = address % PAGE_SIZE
    const key = page * 4 + codeSize
    const entries = key === this.#lastKey ? this.#last : this.#entriesOf(page, codeSize, key)
    return entries[offset] ?? this.#decode(entries, page, offset, codeSize)
  }

  /** A decoded instruction with its meaning; one that the machine does not have raises #UD. */
  entry(instruction: Instruction): CodeEntry {
    return {
      instruction,
      semantics: SEMANTICS.get(instruction.operation),
      system: this.#systemInstructions.get(instruction.operation) ?? undefinedOpcode,
    }
  }

  /** Forgets everything. */
  clear(): void {
    for (const page of this.#pages.keys()) this.#dropPage(page)
  }

  #entriesOf(page: number, codeSize: number, key: number): PageEntries {
    let sizes = this.#pages.get(page)
    if (sizes === undefined) {
      if (this.#pages.size === MAXIMUM_PAGES) this.#dropPage(this.#pages.keys().next().value as number)
      sizes = [undefined, undefined, undefined]
      this.#pages.set(page, sizes)
    }
    const entries = (sizes[codeSize] ??= new Array<CodeEntry | undefined>(PAGE_SIZE).fill(undefined))
    this.#lastKey = key
    this.#last = entries
    return entries
  }

  #decode(entries: PageEntries, page: number, offset: number, codeSize: number): CodeEntry | DecodeError {
    const memory = this.#memory
    const start = memory.ramBase + page * PAGE_SIZE
    const result = decode(memory.bytes, start + offset, start + PAGE_SIZE, CODE_SIZES[codeSize])
    if (isDecodeError(result)) return result
    const entry = this.entry(result)
    entries[offset] = entry
    const marked = memory.granules[page]
    memory.granules[page] = marked | granuleMask(offset, result.length)
    if (marked === 0n) this.#listener.firstCode(page)
    return entry
  }

  #dropPage(page: number): void {
    this.#pages.delete(page)
    this.#memory.granules[page] = 0n
    this.#lastKey = -1
    this.#listener.dropped(page, 0, PAGE_SIZE)
  }

  /** Drops the entries that overlap `length` bytes at `offset`, and unmarks the granules that hold none any more. */
  #drop(page: number, offset: number, length: number): void {
    const sizes = this.#pages.get(page)
    if (sizes === undefined) return
    let first = PAGE_SIZE
    let end = 0
    for (const entries of sizes) {
      if (entries === undefined) continue
      for (let at = Math.max(0, offset - MAXIMUM_LENGTH + 1); at < offset + length; at++) {
        const entry = entries[at]
        if (entry === undefined || at + entry.instruction.length <= offset) continue
        entries[at] = undefined
        first = Math.min(first, at)
        end = Math.max(end, at + entry.instruction.length)
      }
    }
    if (end === 0) return
    for (let at = first - (first % CODE_GRANULE); at < end; at += CODE_GRANULE) {
      if (!holdsCode(sizes, at)) this.#memory.granules[page] &= ~granuleMask(at, 1)
    }
    this.#listener.dropped(page, offset, length)
  }
}

/** True when an entry overlaps the granule that begins at `start`. */
function holdsCode(sizes: readonly (PageEntries | undefined)[], start: number): boolean {
  for (const entries of sizes) {
    if (entries === undefined) continue
    for (let at = Math.max(0, start - MAXIMUM_LENGTH + 1); at < start + CODE_GRANULE; at++) {
      const entry = entries[at]
      if (entry !== undefined && at + entry.instruction.length > start) return true
    }
  }
  return false
}
