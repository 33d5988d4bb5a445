/** The VMCB in physical memory, read and written in words: RAM directly, anything else through the memory port. */
import type { Cpu, VmcbWords } from '../state/cpu.ts'
import type { PhysicalMemory } from '../state/memory.ts'

export class VmcbPage implements VmcbWords {
  readonly #memory: PhysicalMemory
  /** All of the WebAssembly memory. */
  readonly #memoryWords: Uint32Array
  /** What word() looks into: all of the memory, or one image. */
  #words: Uint32Array
  #address = 0
  /** Offset of the page in the WebAssembly memory, -1 when it is not RAM. */
  #ram = -1

  constructor(memory: PhysicalMemory) {
    this.#memory = memory
    this.#memoryWords = new Uint32Array(memory.buffer)
    this.#words = this.#memoryWords
  }

  /** Selects the page at a physical address, a multiple of 4096. */
  at(address: number): this {
    const memory = this.#memory
    // Not a store without need: V8 folds a field that never changes.
    if (this.#words !== this.#memoryWords) this.#words = this.#memoryWords
    this.#address = address
    this.#ram = memory.isRam(address) ? memory.ramBase + address : -1
    return this
  }

  /** Reads come from these 1024 words from now on, until at() selects a page anew. */
  readFrom(image: Uint32Array): void {
    this.#words = image
    this.#ram = 0
  }

  word(offset: number): number {
    if (this.#ram < 0) return this.#memory.read32(this.#address + offset)
    return this.#words[(this.#ram + offset) >>> 2]
  }

  /** Announces that bytes `from` to `to` - 1 are about to be written. Must come before setWord(). */
  beforeWrite(from: number, to: number): void {
    if (this.#ram >= 0) this.#memory.beforeWrite(this.#address + from, to - from)
  }

  setWord(offset: number, value: number): void {
    if (this.#ram < 0) this.#memory.write32(this.#address + offset, value)
    else this.#words[(this.#ram + offset) >>> 2] = value
  }

  /** Copies 64 bits at `offset` to words[at] and words[at + 1]. */
  load(offset: number, words: Uint32Array, at: number): void {
    words[at] = this.word(offset)
    words[at + 1] = this.word(offset + 4)
  }

  /** Copies words[at] and words[at + 1] to the 64 bits at `offset`. */
  store(offset: number, words: Uint32Array, at: number): void {
    this.setWord(offset, words[at])
    this.setWord(offset + 4, words[at + 1])
  }
}

const PAGES = new WeakMap<Cpu, VmcbPage>()

/** The processor's view of the VMCB at a physical address. There is one per processor: it moves. */
export function vmcbPage(cpu: Cpu, address: number): VmcbPage {
  let page = PAGES.get(cpu)
  if (page === undefined) {
    page = new VmcbPage(cpu.memory)
    PAGES.set(cpu, page)
  }
  return page.at(address)
}

/**
 * Registers that are copied as they stand: pairs of a VMCB offset and a word index in the vCPU block, for loadAll() and
 * storeAll().
 */
export function registerPairs(pairs: readonly (readonly [offset: number, word: number])[]): Uint16Array {
  return Uint16Array.from(pairs.flat())
}

export function loadAll(vmcb: VmcbPage, words: Uint32Array, pairs: Uint16Array): void {
  for (let i = 0; i < pairs.length; i += 2) vmcb.load(pairs[i], words, pairs[i + 1])
}

export function storeAll(vmcb: VmcbPage, words: Uint32Array, pairs: Uint16Array): void {
  for (let i = 0; i < pairs.length; i += 2) vmcb.store(pairs[i], words, pairs[i + 1])
}
