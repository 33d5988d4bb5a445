/**
 * What each memory type does with the cache and the write-combining buffers (APM vol 2 §7.4, §7.5), and how a bus master gets
 * past them. An access lies in one page and may cross a line.
 */
import type { Size } from '../isa/instruction.ts'
import { MEMORY_TYPES, type EffectiveType } from '../paging/memory-types.ts'
import type { Caches } from '../state/cpu.ts'
import type { PhysicalMemory } from '../state/memory.ts'
import { bytesOf, LINE_BYTES, lineOf, readBytes, valueOf, writeBytes } from './backing.ts'
import { COMBINING_BUFFERS, combine, isFull, newBuffer, pieces, type CombiningBuffer } from './combining.ts'
import { Lines, type Line, type Report } from './lines.ts'
import type { Agent, Cause } from './transactions.ts'

interface Policy {
  /** Reads fill the cache, or leave it alone. */
  readonly read: 'line' | 'memory'
  /** Writes stay in the line (filling it), update a line that is there and memory, go to memory, or into a buffer. */
  readonly write: 'line' | 'line and memory' | 'memory' | 'buffer'
  /** Which accesses first write back and invalidate a line that is there. */
  readonly probes: 'none' | 'writes' | 'all'
}

const POLICIES: Readonly<Record<EffectiveType, Policy>> = {
  UC: { read: 'memory', write: 'memory', probes: 'none' },
  CD: { read: 'memory', write: 'memory', probes: 'all' },
  WC: { read: 'memory', write: 'buffer', probes: 'none' },
  'WC+': { read: 'memory', write: 'buffer', probes: 'all' },
  WP: { read: 'line', write: 'memory', probes: 'writes' },
  WT: { read: 'line', write: 'line and memory', probes: 'none' },
  WB: { read: 'line', write: 'line', probes: 'none' },
}

/** Part of an access that lies in one line. */
interface Part {
  readonly address: number
  /** Of its first byte within the access. */
  readonly at: number
  readonly bytes: number
}

function partsOf(address: number, size: number): Part[] {
  const first = Math.min(size, lineOf(address) + LINE_BYTES - address)
  const parts = [{ address, at: 0, bytes: first }]
  if (first < size) parts.push({ address: address + first, at: first, bytes: size - first })
  return parts
}

export class CacheModel implements Caches {
  readonly #memory: PhysicalMemory
  readonly #report: Report
  readonly lines: Lines
  /** By processor; the oldest buffer first. */
  readonly buffers: CombiningBuffer[][]

  constructor(memory: PhysicalMemory, processors: number, report: Report) {
    this.#memory = memory
    this.#report = report
    this.lines = new Lines(memory, report)
    this.buffers = Array.from({ length: processors }, () => [])
  }

  read(processor: number, address: number, size: Size, type: number): bigint {
    const policy = POLICIES[MEMORY_TYPES[type] as EffectiveType]
    const bytes = new Uint8Array(size)
    for (const part of partsOf(address, size)) bytes.set(this.#readPart(processor, part, policy), part.at)
    return valueOf(bytes, 0, size)
  }

  #readPart(processor: number, { address, bytes }: Part, policy: Policy): Uint8Array {
    if (policy.read === 'line') {
      const line = this.lines.fill(processor, address)
      const offset = address - line.address
      return this.lines.contents(line).slice(offset, offset + bytes)
    }
    // An uncacheable read completes all write combining, one from write-combining memory that of its own line.
    for (const buffer of [...this.buffers[processor]])
      if (policy.write !== 'buffer' || buffer.address === lineOf(address))
        this.#send(processor, buffer, 'uncached-read')
    if (policy.probes === 'all') this.#probe(processor, address)
    const data = this.#readMemory(address, bytes)
    this.#report(processor, 'read', 'access', address, data)
    return data
  }

  write(processor: number, address: number, size: Size, value: bigint, type: number): void {
    const policy = POLICIES[MEMORY_TYPES[type] as EffectiveType]
    const bytes = bytesOf(value, size)
    for (const part of partsOf(address, size))
      this.#writePart(processor, part.address, bytes.slice(part.at, part.at + part.bytes), policy)
  }

  #writePart(processor: number, address: number, data: Uint8Array, policy: Policy): void {
    if (policy.write === 'buffer') {
      this.#combine(processor, address, data, policy.probes === 'all')
      return
    }
    if (policy.write === 'line') {
      const line = this.lines.fill(processor, address)
      this.lines.remember(line)
      if (line.contents) line.contents.set(data, address - line.address)
      else writeBytes(this.#memory, address, data)
      line.dirty = true
      return
    }
    if (policy.probes !== 'none') this.#probe(processor, address)
    this.#report(processor, 'write', 'access', address, data)
    if (policy.write === 'line and memory') this.#writeThrough(address, data)
    else this.#writeMemory(address, data)
  }

  #combine(processor: number, address: number, data: Uint8Array, probes: boolean): void {
    const open = this.buffers[processor]
    let buffer = open.find((candidate) => candidate.address === lineOf(address))
    if (buffer === undefined) {
      if (open.length === COMBINING_BUFFERS) this.#send(processor, open[0], 'replaced')
      buffer = newBuffer(address, probes)
      open.push(buffer)
    }
    combine(buffer, address, data)
    if (isFull(buffer)) this.#send(processor, buffer, 'full')
  }

  #send(processor: number, buffer: CombiningBuffer, cause: Cause): void {
    const open = this.buffers[processor]
    open.splice(open.indexOf(buffer), 1)
    if (buffer.probes) this.#probe(processor, buffer.address)
    for (const { address, data } of pieces(buffer)) {
      this.#report(processor, 'combined-write', cause, address, data)
      this.#writeMemory(address, data)
    }
  }

  completeWrites(processor: number, cause: Cause): void {
    while (this.buffers[processor].length > 0) this.#send(processor, this.buffers[processor][0], cause)
  }

  /** Writes a line back and invalidates it. */
  #probe(agent: Agent, address: number): void {
    const line = this.lines.find(address)
    if (line) this.lines.drop(agent, line, 'probe')
  }

  flushLine(processor: number, address: number, invalidate: boolean): void {
    this.completeWrites(processor, 'flush')
    const line = this.lines.find(address)
    if (line) this.#flush(processor, line, invalidate)
  }

  writeBackAll(processor: number, invalidate: boolean): void {
    for (const line of this.lines.all()) this.#flush(processor, line, invalidate)
  }

  #flush(processor: number, line: Line, invalidate: boolean): void {
    if (invalidate) this.lines.drop(processor, line, 'flush')
    else this.lines.writeBack(processor, line, 'flush')
  }

  discardAll(): void {
    for (const line of this.lines.all()) this.lines.discard(line)
  }

  /** A read by a bus master. Snooped, it gets what the processors see; else what memory holds. */
  masterRead(address: number, length: number, snoop: boolean): Uint8Array {
    const data = new Uint8Array(length)
    for (let done = 0; done < length;) {
      const at = address + done
      const bytes = Math.min(length - done, lineOf(at) + LINE_BYTES - at)
      const line = snoop ? this.lines.find(at) : undefined
      const piece = line
        ? this.lines.contents(line).slice(at - line.address, at - line.address + bytes)
        : this.#readMemory(at, bytes)
      this.#report('bus-master', 'read', line ? 'probe' : 'access', at, piece)
      data.set(piece, done)
      done += bytes
    }
    return data
  }

  /** A write by a bus master. Snooped, it invalidates the lines that it hits; else they stay and are stale. */
  masterWrite(address: number, data: Uint8Array, snoop: boolean): void {
    for (let done = 0; done < data.length;) {
      const at = address + done
      const bytes = Math.min(data.length - done, lineOf(at) + LINE_BYTES - at)
      if (snoop) this.#probe('bus-master', at)
      const piece = data.slice(done, done + bytes)
      this.#report('bus-master', 'write', 'access', at, piece)
      this.#writeMemory(at, piece)
      done += bytes
    }
  }

  /** What memory or a device holds, whatever the cache has. Within a line. */
  #readMemory(address: number, bytes: number): Uint8Array {
    const line = this.lines.find(address)
    if (!line?.memory) return readBytes(this.#memory, address, bytes)
    const offset = address - line.address
    return line.memory.slice(offset, offset + bytes)
  }

  /** Writes memory or a device and leaves the cache as it is. Within a line. */
  #writeMemory(address: number, data: Uint8Array): void {
    const line = this.lines.find(address)
    const held = line && this.lines.remember(line)
    if (held) held.set(data, address - lineOf(address))
    else writeBytes(this.#memory, address, data)
  }

  /** Writes memory or a device, and the line if it is in the cache. */
  #writeThrough(address: number, data: Uint8Array): void {
    const line = this.lines.find(address)
    const offset = address - lineOf(address)
    line?.memory?.set(data, offset)
    line?.contents?.set(data, offset)
    writeBytes(this.#memory, address, data)
  }
}
