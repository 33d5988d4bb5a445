/** The record of what the machine did that registers and memory do not show any more. */
import type { FailedCheck, Observer, VmexitEvent } from '../state/cpu.ts'
import type { Exit } from '../state/faults.ts'
import { VCPU_STRIDE } from '../state/memory-map.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { fieldAt, groupNames, VMCB_BYTES, type CleanGroup } from '../svm/index.ts'
import { Log } from './log.ts'

/** An exception is raised, or an exception or interrupt goes through the IDT. */
export interface ExceptionEvent {
  readonly kind: 'raised' | 'delivered'
  readonly processor: number
  readonly instructions: number
  readonly vector: number
  /** -1: the vector has no error code. */
  readonly errorCode: number
  /** #PF: the address that CR2 gets; otherwise 0. */
  readonly linearAddress: bigint
}

/** `instructions` is the machine's count when it happened, `ownInstructions` that of the processor. */
export type MachineEvent =
  | {
      readonly kind: 'vmrun'
      readonly processor: number
      readonly instructions: number
      readonly ownInstructions: number
      readonly vmcb: number
      /** The groups of fields that came from the state cache and not from memory. */
      readonly fromCache: readonly CleanGroup[]
    }
  | ({
      readonly kind: 'vmexit'
      readonly processor: number
      readonly ownInstructions: number
    } & VmexitEvent)
  | ExceptionEvent
  | {
      /** A strict machine: a program read what the manual leaves undefined. */
      readonly kind: 'relied-on-undefined'
      readonly processor: number
      readonly instructions: number
      /** Physical address of the 32-bit word. */
      readonly address: number
      /** Name in the field table, for a VMCB. */
      readonly field: string | undefined
    }

const KINDS = ['vmrun', 'vmexit', 'raised', 'delivered', 'relied-on-undefined'] as const
const KIND = { vmrun: 0, vmexit: 1, raised: 2, delivered: 3, reliedOnUndefined: 4 } as const

/**
 * An event in the log is 9 numbers of 64 bits, because guests exit a hundred thousand times a second and hardly anybody looks:
 *
 *   0  f64  instructions
 *   1  u32  15:8 processor, 7:0 kind
 *                         u32  vmrun: fromCache as clean bits; vmexit: ASID; others: vector
 *   2  f64  vmrun, vmexit: VMCB; relied-on-undefined: address; others: error code
 *   3  u64  vmexit: exit code; others: linear address
 *   4  u64  EXITINFO1   5  u64  EXITINFO2   6  u64  rIP   7  u64  nRIP
 *   8  f64  instructions of the processor
 */
const QUADS = 9

const NO_CHECKS: readonly FailedCheck[] = []

export class EventLog extends Log<MachineEvent> {
  /** Instructions that the processors attempted which are not executing now. */
  byOthers = 0
  /** Told of exits by code and of exceptions raised by vector, while a run is to end at some of them. */
  noticed: ((kind: 'vmexit' | 'raised', code: number) => void) | undefined
  readonly #quads: BigUint64Array
  readonly #floats: Float64Array
  readonly #words: Uint32Array
  /** By slot, for exits. */
  readonly #failedChecks: (readonly FailedCheck[])[]

  constructor(capacity: number) {
    super(capacity)
    this.#quads = new BigUint64Array(capacity * QUADS)
    this.#floats = new Float64Array(this.#quads.buffer)
    this.#words = new Uint32Array(this.#quads.buffer)
    this.#failedChecks = new Array<readonly FailedCheck[]>(capacity).fill(NO_CHECKS)
  }

  /** Begins an event and returns the index of its first quad. `detail` and `number` as the kind has them. */
  #begin(kind: number, state: Vcpu, detail: number, number: number): number {
    const at = this.claim() * QUADS
    this.#floats[at] = state.instructions + this.byOthers
    this.#floats[at + 8] = state.instructions
    this.#words[(at + 1) * 2] = kind | ((state.base / VCPU_STRIDE) << 8)
    this.#words[(at + 1) * 2 + 1] = detail
    this.#floats[at + 2] = number
    return at
  }

  vmrun(state: Vcpu, vmcb: number, fromCache: number): void {
    this.#begin(KIND.vmrun, state, fromCache, vmcb)
  }

  /** Exit codes below zero are numbers of 64 bits in the VMCB. */
  vmexit(state: Vcpu, exit: Exit, nextRip: bigint, failedChecks: readonly FailedCheck[]): void {
    const at = this.#begin(KIND.vmexit, state, state.asid, state.vmcb)
    const words = this.#words
    words[(at + 3) * 2] = exit.code
    words[(at + 3) * 2 + 1] = exit.code < 0 ? 0xffff_ffff : 0
    this.#quads[at + 4] = exit.info1 ?? 0n
    this.#quads[at + 5] = exit.info2 ?? 0n
    this.#quads[at + 6] = state.rip
    this.#quads[at + 7] = nextRip
    this.#failedChecks[at / QUADS] = failedChecks
    this.noticed?.('vmexit', exit.code)
  }

  exception(
    kind: ExceptionEvent['kind'],
    state: Vcpu,
    vector: number,
    errorCode: number,
    linearAddress: bigint,
  ): void {
    const at = this.#begin(KIND[kind], state, vector, errorCode)
    this.#quads[at + 3] = linearAddress
    if (kind === 'raised') this.noticed?.(kind, vector)
  }

  /** `address`: a physical address in a VMCB. */
  reliedOnUndefined(state: Vcpu, address: number): void {
    this.#begin(KIND.reliedOnUndefined, state, 0, address)
  }

  protected read(slot: number): MachineEvent {
    const at = slot * QUADS
    const quads = this.#quads
    const instructions = this.#floats[at]
    const ownInstructions = this.#floats[at + 8]
    const kind = KINDS[this.#words[(at + 1) * 2] & 0xff]
    const processor = this.#words[(at + 1) * 2] >>> 8
    const detail = this.#words[(at + 1) * 2 + 1]
    const number = this.#floats[at + 2]
    switch (kind) {
      case 'vmrun':
        return { kind, processor, instructions, ownInstructions, vmcb: number, fromCache: groupNames(detail) }
      case 'vmexit':
        return {
          kind,
          processor,
          instructions,
          ownInstructions,
          vmcb: number,
          asid: detail,
          code: quads[at + 3],
          info1: quads[at + 4],
          info2: quads[at + 5],
          rip: quads[at + 6],
          nextRip: quads[at + 7],
          failedChecks: this.#failedChecks[slot],
        }
      case 'raised':
      case 'delivered':
        return {
          kind,
          processor,
          instructions,
          vector: detail,
          errorCode: number,
          linearAddress: quads[at + 3],
        }
      case 'relied-on-undefined':
        return { kind, processor, instructions, address: number, field: fieldAt(number % VMCB_BYTES)?.key }
    }
  }
}

/** An observer that writes down what it hears. */
export function recordEvents(state: Vcpu, log: EventLog): Observer {
  return {
    vmrun(vmcb, fromCache) {
      log.vmrun(state, vmcb, fromCache)
    },
    vmexit(exit, nextRip, failedChecks) {
      log.vmexit(state, exit, nextRip, failedChecks)
    },
    raised({ vector, errorCode, linearAddress }) {
      log.exception('raised', state, vector, errorCode, linearAddress)
    },
    delivered(vector, errorCode, linearAddress) {
      log.exception('delivered', state, vector, errorCode, linearAddress)
    },
  }
}
