/**
 * Compiled regions by physical page: which code is hot, what is compiled, and what must go when its bytes change. Regions are
 * keyed by page and by the mode bits that code depends on, so aliases, address spaces and guests share them.
 */
import type { PhysicalMemory } from '../../state/memory.ts'
import { PAGE_SIZE } from '../../state/memory-map.ts'
import { MODE } from '../../state/mode.ts'
import type { CodeCache } from '../code-cache.ts'
import { flagsImage, MISS_SIGNATURE, probeStore } from './helpers.ts'
import { assembleModule } from './module.ts'
import { planRegion, type Decoded } from './region.ts'
import { generateRegion } from './region-code.ts'
import { stubModule } from './stub.ts'

/** A region function: offset of the vCPU block, entry number -> OUTCOME. */
export type RegionFunction = (vcpu: number, entry: number) => number

/** Linear addresses arrive as signed 64-bit integers; the result is the page's offset in the WebAssembly memory, or 0. */
export type MissFunction = (vcpu: number, linear: bigint, size: number) => number

export interface Region {
  readonly page: number
  readonly mode: number
  /** Place in the table of regions. */
  readonly slot: number
  readonly run: RegionFunction
  /** Entry number + 1 by offset in the page, 0 where there is none. */
  readonly entryAt: Uint16Array
  /** Bytes of code: first offset, and offset after the last. */
  readonly start: number
  readonly end: number
}

/** The mode bits that compiled code depends on. Permissions are the fast tags' matter. */
export const REGION_MODE = MODE.codeSize | MODE.stackSize | MODE.flat

/** Arrivals at an offset before its page is compiled, or compiled anew with it. */
const HOT = 48
/** Regions kept at most; the table has one slot for each region ever made until it is full. */
const MAXIMUM_REGIONS = 1024
const TABLE_SLOTS = 0x4000
/** A page whose code changes so often is evaluated for so many arrivals. */
const RESTLESS = 8
const REST = 20_000

/** What is known of a page's code for one mode. */
interface PageCode {
  region: Region | undefined
  /** Arrivals by offset, up to `hot`. */
  readonly arrivals: Uint8Array
  readonly entries: Set<number>
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
   * The region with an entry at a physical address for a mode, compiled now if it has become hot; undefined: evaluate.
   * `arrival` counts towards that.
   */
  find(address: number, mode: number, arrival: boolean): Region | undefined {
    const key = mode & REGION_MODE
    const page = Math.floor(address / PAGE_SIZE)
    const offset = address % PAGE_SIZE
    const code = this.#pageCode(page, key)
    const region = code.region
    if (region !== undefined && region.entryAt[offset] !== 0) return region
    if (!arrival) return undefined
    if (code.rest > 0) {
      code.rest--
      return undefined
    }
    if (code.arrivals[offset] === NEVER) return undefined
    if (++code.arrivals[offset] < this.#hot) return undefined
    return this.#compile(code, page, offset, key)
  }

  /** Drops the regions with code in these bytes of a page. */
  drop(page: number, offset: number, length: number): void {
    const modes = this.#modesOfPage.get(page)
    if (modes === undefined) return
    for (const key of modes) {
      const code = this.#pages.get(page * MODES + key)
      const region = code?.region
      if (code === undefined || region === undefined) continue
      if (offset >= region.end || offset + length <= region.start) continue
      this.#release(region)
      code.region = undefined
      code.arrivals.fill(0)
      code.entries.clear()
      if (++code.changes % RESTLESS === 0) code.rest = REST
    }
  }

  #pageCode(page: number, key: number): PageCode {
    const id = page * MODES + key
    if (id === this.#lastKey) return this.#last!
    let code = this.#pages.get(id)
    if (code === undefined) {
      if (this.#pages.size === MAXIMUM_PAGES) this.#forgetPage(this.#pages.keys().next().value!)
      code = { region: undefined, arrivals: new Uint8Array(PAGE_SIZE), entries: new Set(), changes: 0, rest: 0 }
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
    const region = this.#pages.get(id)?.region
    if (region !== undefined) this.#release(region)
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

  #compile(code: PageCode, page: number, offset: number, mode: number): Region | undefined {
    if (this.#decode(page, offset, mode)?.semantics === undefined) {
      code.arrivals[offset] = NEVER
      return undefined
    }
    code.entries.add(offset)
    if (code.region !== undefined) this.#release(code.region)
    if (this.#nextSlot === TABLE_SLOTS) this.#restart()
    if (this.#live.size === MAXIMUM_REGIONS) this.#dropOldest()
    const slot = this.#nextSlot++
    const plan = planRegion(code.entries, (at) => this.#decode(page, at, mode))
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
    const entryAt = new Uint16Array(PAGE_SIZE)
    for (const [at, entry] of entries) entryAt[at] = entry + 1
    const { blocks } = plan
    const region: Region = {
      page,
      mode,
      slot,
      run,
      entryAt,
      start: blocks[0].start,
      end: Math.max(...blocks.map((block) => block.end)),
    }
    code.region = region
    this.#live.add(region)
    this.statistics.built++
    this.statistics.bytes += bytes.length
    this.statistics.instructions += blocks.reduce((sum, block) => sum + block.instructions.length, 0)
    return region
  }

  /** Jumps that still lead to the region's slot find a function that comes back at once. */
  #release(region: Region): void {
    this.#table.set(region.slot, this.#stub)
    this.#live.delete(region)
    this.statistics.dropped++
  }

  #dropOldest(): void {
    const region = this.#live.values().next().value!
    this.#forgetPage(region.page * MODES + region.mode)
  }

  /** All slots were used once: forgets everything and begins again. */
  #restart(): void {
    for (const region of [...this.#live]) this.#forgetPage(region.page * MODES + region.mode)
    this.#forgetJumps()
    this.#nextSlot = 0
  }
}

/** More than any mode key. */
const MODES = 1024
/** Arrivals of an offset where no compiled code can begin. */
const NEVER = 0xff
/** Pages watched at most; each costs 4 KB, and 8 KB more once compiled. */
const MAXIMUM_PAGES = 4096

function instantiate(bytes: Uint8Array<ArrayBuffer>, imports: WebAssembly.Imports): RegionFunction {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports)
  return instance.exports.r as RegionFunction
}
