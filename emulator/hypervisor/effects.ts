/**
 * What L0 may do, as data. L0's handlers are generators: they compute on the state of their vCPU (state.ts) and yield an Effect
 * for everything else, so that somebody else decides when it happens. The runner performs effects on the machine; a test can
 * answer them itself.
 */

import type { VmexitEvent } from '../machine/index.ts'
import { VMCB_BYTES } from '../svm/index.ts'
import type { Span } from './vmcb-image.ts'

export type Effect =
  /** Reads L1's memory at a guest-physical address of L1. A scheduling point. Answered with the bytes, undefined where L1 has no RAM. */
  | {
      readonly kind: 'read'
      readonly address: number
      readonly bytes: number
      readonly what: string
      readonly look?: Look | undefined
    }
  /** A look at several words of L1's memory. A scheduling point. Answered with whether all of them have their value. */
  | { readonly kind: 'compare'; readonly words: readonly Word[]; readonly what: string }
  /**
   * Writes L1's memory: the spans `only` of `data`. A scheduling point. Answered with whether L1 has RAM there.
   */
  | {
      readonly kind: 'write'
      readonly address: number
      readonly data: Uint8Array
      readonly what: string
      readonly only: readonly Span[]
    }
  /** L0's own pages, by system-physical address; nobody else can see them. */
  | { readonly kind: 'read-own'; readonly address: number; readonly bytes: number }
  | { readonly kind: 'write-own'; readonly address: number; readonly data: Uint8Array }
  /** The general registers of the guest that exited, in the manual's numbering; those of rAX and rSP are in its VMCB. */
  | { readonly kind: 'registers' }
  | { readonly kind: 'set-register'; readonly register: number; readonly value: bigint }
  /** VMRUN of one of L0's VMCBs: the end of a turn, and a scheduling point. `interrupts`: L0's rFLAGS.IF. */
  | { readonly kind: 'vmrun'; readonly vmcb: number; readonly interrupts: boolean }
  | { readonly kind: 'vmload' | 'vmsave'; readonly vmcb: number }
  /** RDMSR: answered with the value, undefined where it raises #GP(0). */
  | { readonly kind: 'read-msr'; readonly msr: number }
  /** WRMSR: answered with whether the register took the value. */
  | { readonly kind: 'write-msr'; readonly msr: number; readonly value: bigint }
  /** Takes an event that is pending in the processor away. Answered with whether it was. */
  | { readonly kind: 'take'; readonly event: 'nmi' | 'smi' }
  /** Makes an event pending in the processor. */
  | { readonly kind: 'raise'; readonly event: 'nmi' | 'smi' | 'init' }
  /** CR8, the task priority. Answered with its value. */
  | { readonly kind: 'task-priority' }
  | { readonly kind: 'set-task-priority'; readonly value: number }
  /** NMIs wait until IRET. Answered with whether they do. */
  | { readonly kind: 'nmi-mask' }
  | { readonly kind: 'set-nmi-mask'; readonly masked: boolean }
  /** The state in which RESET, INIT or a loader left the processor, written to L0's page as a VMCB. The host takes its place. */
  | { readonly kind: 'capture'; readonly vmcb: number }
  /** INIT of the processor. */
  | { readonly kind: 'init' }
  /** The processor shuts down; `rip` is where its guest was. */
  | { readonly kind: 'shutdown'; readonly rip: bigint }
  /** INVLPGA: a page of an address space of the TLB. */
  | { readonly kind: 'invalidate'; readonly linear: bigint; readonly asid: number }
  /** L0 decided something that the design leaves open; for the views, and nothing depends on it. */
  | Decision
  /** L1's own world switches, as L1 sees them. */
  | { readonly kind: 'nested'; readonly event: NestedEvent }

/** 4 or 8 bytes in L1's memory. */
export interface Word {
  readonly address: number
  readonly bytes: 4 | 8
  readonly value: bigint
}

/** A look at vmcb12: the bytes from an offset on, and what L0 wants them for (copies.ts). */
export interface Look extends Span {
  readonly purpose: (typeof LOOK_PURPOSES)[number]
}

export const LOOK_PURPOSES = ['copy', 'check', 'use'] as const

export interface Decision {
  readonly kind: 'decision'
  readonly rule: string
  readonly field: string
  readonly value: bigint
}

export type NestedEvent =
  | { readonly kind: 'vmrun'; readonly vmcb: number }
  /** The user moved the vCPU. `error` is empty, or what setting the nested state was refused with, by `rule`. */
  | {
      readonly kind: 'restored'
      readonly error: '' | 'EINVAL' | 'EFAULT'
      readonly rule: string
      /** L2 ran. */
      readonly guestMode: boolean
    }
  | (Omit<VmexitEvent, 'instructions' | 'failedChecks'> & {
      readonly kind: 'vmexit'
      /** Of VMEXIT_INVALID: what L0 objected to. */
      readonly failedChecks: readonly string[]
    })

/** L0 looked at vmcb12. */
export interface LookEvent extends Look {
  readonly kind: 'look'
}

/** What L0 reports of what it does. */
export type HandlerEvent = NestedEvent | Decision | LookEvent

/** What is written down of an effect. Of a look in pieces, the first one stands for all. */
export function eventOf(effect: Effect): HandlerEvent | undefined {
  switch (effect.kind) {
    case 'nested':
      return effect.event
    case 'decision':
      return effect
    case 'read':
      return effect.look?.offset === effect.address % VMCB_BYTES
        ? { kind: 'look', ...effect.look }
        : undefined
    default:
      return undefined
  }
}

/** What an Effect is answered with. */
export type Answer = undefined | boolean | bigint | readonly bigint[] | Uint8Array

/** A piece of L0 that returns T after its effects were performed. */
export type Handler<T> = Generator<Effect, T, Answer>

/** A handler whose events are kept in `events`, too. */
export function* noting<T>(handler: Handler<T>, events: HandlerEvent[]): Handler<T> {
  let answer: Answer
  for (;;) {
    const { done, value } = handler.next(answer)
    if (done) return value
    const event = eventOf(value)
    if (event !== undefined) events.push(event)
    answer = yield value
  }
}

/** Effects at which another vCPU may go on: the only places where L1 can change what L0 looks at. */
export function isSchedulingPoint({ kind }: Effect): boolean {
  return kind === 'read' || kind === 'compare' || kind === 'write' || kind === 'vmrun'
}

/** Bytes of L1's memory; undefined where L1 has no RAM. `what` names them for traces; `look` when they are vmcb12's. */
export function* read(
  address: number,
  bytes: number,
  what: string,
  look?: Look,
): Handler<Uint8Array | undefined> {
  return (yield { kind: 'read', address, bytes, what, look }) as Uint8Array | undefined
}

/** Whether words in L1's memory have their values; not where L1 has no RAM. */
export function* compare(words: readonly Word[], what: string): Handler<boolean> {
  return (yield { kind: 'compare', words, what }) as boolean
}

/** Writes to L1's memory, all bytes or the spans `only` of them. False where L1 has no RAM, and then nothing is written. */
export function* write(
  address: number,
  data: Uint8Array,
  what: string,
  only: readonly Span[] = [{ offset: 0, bytes: data.length }],
): Handler<boolean> {
  return (yield { kind: 'write', address, data, what, only }) as boolean
}

export function* readOwn(address: number, bytes: number): Handler<Uint8Array> {
  return (yield { kind: 'read-own', address, bytes }) as Uint8Array
}

export function* writeOwn(address: number, data: Uint8Array): Handler<void> {
  yield { kind: 'write-own', address, data }
}

export function* registers(): Handler<readonly bigint[]> {
  return (yield { kind: 'registers' }) as readonly bigint[]
}

export function* setRegister(register: number, value: bigint): Handler<void> {
  yield { kind: 'set-register', register, value }
}

/** The value of an MSR of the processor; undefined where RDMSR raises #GP(0). */
export function* readMsr(msr: number): Handler<bigint | undefined> {
  return (yield { kind: 'read-msr', msr }) as bigint | undefined
}

/** False where WRMSR raises #GP(0). */
export function* writeMsr(msr: number, value: bigint): Handler<boolean> {
  return (yield { kind: 'write-msr', msr, value }) as boolean
}

/** Whether the event was pending; it is not any more. */
export function* take(event: 'nmi' | 'smi'): Handler<boolean> {
  return (yield { kind: 'take', event }) as boolean
}

export function* nmiMask(): Handler<boolean> {
  return (yield { kind: 'nmi-mask' }) as boolean
}

export function* taskPriority(): Handler<bigint> {
  return (yield { kind: 'task-priority' }) as bigint
}

/** Says that `rule` decided, about a VMCB field and a value. */
export function* decided(rule: string, field: string, value: bigint): Handler<void> {
  yield { kind: 'decision', rule, field, value }
}
