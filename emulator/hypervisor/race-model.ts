/**
 * A race for vmcb12: vCPU 0 of L1 has executed VMRUN and L0 handles it, while the other vCPUs store to L1's memory. L0's side is
 * its own code (l1.ts) from the state that a machine was in; only memory is a copy, so that the race can be run again and again.
 * What L0 reads and writes in L1's memory and its VMRUN are steps; a store is a step.
 */
import type { HostPort, Machine } from '../machine/index.ts'
import { failedChecks, imageView } from '../svm/index.ts'
import type { Context } from './context.ts'
import { isSchedulingPoint, type Effect } from './effects.ts'
import type { Execution, Race, Side, Step, Touched } from './explorer.ts'
import { turn } from './l1.ts'
import { perform } from './perform.ts'
import { judge, PROPERTIES, type Property } from './race-properties.ts'
import type { L0 } from './runner.ts'
import { cloneVcpuState, type VcpuState } from './state.ts'

/** Where a race begins. */
export interface RaceStart {
  readonly context: Context
  /** vCPU 0, whose VMRUN L0 has not looked at yet. */
  readonly vcpu: VcpuState
  readonly general: BigUint64Array
  /** A page of memory, never written. */
  readonly page: (number: number) => Uint8Array
}

/** One instruction of another vCPU that stores a value of 1, 2, 4 or 8 bytes. */
export interface Store {
  readonly address: number
  readonly bytes: 1 | 2 | 4 | 8
  readonly value: bigint
}

const PAGE = 4096

/** What a machine is like at this moment. vCPU 0 must be at its VMRUN. */
export function raceStart(machine: Machine, l0: L0): RaceStart {
  const { context } = l0
  const memory = machine.readMemory(0, context.map.end)
  return {
    context,
    vcpu: cloneVcpuState(l0.state(0)),
    general: BigUint64Array.from(Object.values(machine.inspect(0).general)),
    page: (number) => memory.subarray(number * PAGE, (number + 1) * PAGE),
  }
}

/** Memory that costs only the pages that are written. */
class CopiedMemory {
  readonly #original: RaceStart['page']
  readonly #written = new Map<number, Uint8Array>()

  constructor(original: RaceStart['page']) {
    this.#original = original
  }

  read(address: number, bytes: number): Uint8Array {
    const data = new Uint8Array(bytes)
    for (const { page, offset, at, length } of pieces(address, bytes)) {
      const from = this.#written.get(page) ?? this.#original(page)
      data.set(from.subarray(offset, offset + length), at)
    }
    return data
  }

  write(address: number, data: Uint8Array): void {
    for (const { page, offset, at, length } of pieces(address, data.length)) {
      let into = this.#written.get(page)
      if (into === undefined) this.#written.set(page, (into = this.#original(page).slice()))
      into.set(data.subarray(at, at + length), offset)
    }
  }
}

/** The parts of a range in each page. */
function pieces(address: number, bytes: number) {
  const parts: { page: number; offset: number; at: number; length: number }[] = []
  for (let at = 0; at < bytes;) {
    const offset = (address + at) % PAGE
    const length = Math.min(PAGE - offset, bytes - at)
    parts.push({ page: (address + at - offset) / PAGE, offset, at, length })
    at += length
  }
  return parts
}

/**
 * A processor for perform(), as far as a nested VMRUN needs one: no event is pending, and MSRs that L0 does not keep itself are not
 * there.
 */
function modelPort({ context, general }: RaceStart, memory: CopiedMemory): HostPort {
  return {
    index: 0,
    model: context.model,
    instructions: 0,
    read: (address, bytes) => memory.read(address, bytes),
    write: (address, data) => memory.write(address, data),
    general: general.slice(),
    capture: () => undefined,
    vmrun: () => undefined,
    vmload: () => undefined,
    vmsave: () => undefined,
    readMsr: () => undefined,
    writeMsr: () => true,
    taskPriority: 0,
    take: () => false,
    raise: () => undefined,
    invalidatePage: () => undefined,
    init: () => undefined,
    shutdown: () => undefined,
  }
}

const NOTHING = new Uint8Array()

/** What L0 did: what the properties are about. */
export interface Outcome {
  readonly context: Context
  readonly vcpu: VcpuState
  /** vmcb02 as it was given to VMRUN; undefined when L0 did not let L2 run. */
  readonly vmcb02: DataView | undefined
  /** Ids of the processor's own checks that VMRUN of vmcb02 fails. */
  readonly failed: readonly string[]
}

class L0Side implements Side {
  readonly #context: Context
  readonly #vcpu: VcpuState
  readonly #memory: CopiedMemory
  readonly #port: HostPort
  readonly #turn: ReturnType<typeof turn>
  #effect: Effect | undefined
  #step: Step | undefined
  #vmcb: number | undefined

  constructor(start: RaceStart, memory: CopiedMemory) {
    this.#context = start.context
    this.#vcpu = cloneVcpuState(start.vcpu)
    this.#memory = memory
    this.#port = modelPort(start, memory)
    this.#turn = turn(start.context, this.#vcpu)
    this.#toNextPoint(undefined)
  }

  get next(): Step | undefined {
    return this.#step
  }

  advance(): Uint8Array {
    const effect = this.#effect!
    const answer = perform(this.#port, this.#context.map, effect)
    if (effect.kind === 'vmrun') this.#vmcb = effect.vmcb
    this.#toNextPoint(answer)
    if (answer instanceof Uint8Array) return answer
    return effect.kind === 'write' ? writtenBytes(effect) : NOTHING
  }

  /** Performs everything up to the next scheduling point. */
  #toNextPoint(answer: ReturnType<typeof perform>): void {
    for (;;) {
      const { done, value } = this.#turn.next(answer)
      this.#effect = done ? undefined : value
      this.#step = done ? undefined : stepOf(value)
      if (done || isSchedulingPoint(value)) return
      answer = perform(this.#port, this.#context.map, value)
    }
  }

  get outcome(): Outcome {
    const { map, facts } = this.#context
    const isL2 = this.#vmcb === map.vcpus[0].vmcb02
    const vmcb02 = isL2 ? new DataView(this.#memory.read(map.vcpus[0].vmcb02, PAGE).buffer) : undefined
    return {
      context: this.#context,
      vcpu: this.#vcpu,
      vmcb02,
      failed: vmcb02 === undefined ? [] : failedChecks(imageView(vmcb02), facts).map(({ id }) => id),
    }
  }
}

/** The bytes of each range, one after the other. */
function writtenBytes({ data, only }: Extract<Effect, { kind: 'write' }>): Uint8Array {
  return Uint8Array.from(only.flatMap(({ offset, bytes }) => [...data.subarray(offset, offset + bytes)]))
}

function stepOf(effect: Effect): Step | undefined {
  switch (effect.kind) {
    case 'read':
      return { kind: 'read', what: effect.what, reads: [effect], writes: [] }
    case 'write': {
      const writes = effect.only.map(({ offset, bytes }) => ({ address: effect.address + offset, bytes }))
      return { kind: 'write', what: effect.what, reads: [], writes }
    }
    case 'vmrun':
      return { kind: 'vmrun', what: 'VMRUN', reads: [], writes: [] }
    default:
      return undefined
  }
}

/** The bytes that a store writes. */
function dataOf({ value, bytes }: Store): Uint8Array {
  return new Uint8Array(BigUint64Array.of(value).buffer).slice(0, bytes)
}

function storeStep(store: Store): Step {
  const { address, bytes } = store
  return { kind: 'write', what: 'store', reads: [], writes: [{ address, bytes }] }
}

class StoringSide implements Side {
  readonly #stores: readonly Store[]
  readonly #memory: CopiedMemory
  #done = 0

  constructor(stores: readonly Store[], memory: CopiedMemory) {
    this.#stores = stores
    this.#memory = memory
  }

  get next(): Step | undefined {
    return this.#done < this.#stores.length ? storeStep(this.#stores[this.#done]) : undefined
  }

  advance(): Uint8Array {
    const store = this.#stores[this.#done++]
    const data = dataOf(store)
    this.#memory.write(store.address, data)
    return data
  }
}

/** L0 on behalf of vCPU 0 against one list of stores for each further vCPU. An execution loses when a property does not hold. */
export function raceForVmcb12(
  start: RaceStart,
  stores: readonly (readonly Store[])[],
  properties: readonly Property[] = PROPERTIES,
): Race {
  const written = stores.map((list): Touched => ({
    reads: [],
    writes: list.map(({ address, bytes }) => ({ address, bytes })),
  }))
  return {
    footprints: [undefined, ...written],
    begin(): Execution {
      const memory = new CopiedMemory(start.page)
      const l0 = new L0Side(start, memory)
      return {
        sides: [l0, ...stores.map((list) => new StoringSide(list, memory))],
        judge: (events) => judge(l0.outcome, events, properties),
      }
    },
  }
}
