/**
 * L0 as the host program of a machine: one generator for each processor, whose effects are performed here. A step ends at a
 * scheduling point, so that other processors go on between two looks at L1's memory. A state inside a handler is saved as L0's
 * state at the handler's beginning and the answers that it got; restoring runs the handler again on these.
 */
import type { HostPort, HostProgram } from '../machine/index.ts'
import { modelFacts } from '../svm/index.ts'
import {
  eventOf,
  isSchedulingPoint,
  type Answer,
  type Effect,
  type Handler,
  type HandlerEvent,
} from './effects.ts'
import type { Context, Policy } from './context.ts'
import { turn } from './l1.ts'
import { createMemoryMap, nestedTables, type MemoryMap } from './memory-map.ts'
import { canAnswer, perform } from './perform.ts'
import { IOPM_BYTES, permissionMap } from './permission-maps.ts'
import { MSRS_OF_L1, MSRS_OF_L2 } from './emulate-msrs.ts'
import { decodeState, encodeState } from './saved.ts'
import { cloneVcpuState, copyVcpuState, createVcpuState, type VcpuState } from './state.ts'

/** `ownInstructions`: the processor's count when it happened. */
export type L0Event = HandlerEvent & {
  readonly processor: number
  readonly ownInstructions: number
}

/** The newest events are kept. */
const EVENTS = 10_000

interface Thread {
  readonly state: VcpuState
  /** The state when the handler that runs began. */
  readonly before: VcpuState
  /** The handler, and what its effects were answered with so far; undefined while a guest runs. */
  handler: { readonly answers: Answer[]; readonly turn: Handler<void> } | undefined
}

function createThread(state: VcpuState): Thread {
  return { state, before: cloneVcpuState(state), handler: undefined }
}

export class L0 implements HostProgram {
  readonly name = 'hypervisor'
  #context: Context
  readonly #ports: readonly HostPort[]
  #threads: Thread[]
  #events: L0Event[] = []
  #listener: ((event: L0Event) => void) | undefined
  /** Events since the start, those that were forgotten included. */
  #eventCount = 0
  /** L0's tables are in memory. */
  #isSetUp = false

  constructor(l1Bytes: number, ports: readonly HostPort[], policy: Policy) {
    const { model } = ports[0]
    this.#ports = ports
    const map = createMemoryMap(l1Bytes, ports.length)
    this.#context = { map, model, facts: modelFacts(model), ...policy }
    this.#threads = this.#createThreads()
  }

  #createThreads(): Thread[] {
    return this.#ports.map(({ index }) => createThread(createVcpuState(index)))
  }

  /** The events that are kept, oldest first: L1's world switches as L1 sees them, and what L0 decided. */
  get events(): readonly L0Event[] {
    return this.#events
  }

  /** Told of every event as it happens; replay of the past tells again. */
  listen(listener: (event: L0Event) => void): void {
    this.#listener = listener
  }

  /** Another design or user, from the machine's next start on: until then nothing may run. */
  adopt(policy: Policy): void {
    const { map, model, facts } = this.#context
    this.#context = { map, model, facts, ...policy }
  }

  /** What its handlers know. */
  get context(): Context {
    return this.#context
  }

  get map(): MemoryMap {
    return this.#context.map
  }

  /** L0 has begun to deal with the vCPU's last exit, and has not executed VMRUN yet. */
  isInTurn(processor: number): boolean {
    return this.#threads[processor].handler !== undefined
  }

  /** L0's state of a vCPU; not to be changed. */
  state(processor: number): VcpuState {
    return this.#threads[processor].state
  }

  step(port: HostPort): void {
    if (!this.#isSetUp) this.#setUp(port)
    const thread = this.#threads[port.index]
    const handler = (thread.handler ??= this.#begin(thread))
    let answer = handler.answers.at(-1)
    for (;;) {
      const { done, value: effect } = handler.turn.next(answer)
      if (done) break
      answer = perform(port, this.#context.map, effect)
      this.#note(port, effect)
      handler.answers.push(answer)
      if (effect.kind === 'vmrun') break
      if (isSchedulingPoint(effect)) return
    }
    thread.handler = undefined
  }

  #begin({ state, before }: Thread): NonNullable<Thread['handler']> {
    copyVcpuState(state, before)
    return { answers: [], turn: turn(this.#context, state) }
  }

  /** What L0 puts into its pages before anything runs. */
  #setUp(port: HostPort): void {
    const { map } = this.#context
    for (const { address, entries } of nestedTables(map)) port.write(address, new Uint8Array(entries.buffer))
    port.write(map.iopm, new Uint8Array(IOPM_BYTES).fill(0xff))
    port.write(map.msrpm01, permissionMap(MSRS_OF_L1))
    port.write(map.msrpm02, permissionMap(MSRS_OF_L2))
    this.#isSetUp = true
  }

  /** Writes down what L0 reports. */
  #note({ index, instructions }: HostPort, effect: Effect): void {
    const event = eventOf(effect)
    if (event === undefined) return
    const placed = { ...event, processor: index, ownInstructions: instructions }
    this.#events.push(placed)
    this.#listener?.(placed)
    this.#eventCount++
    if (this.#events.length > 2 * EVENTS) this.#events = this.#events.slice(-EVENTS)
  }

  reset(): void {
    this.#threads = this.#createThreads()
    this.#events = []
    this.#eventCount = 0
    this.#isSetUp = false
  }

  save(): number[] {
    return encodeState({
      threads: this.#threads.map(({ state, before, handler }) => ({
        state: handler === undefined ? state : before,
        answers: handler?.answers,
      })),
      events: this.#eventCount,
    })
  }

  /** Throws RangeError for a list that save() cannot have given. */
  restore(words: readonly number[]): void {
    const saved = decodeState(
      words,
      this.#createThreads().map(({ state }) => state),
    )
    this.#threads = saved.threads.map(({ state, answers }) =>
      this.#resume(state, answers as Answer[] | undefined),
    )
    this.#rewindEvents(saved.events)
    this.#isSetUp = this.#threads.some(({ state, handler }) => state.known || handler !== undefined)
  }

  /** A thread whose handler, if it had begun, has got these answers so far. */
  #resume(state: VcpuState, answers: Answer[] | undefined): Thread {
    const thread = createThread(state)
    if (answers === undefined) return thread
    const handler = { answers, turn: turn(this.#context, state) }
    let answer: Answer
    for (const next of answers) {
      const { done, value: effect } = handler.turn.next(answer)
      if (done || !canAnswer(effect, next))
        throw new RangeError('no state of a hypervisor: its answers do not fit')
      // The last one is what the handler goes on with at its next step.
      answer = next
    }
    thread.handler = handler
    return thread
  }

  #rewindEvents(count: number): void {
    const forgotten = this.#eventCount - this.#events.length
    if (count >= forgotten && count <= this.#eventCount) this.#events.length = count - forgotten
    else this.#events = []
    this.#eventCount = count
  }
}
