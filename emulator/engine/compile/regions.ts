/**
 * Compiled regions by physical page: which code is hot, what is compiled, and what must go when its bytes change. Regions are
 * keyed by page and by the mode bits that code depends on, so aliases, address spaces and guests share them.
 */
import type { PhysicalMemory } from '../../state/memory.ts'
import { PAGE_SIZE } from '../../state/memory-map.ts'
import { MODE } from '../../state/mode.ts'
import type { CodeCache } from '../code-cache.ts'
import { flagsImage, MISS_SIGNATURE, probeStore } from './helpers.ts'
import { packEntry, PACKED_SLOT } from './jump-cache.ts'
import { assembleModule } from './module.ts'
import { planRegion, type Decoded } from './region.ts'
import { generateRegion } from './region-code.ts'
import { stubModule } from './stub.ts'

/** A region function: offset of the vCPU block, entry number -> OUTCOME. */
export type RegionFunction = (vcpu: number, entry: number) => number

/** Linear addresses arrive as signed 64-bit integers; the result is the page's offset in the WebAssembly memory, or 0. */
export type MissFunction = (vcpu: number, linear: bigint, size: number) => number

export interface Region {
  /** Place in the table of regions. */
  readonly slot: number
  readonly code: PageCode
  readonly entries: ReadonlySet<number>
  /** Offsets of the page's instructions that it covers. */
  readonly covers: ReadonlySet<number>
  /** Bytes of code: first offset, and offset after the last. */
  readonly start: number
  readonly end: number
}

/** The mode bits that compiled code depends on. Permissions are the fast tags' matter. */
export const REGION_MODE = MODE.codeSize | MODE.stackSize | MODE.flat

/** What find() returns at a system instruction that is arrived at often. */
export const NEVER_COMPILED = 0xffff_ffff

/** Arrivals at an offset before its page is compiled, or compiled anew with it. */
const HOT = 48
/** Regions kept at most. */
const MAXIMUM_REGIONS = 1024
/** Slots are used once; when the last is, everything compiled is forgotten. */
const TABLE_SLOTS = 0x4000
/** A page whose code changes so often is evaluated for so many arrivals. */
const RESTLESS = 8
const REST = 20_000

/** What is known of a page's code for one mode. */
interface PageCode {
  readonly id: number
  readonly regions: Set<Region>
  /** By offset in the page: where compiled code begins, as in the jump cache, with entry numbers from 1; 0: nowhere. */
  readonly entryAt: Uint32Array
  /** Arrivals by offset, up to `hot`. */
  readonly arrivals: Uint8Array
  changes: number
  /** Arrivals to let pass before the next compilation. */
  rest: number
}

export class Regions {
  readonly #code: CodeCache
  readonly #imports: WebAssembly.Imports
  readonly #table: WebAssembly.Table
  readonly #stub: RegionFunction
  readonly #hot: number
  /** Called when jumps that lead to freed slots must be forgotten. */
  readonly #forgetJumps: () => void
  /** By page number * MODES + mode key. */
  readonly #pages = new Map<number, PageCode>()
  readonly #modesOfPage = new Map<number, Set<number>>()
  /** Live regions, oldest first. */
  readonly #live = new Set<Region>()
  /** By slot, as in the table: calls from JavaScript need not ask it. */
  readonly #functions: RegionFunction[] = []
  #nextSlot = 0
  #lastKey = -1
  #last: PageCode | undefined
  /** Regions compiled so far, and the bytes of WebAssembly and instructions in them. */
  readonly statistics = { built: 0, dropped: 0, bytes: 0, instructions: 0 }

  constructor(
    memory: PhysicalMemory,
    code: CodeCache,
    missLoad: MissFunction,
    missStore: MissFunction,
    forgetJumps: () => void,
    hot = HOT,
  ) {
    this.#code = code
    this.#hot = hot
    this.#forgetJumps = forgetJumps
    this.#table = new WebAssembly.Table({ element: 'anyfunc', initial: TABLE_SLOTS, maximum: TABLE_SLOTS })
    this.#imports = { e: { m: memory.wasm, t: this.#table, missLoad, missStore } }
    this.#stub = instantiate(stubModule(), this.#imports)
  }

  /**
   * Where compiled code begins for a physical address and a mode: the slot in bits 15:0 and the entry number from 1 in the bits
   * above; compiled now if the code has become hot. 0: evaluate. NEVER_COMPILED: evaluate, and see again after the instruction.
   * `arrival` counts towards being hot.
   */
  find(address: number, mode: number, arrival: boolean): number {
    const key = mode & REGION_MODE
    const page = Math.floor(address / PAGE_SIZE)
    const offset = address % PAGE_SIZE
    const code = this.#pageCode(page, key)
    const found = code.entryAt[offset]
    if (found !== 0 || !arrival) return found
    if (code.rest > 0) {
      code.rest--
      return 0
    }
    if (code.arrivals[offset] === NEVER) return NEVER_COMPILED
    if (++code.arrivals[offset] < this.#hot) return 0
    this.#compile(code, page, offset, key)
    return code.entryAt[offset]
  }

  /** The function of a region's slot. */
  function(slot: number): RegionFunction {
    return this.#functions[slot]
  }

  /** False once the region of a slot was dropped: its function comes back at once. */
  isLive(slot: number): boolean {
    return this.#functions[slot] !== this.#stub
  }

  /** Drops the regions with code in these bytes of a page; the whole page is forgotten. */
  drop(page: number, offset: number, length: number): void {
    const modes = this.#modesOfPage.get(page)
    if (modes === undefined) return
    for (const key of modes) {
      const code = this.#pages.get(page * MODES + key)
      if (code === undefined) continue
      if (length === PAGE_SIZE) {
        this.#forgetPage(code.id)
        continue
      }
      code.arrivals.fill(0)
      for (const region of code.regions) {
        if (offset >= region.end || offset + length <= region.start) continue
        this.#release(region)
        if (++code.changes % RESTLESS === 0 && this.#hot > 1) code.rest = REST
      }
    }
  }

  #pageCode(page: number, key: number): PageCode {
    const id = page * MODES + key
    if (id === this.#lastKey) return this.#last!
    let code = this.#pages.get(id)
    if (code === undefined) {
      if (this.#pages.size === MAXIMUM_PAGES) this.#forgetPage(this.#pages.keys().next().value!)
      code = {
        id,
        regions: new Set(),
        entryAt: new Uint32Array(PAGE_SIZE),
        arrivals: new Uint8Array(PAGE_SIZE),
        changes: 0,
        rest: 0,
      }
      this.#pages.set(id, code)
      const modes = this.#modesOfPage.get(page)
      if (modes === undefined) this.#modesOfPage.set(page, new Set([key]))
      else modes.add(key)
    }
    this.#lastKey = id
    this.#last = code
    return code
  }

  #forgetPage(id: number): void {
    const page = Math.floor(id / MODES)
    for (const region of this.#pages.get(id)?.regions ?? []) this.#release(region)
    this.#pages.delete(id)
    const modes = this.#modesOfPage.get(page)
    modes?.delete(id % MODES)
    if (modes?.size === 0) this.#modesOfPage.delete(page)
    this.#lastKey = -1
  }

  #decode(page: number, offset: number, mode: number): Decoded | undefined {
    const entry = this.#code.lookup(page * PAGE_SIZE + offset, mode & MODE.codeSize)
    return 'instruction' in entry ? entry : undefined
  }

  /** Compiles what an offset leads to. A region that has the code already, but no entry there, is replaced. */
  #compile(code: PageCode, page: number, offset: number, mode: number): void {
    if (this.#decode(page, offset, mode)?.semantics === undefined) {
      code.arrivals[offset] = NEVER
      return
    }
    const wanted = new Set([offset])
    for (const region of code.regions) {
      if (!region.covers.has(offset)) continue
      for (const entry of region.entries) wanted.add(entry)
      this.#release(region)
    }
    if (this.#nextSlot === TABLE_SLOTS) this.#restart()
    if (this.#live.size === MAXIMUM_REGIONS) this.#release(this.#live.values().next().value!)
    const slot = this.#nextSlot++
    const plan = planRegion(wanted, (at) => this.#decode(page, at, mode))
    const { body, entries } = generateRegion(plan, mode, slot)
    const bytes = assembleModule({
      importedFunctions: [
        { name: 'missLoad', signature: MISS_SIGNATURE },
        { name: 'missStore', signature: MISS_SIGNATURE },
      ],
      functions: [body, flagsImage, probeStore],
      exports: { r: 0 },
    })
    const run = instantiate(bytes, this.#imports)
    this.#table.set(slot, run)
    const { blocks } = plan
    const region: Region = {
      slot,
      code,
      entries: wanted,
      covers: new Set(blocks.flatMap((block) => block.instructions.map((instruction) => instruction.offset))),
      start: Math.min(...blocks.map((block) => block.start)),
      end: Math.max(...blocks.map((block) => block.end)),
    }
    for (const [at, entry] of entries) {
      if (code.entryAt[at] === 0 || wanted.has(at)) code.entryAt[at] = packEntry(slot, entry + 1)
    }
    code.regions.add(region)
    this.#functions[slot] = run
    this.#live.add(region)
    this.statistics.built++
    this.statistics.bytes += bytes.length
    this.statistics.instructions += region.covers.size
  }

  /** Jumps that still lead to the region's slot find a function that comes back at once. */
  #release(region: Region): void {
    const { code, slot } = region
    this.#table.set(slot, this.#stub)
    this.#functions[slot] = this.#stub
    for (let at = region.start; at < region.end; at++) {
      if ((code.entryAt[at] & PACKED_SLOT) === slot) code.entryAt[at] = 0
    }
    code.regions.delete(region)
    this.#live.delete(region)
    this.statistics.dropped++
  }

  /** All slots were used once: forgets everything and begins again. */
  #restart(): void {
    for (const region of [...this.#live]) this.#release(region)
    this.#forgetJumps()
    this.#nextSlot = 0
  }
}

/** More than any mode key. */
const MODES = 1024
/** Arrivals of an offset where no compiled code can begin. */
const NEVER = 0xff
/** Pages watched at most; each costs 20 KB. */
const MAXIMUM_PAGES = 1024

function instantiate(bytes: Uint8Array<ArrayBuffer>, imports: WebAssembly.Imports): RegionFunction {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports)
  return instance.exports.r as RegionFunction
}
