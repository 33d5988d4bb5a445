/**
 * A write-back cache, set-associative, shared by the processors of the machine, whose data accesses are coherent through it.
 * A set replaces its lines in the order they were filled, so that a hit changes nothing.
 */
import type { PhysicalMemory } from '../state/memory.ts'
import { LINE_BYTES, lineOf, readBytes, writeBytes } from './backing.ts'
import type { Agent, Cause, TransactionKind } from './transactions.ts'

export const CACHE_SETS = 64
export const CACHE_WAYS = 8

/** Reports a transaction. */
export type Report = (
  agent: Agent,
  kind: TransactionKind,
  cause: Cause,
  address: number,
  data: Uint8Array,
) => void

/** A valid line. */
export interface Line {
  /** Physical address, a multiple of LINE_BYTES. */
  readonly address: number
  dirty: boolean
  /** What the processors see, for a line that is not RAM; undefined for RAM, whose array holds it. */
  readonly contents: Uint8Array | undefined
  /** What memory holds, where that differs from what the processors see. Never for a device. */
  memory: Uint8Array | undefined
}

export class Lines {
  readonly #memory: PhysicalMemory
  readonly #report: Report
  /** By index; the oldest line of a set first. */
  readonly #sets: Line[][] = Array.from({ length: CACHE_SETS }, () => [])

  constructor(memory: PhysicalMemory, report: Report) {
    this.#memory = memory
    this.#report = report
  }

  #setOf(address: number): Line[] {
    return this.#sets[Math.floor(address / LINE_BYTES) % CACHE_SETS]
  }

  /** The line that holds a byte, or undefined on a miss. */
  find(address: number): Line | undefined {
    const line = lineOf(address)
    return this.#setOf(address).find((candidate) => candidate.address === line)
  }

  /** The line that holds a byte, read from memory on a miss. */
  fill(agent: Agent, address: number): Line {
    const hit = this.find(address)
    if (hit) return hit
    const set = this.#setOf(address)
    if (set.length === CACHE_WAYS) this.drop(agent, set[0], 'replaced')
    const start = lineOf(address)
    const data = readBytes(this.#memory, start, LINE_BYTES)
    this.#report(agent, 'line-fill', 'access', start, data)
    const line = {
      address: start,
      dirty: false,
      contents: this.#memory.isRam(start) ? undefined : data,
      memory: undefined,
    }
    set.push(line)
    return line
  }

  /** What the processors see of a line. */
  contents(line: Line): Uint8Array {
    return line.contents ?? this.#memory.dump(line.address, LINE_BYTES)
  }

  /** Keeps what memory holds of a line of RAM, before its array changes alone. */
  remember(line: Line): Uint8Array | undefined {
    if (line.contents === undefined) line.memory ??= this.#memory.dump(line.address, LINE_BYTES)
    return line.memory
  }

  /** Writes a dirty line to memory; it stays, clean. */
  writeBack(agent: Agent, line: Line, cause: Cause): void {
    if (!line.dirty) return
    const data = this.contents(line)
    this.#report(agent, 'write-back', cause, line.address, data)
    if (line.contents) writeBytes(this.#memory, line.address, data)
    line.dirty = false
    line.memory = undefined
  }

  /** Takes a line out of the cache, a dirty one after writing it back. From then on the processors see what memory holds. */
  drop(agent: Agent, line: Line, cause: Cause): void {
    this.writeBack(agent, line, cause)
    this.discard(line)
  }

  /** Takes a line out of the cache; what was written to it is lost. */
  discard(line: Line): void {
    const set = this.#setOf(line.address)
    set.splice(set.indexOf(line), 1)
    if (line.memory) writeBytes(this.#memory, line.address, line.memory)
  }

  /** Every valid line, in the order of sets and of filling. */
  all(): Line[] {
    return this.#sets.flat()
  }

  /** Replaces all lines, without a transaction. They must come in the order that all() gave. */
  load(lines: readonly Line[]): void {
    for (const set of this.#sets) set.length = 0
    for (const line of lines) this.#setOf(line.address).push(line)
  }
}
