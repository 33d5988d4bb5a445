/**
 * One vCPU of L1 in a race: what L1 and L2 do on it is a list of actions, what L0 does then is L0's own code (l1.ts). A store is a
 * step; so is each look of L0 at L1's memory, each of its stores there, and its VMRUN.
 */
import type { CpuModel, HostPort } from '../machine/index.ts'
import { EXIT, failedChecks, imageView } from '../svm/index.ts'
import type { Context } from './context.ts'
import { isSchedulingPoint, type Effect } from './effects.ts'
import type { Side, Step } from './explorer.ts'
import { turn } from './l1.ts'
import { l2HasOwnPat } from './pat.ts'
import { perform } from './perform.ts'
import type { CopiedMemory } from './race-memory.ts'
import { cloneVcpuState, emptyImage, type VcpuState } from './state.ts'
import { bytesOf, copyImage, get, intercepts, put } from './vmcb-image.ts'

/** One instruction that stores a value of 1, 2, 4 or 8 bytes. */
export interface Store {
  readonly address: number
  readonly bytes: 1 | 2 | 4 | 8
  readonly value: bigint
}

/** VMRUN of a VMCB in L1's memory. */
export interface Vmrun {
  readonly vmrun: number
}

/** What a vCPU does next: L1 stores or executes VMRUN, and its L2 executes VMMCALL, wherever it is. No L2, no VMMCALL. */
export type Action = Store | Vmrun | 'vmmcall'

export function isStore(action: Action): action is Store {
  return action !== 'vmmcall' && 'address' in action
}

/** How L2 was run for a VMRUN of L1. */
export interface Run {
  /** As it was given to the processor. */
  readonly vmcb02: DataView
  /** The cached control area. */
  readonly controls: DataView
  /** L2 has a PAT that is not L1's. */
  readonly hasOwnPat: boolean
  /** Ids of the processor's own checks that VMRUN of vmcb02 fails. */
  readonly failed: readonly string[]
}

/** Where a vCPU is when a race begins: L0 has not looked at its last exit yet. */
export interface VcpuStart {
  readonly state: VcpuState
  readonly general: BigUint64Array
}

/**
 * A processor for perform(), as far as a nested VMRUN needs one: no event is pending, and MSRs that L0 does not keep itself are not
 * there.
 */
function modelPort(index: number, model: CpuModel, general: BigUint64Array, memory: CopiedMemory): HostPort {
  return {
    index,
    model,
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
    nmiMasked: false,
    take: () => false,
    raise: () => undefined,
    invalidatePage: () => undefined,
    init: () => undefined,
    shutdown: () => undefined,
  }
}

const NOTHING = new Uint8Array()
const PAGE = 4096

export class VcpuSide implements Side {
  /** L2's runs, by the number of the VMRUN among the side's steps. */
  readonly runs = new Map<number, Run>()
  readonly #context: Context
  readonly #vcpu: VcpuState
  readonly #memory: CopiedMemory
  readonly #port: HostPort
  readonly #actions: readonly Action[]
  /** Actions that have begun. */
  #begun = 0
  /** Steps that were taken. */
  #steps = 0
  #turn: ReturnType<typeof turn> | undefined
  #effect: Effect | undefined
  #step: Step | undefined

  constructor(context: Context, start: VcpuStart, actions: readonly Action[], memory: CopiedMemory) {
    const { state, general } = start
    this.#context = context
    this.#vcpu = cloneVcpuState(state)
    this.#memory = memory
    this.#port = modelPort(state.index, context.model, general, memory)
    this.#actions = actions
    this.#toNextAction()
  }

  get next(): Step | undefined {
    return this.#step
  }

  advance(): Uint8Array {
    const data = this.#effect === undefined ? this.#store() : this.#perform(this.#effect)
    this.#steps++
    return data
  }

  #store(): Uint8Array {
    const store = this.#actions[this.#begun - 1] as Store
    const data = dataOf(store)
    this.#memory.write(store.address, data)
    this.#toNextAction()
    return data
  }

  #perform(effect: Effect): Uint8Array {
    const answer = perform(this.#port, this.#context.map, effect)
    if (effect.kind === 'vmrun') this.#noteRun(effect.vmcb)
    this.#toNextPoint(answer)
    if (answer instanceof Uint8Array) return answer
    return effect.kind === 'write' ? writtenBytes(effect) : NOTHING
  }

  #noteRun(page: number): void {
    const { nested } = this.#vcpu
    if (!nested.guestMode || !nested.runPending) return
    const vmcb02 = new DataView(this.#memory.read(page, PAGE).buffer)
    const controls = emptyImage()
    copyImage(nested.controls, controls)
    this.runs.set(this.#steps, {
      vmcb02,
      controls,
      hasOwnPat: l2HasOwnPat(this.#vcpu, this.#context.decisions),
      failed: failedChecks(imageView(vmcb02), this.#context.facts).map(({ id }) => id),
    })
  }

  /** Performs L0's effects up to the next scheduling point; at the end of a turn L1 or L2 goes on. */
  #toNextPoint(answer: ReturnType<typeof perform>): void {
    for (;;) {
      const { done, value } = this.#turn!.next(answer)
      if (done) break
      this.#effect = value
      this.#step = stepOf(value)
      if (isSchedulingPoint(value)) return
      answer = perform(this.#port, this.#context.map, value)
    }
    this.#toNextAction()
  }

  #toNextAction(): void {
    this.#effect = this.#step = undefined
    const isOver = this.#steps > 0 && !this.#vcpu.started
    const action = isOver ? undefined : this.#actions[this.#begun++]
    if (action === undefined) return
    if (isStore(action)) this.#step = storeStep(action)
    else if (action === 'vmmcall') this.#leaveL2()
    else this.#exit(EXIT.VMRUN, action.vmrun)
  }

  /** L2 exits: with VMMCALL if that is intercepted, at once if its VMRUN failed. */
  #leaveL2(): void {
    const { map } = this.#context
    if (!this.#vcpu.nested.guestMode) {
      this.#toNextAction()
      return
    }
    const vmcb02 = new DataView(this.#memory.read(map.vcpus[this.#vcpu.index].vmcb02, PAGE).buffer)
    const hasFailed = failedChecks(imageView(vmcb02), this.#context.facts).length > 0
    if (hasFailed) this.#exit(EXIT.INVALID)
    else if (intercepts(vmcb02, EXIT.VMMCALL)) this.#exit(EXIT.VMMCALL)
    else this.#begun = this.#actions.length
  }

  /** What runs exits to L0, as the processor does it, as far as L0 looks at it. */
  #exit(code: number, rax?: number): void {
    const pages = this.#context.map.vcpus[this.#vcpu.index]
    const page = this.#vcpu.nested.guestMode ? pages.vmcb02 : pages.vmcb01
    const image = new DataView(this.#memory.read(page, PAGE).buffer)
    const INSTRUCTION_BYTES = 3n
    put(image, 'control.exit_code', BigInt(code))
    for (const key of ['exit_info_1', 'exit_info_2', 'exit_int_info', 'event_inj'])
      put(image, `control.${key}`, 0n)
    put(image, 'control.n_rip', get(image, 'save.rip') + INSTRUCTION_BYTES)
    if (rax !== undefined) put(image, 'save.rax', BigInt(rax))
    this.#memory.write(page, bytesOf(image))
    this.#turn = turn(this.#context, this.#vcpu)
    this.#toNextPoint(undefined)
  }
}

/** The bytes of each span, one after the other. */
function writtenBytes({ data, only }: Extract<Effect, { kind: 'write' }>): Uint8Array {
  return Uint8Array.from(only.flatMap(({ offset, bytes }) => [...data.subarray(offset, offset + bytes)]))
}

function stepOf(effect: Effect): Step | undefined {
  switch (effect.kind) {
    case 'read':
      return { kind: 'read', what: effect.what, look: effect.look, reads: [effect], writes: [] }
    case 'compare':
      return { kind: 'read', what: effect.what, reads: effect.words, writes: [] }
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

function storeStep({ address, bytes }: Store): Step {
  return { kind: 'write', what: 'store', reads: [], writes: [{ address, bytes }] }
}
