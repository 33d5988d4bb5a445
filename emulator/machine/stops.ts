/**
 * Where somebody at the controls wants a run to end: at code, at a #VMEXIT or exception, at a change of memory or of a register.
 * Stops belong to the observer and not to the machine's state: they change no run, only where it is looked at.
 */
import { CS } from '../isa/registers.ts'
import type { Cpu } from '../state/cpu.ts'
import type { PhysicalMemory } from '../state/memory.ts'
import { readRflags } from '../state/flags.ts'
import { hex } from '../state/notation.ts'
import { ACTIVITY } from '../state/vcpu.ts'
import type { EventLog } from './events.ts'
import type { EventStream } from './event-stream.ts'
import { GENERAL_REGISTERS, type SYSTEM_REGISTERS } from './inspect.ts'

/** A register whose change ends a run. */
export type WatchedRegister =
  (typeof GENERAL_REGISTERS)[number] | (typeof SYSTEM_REGISTERS)[number] | 'rflags'

export type Stop =
  /** Before the instruction at this linear address (CS base and rIP). */
  | { readonly kind: 'code'; readonly address: bigint }
  /** After a #VMEXIT with this code, or after any. Codes below zero are those of 64 bits. */
  | { readonly kind: 'exit'; readonly code?: number | undefined }
  /** After an exception with this vector, or any, is raised, intercepted or not. */
  | { readonly kind: 'exception'; readonly vector?: number | undefined }
  /**
   * After an instruction has written or read these bytes of physical memory. What #VMEXIT, a device or a walk writes counts if it
   * changes them.
   */
  | {
      readonly kind: 'memory'
      readonly address: number
      /** 1 to 8. */
      readonly bytes: number
      readonly access: 'write' | 'read'
    }
  /** After the register of a processor has another value. */
  | { readonly kind: 'register'; readonly name: WatchedRegister; readonly processor: number }

/** What ended a run. `before` and `after` for memory and registers. */
export interface StopHit {
  readonly stop: Stop
  readonly before?: bigint
  readonly after?: bigint
}

function registerValue({ state }: Cpu, name: WatchedRegister): bigint {
  if (name === 'rflags') return BigInt(readRflags(state))
  const general = (GENERAL_REGISTERS as readonly string[]).indexOf(name)
  return general >= 0 ? state.gpr[general] : state[name as (typeof SYSTEM_REGISTERS)[number]]
}

export class Stops {
  readonly #cpus: readonly Cpu[]
  readonly #memory: PhysicalMemory
  readonly #events: EventLog
  readonly #stream: EventStream
  readonly #interrupt: () => void
  #stops: readonly Stop[] = []
  #code: ReadonlySet<bigint> = new Set()
  /** The value of each stop that watches one, at the last look. */
  #values = new Map<Stop, bigint>()
  /** What an event or an access has met since the run began. */
  #met: Stop | undefined
  #endListening: () => void = () => undefined

  constructor(
    cpus: readonly Cpu[],
    memory: PhysicalMemory,
    events: EventLog,
    stream: EventStream,
    interrupt: () => void,
  ) {
    this.#cpus = cpus
    this.#memory = memory
    this.#events = events
    this.#stream = stream
    this.#interrupt = interrupt
  }

  get all(): readonly Stop[] {
    return this.#stops
  }

  /** These, and no others. Throws RangeError for a processor that does not exist and for bytes beyond RAM. */
  set(stops: readonly Stop[]): void {
    for (const stop of stops) this.#validate(stop)
    this.#stops = stops
    this.#code = new Set(stops.flatMap((stop) => (stop.kind === 'code' ? [stop.address] : [])))
    this.#values = new Map()
    this.#met = undefined
    const events = stops.filter(({ kind }) => kind === 'exit' || kind === 'exception')
    this.#events.noticed =
      events.length === 0
        ? undefined
        : (kind, code) => {
            const met = events.find((stop) => isMet(stop, kind, code))
            if (met !== undefined) this.#meet(met)
          }
    this.#endListening()
    const watched = stops.filter((stop) => stop.kind === 'memory')
    this.#endListening =
      watched.length === 0
        ? () => undefined
        : this.#stream.listen(['access'], (event) => {
            if (event.kind !== 'access') return
            const { address, bytes, write } = event.event
            const met = watched.find(
              (stop) =>
                (stop.access === 'write') === write &&
                address < stop.address + stop.bytes &&
                stop.address < address + bytes,
            )
            if (met !== undefined) this.#meet(met)
          })
  }

  #validate(stop: Stop): void {
    if (stop.kind === 'register' && this.#cpus.at(stop.processor)?.index !== stop.processor)
      throw new RangeError(
        `there is no processor ${stop.processor}; the last one is ${this.#cpus.length - 1}`,
      )
    if (stop.kind !== 'memory') return
    const { address, bytes } = stop
    if (bytes < 1 || bytes > 8 || address < 0 || address + bytes > this.#memory.ramBytes)
      throw new RangeError(`a watch takes 1 to 8 bytes of RAM, not ${bytes} at ${hex(address)}`)
  }

  /** The run has to be looked at after every instruction. */
  get looksAtEach(): boolean {
    return this.#stops.some(({ kind }) => kind !== 'exit' && kind !== 'exception')
  }

  #meet(stop: Stop): void {
    this.#met ??= stop
    this.#interrupt()
  }

  #value(stop: Stop): bigint | undefined {
    if (stop.kind === 'register') return registerValue(this.#cpus[stop.processor], stop.name)
    if (stop.kind !== 'memory') return undefined
    return this.#memory
      .dump(stop.address, stop.bytes)
      .reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
  }

  /** A run begins here: what is true now ends nothing. */
  begin(): void {
    this.#met = undefined
    for (const stop of this.#stops) {
      const value = this.#value(stop)
      if (value !== undefined) this.#values.set(stop, value)
    }
  }

  /** The stop that the last instruction has met; `next` has the next turn. */
  hit(next: Cpu): StopHit | undefined {
    for (const [stop, before] of this.#values) {
      const after = this.#value(stop)!
      if (after === before && stop !== this.#met) continue
      if (stop.kind === 'memory' && stop.access === 'read' && stop !== this.#met) continue
      return { stop, before, after }
    }
    if (this.#met !== undefined) return { stop: this.#met }
    const { state } = next
    if (state.activity !== ACTIVITY.running || this.#code.size === 0) return undefined
    const address = BigInt.asUintN(64, state.segments[CS].base + state.rip)
    const stop = this.#code.has(address)
      ? this.#stops.find((stop) => stop.kind === 'code' && stop.address === address)
      : undefined
    return stop && { stop }
  }
}

function isMet(stop: Stop, kind: 'vmexit' | 'raised', code: number): boolean {
  if (stop.kind === 'exit') return kind === 'vmexit' && (stop.code === undefined || stop.code === code)
  if (stop.kind === 'exception')
    return kind === 'raised' && (stop.vector === undefined || stop.vector === code)
  return false
}
