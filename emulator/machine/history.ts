/**
 * Going back in time: snapshots by instruction count. A snapshot copies registers, TLBs and devices; of RAM it keeps only the
 * pages that are written after it, as they were (copy on write). The way back is the nearest snapshot, then running forward.
 *
 *   snapshots[k].pages   contents at snapshot k of every page first written between snapshots k and k + 1
 *
 * so memory at snapshot k is the present, overlaid with the pages of k, k + 1, ... up to the newest, where the oldest wins.
 */
import { dropContexts, dropFastWrites } from '../paging/contexts.ts'
import { restoreTlb, saveTlb } from '../paging/tlb.ts'
import { PAGE_SIZE, REGISTER_BYTES } from '../state/memory-map.ts'
import { countInstructions, type Parts } from './parts.ts'

/** Snapshots lie this many instructions apart, or a share of the run's length once that is more. */
const INTERVAL = 4096
const INTERVAL_SHARE = 1 / 64

/** More snapshots, or more bytes of pages, are thinned out. */
const MOST_SNAPSHOTS = 128
const MOST_PAGE_BYTES = 64 * 0x10_0000

interface Snapshot {
  readonly instructions: number
  /** How many logged inputs the state includes. */
  readonly inputs: number
  /** By processor. */
  readonly registers: readonly Uint8Array[]
  readonly tlbs: readonly Uint32Array[]
  readonly devices: readonly number[][]
  /** How long each log was. */
  readonly logged: readonly number[]
  pages: Map<number, Uint8Array>
}

export class History {
  readonly #parts: Parts
  #snapshots: Snapshot[] = []

  constructor(parts: Parts) {
    this.#parts = parts
    parts.memory.observer.firstWrite = (page) => {
      this.#snapshots.at(-1)?.pages.set(page, parts.memory.dump(page * PAGE_SIZE, PAGE_SIZE))
    }
  }

  /** Forgets the past. The next take() is where time begins. */
  clear(): void {
    this.#snapshots = []
  }

  /** Instruction count of the oldest snapshot: there is no way back beyond it. */
  get beginning(): number | undefined {
    return this.#snapshots.at(0)?.instructions
  }

  /** Instruction count of the newest snapshot before `instructions`. */
  before(instructions: number): number | undefined {
    return this.#snapshots.findLast((snapshot) => snapshot.instructions < instructions)?.instructions
  }

  /** Instruction count at which the next snapshot should be taken. */
  get due(): number {
    const newest = this.#snapshots.at(-1)?.instructions
    return newest === undefined ? 0 : newest + Math.max(INTERVAL, Math.floor(newest * INTERVAL_SHARE))
  }

  /** Takes a snapshot of the present, which includes the first `inputs` logged inputs. */
  take(inputs: number): void {
    const { cpus, devices, logs, memory } = this.#parts
    const bases = cpus.map(({ state }) => state.base)
    this.#snapshots.push({
      instructions: countInstructions(cpus),
      inputs,
      registers: bases.map((base) => memory.bytes.slice(base, base + REGISTER_BYTES)),
      tlbs: cpus.map(({ state }) => saveTlb(state)),
      devices: devices.map((device) => device.save()),
      logged: logs.map((log) => log.total),
      pages: new Map(),
    })
    this.#watch()
    this.#thin()
  }

  /**
   * Restores the newest snapshot that lies at or before `instructions` and forgets the later ones. Returns how many logged
   * inputs the restored state includes.
   */
  rewind(instructions: number): number {
    let index = this.#snapshots.findLastIndex((snapshot) => snapshot.instructions <= instructions)
    if (index < 0) index = 0
    const snapshot = this.#snapshots[index]
    this.#restorePages(index)
    this.#snapshots.length = index + 1
    snapshot.pages = new Map()

    const { cpus, devices, logs, memory } = this.#parts
    cpus.forEach(({ state }, i) => {
      memory.bytes.set(snapshot.registers[i], state.base)
      restoreTlb(state, snapshot.tlbs[i])
    })
    devices.forEach((device, i) => device.restore(snapshot.devices[i]))
    logs.forEach((log, i) => log.rewind(snapshot.logged[i]))
    for (const cpu of cpus) {
      dropContexts(cpu)
      cpu.mapLocalApic()
    }
    this.#watch()
    return snapshot.inputs
  }

  /** Page writes go through the memory port, which tells the code caches. */
  #restorePages(index: number): void {
    const restored = new Map<number, Uint8Array>()
    for (const { pages } of this.#snapshots.slice(index))
      for (const [page, contents] of pages) if (!restored.has(page)) restored.set(page, contents)
    for (const [page, contents] of restored) this.#parts.memory.load(page * PAGE_SIZE, contents)
  }

  #watch(): void {
    this.#parts.memory.watchPages()
    for (const cpu of this.#parts.cpus) dropFastWrites(cpu)
  }

  #thin(): void {
    let pages = this.#snapshots.reduce((sum, snapshot) => sum + snapshot.pages.size, 0)
    while (this.#snapshots.length > MOST_SNAPSHOTS || pages * PAGE_SIZE > MOST_PAGE_BYTES) {
      if (this.#snapshots.length <= 2) return
      pages -= this.#removeOne()
    }
  }

  /**
   * Removes the snapshot whose absence lengthens a way back least, in proportion to how far back it lies; never the first or
   * the newest. Its pages go to its predecessor where that has none of its own. Returns the number of pages freed.
   */
  #removeOne(): number {
    const now = this.#snapshots.at(-1)!.instructions
    let best = 1
    let bestCost = Infinity
    for (let i = 1; i < this.#snapshots.length - 1; i++) {
      const gap = this.#snapshots[i + 1].instructions - this.#snapshots[i - 1].instructions
      const cost = gap / (now - this.#snapshots[i].instructions + 1)
      if (cost >= bestCost) continue
      best = i
      bestCost = cost
    }
    const [removed] = this.#snapshots.splice(best, 1)
    const into = this.#snapshots[best - 1].pages
    let freed = 0
    for (const [page, contents] of removed.pages) {
      if (into.has(page)) freed++
      else into.set(page, contents)
    }
    return freed
  }
}
