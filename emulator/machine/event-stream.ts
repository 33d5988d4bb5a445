/**
 * What the machine does, in detail, for whoever listens: one stream of events by kind. A machine that somebody listens to
 * evaluates every instruction and fills no fast tags; its state is the same as that of one that nobody listens to.
 */
import type { Transaction } from '../caches/transactions.ts'
import type { Instruction } from '../isa/instruction.ts'
import { CS } from '../isa/registers.ts'
import { dropContexts } from '../paging/contexts.ts'
import type { EntryType } from '../paging/entry-type.ts'
import { readEntry, type TlbEntry } from '../paging/tlb.ts'
import { heldTranslation } from '../paging/translate.ts'
import type { Cpu, Observer, Ports, VmcbWords, Virtualization } from '../state/cpu.ts'
import { EXIT, exitCode } from '../state/exit-codes.ts'
import { VECTOR } from '../state/faults.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { requestedInterrupts } from '../system/local-apic.ts'
import { VIRTUAL_INTERRUPT } from '../system/virtual-interrupt.ts'
import { CHECKS, cpuFacts, fieldValue, groupNames, VMCB_FIELDS, type VmcbField } from '../svm/index.ts'

/** Where a field's value came from, or what the world switch did with it. */
export type FieldSource = 'memory' | 'state cache' | 'processor'

export interface SwitchedField {
  /** Name in the field table: 'save.rip'. */
  readonly field: string
  /** Of at most 8 bytes. */
  readonly value: bigint
  readonly source: FieldSource
}

/** The kinds of events and what each tells. Addresses: `linear` is a gVA, `guestAddress` a gPA, `address` an sPA. */
export interface StreamEvents {
  /** About to execute. `linear` is CS base and rIP. */
  instruction: { readonly rip: bigint; readonly linear: bigint; readonly instruction: Instruction }
  /** To data. Without paging there is no entry, and no type but that of the MTRRs. */
  access: {
    readonly write: boolean
    readonly linear: bigint
    readonly guestAddress: number
    readonly address: number
    readonly bytes: number
    readonly value: bigint
    readonly memoryType: EntryType | undefined
  }
  /** An entry was read. `levels`: those left, 1 for a page table. */
  walk: {
    readonly nested: boolean
    readonly levels: number
    readonly address: number
    readonly entry: bigint
  }
  tlb: { readonly what: 'hit' | 'fill' | 'evict'; readonly entry: TlbEntry }
  /** An intercept was looked up in guest mode. */
  intercept: { readonly code: number; readonly name: string; readonly taken: boolean }
  /** A consistency check of VMRUN. */
  check: { readonly id: string; readonly field: string; readonly value: bigint; readonly failed: boolean }
  /** VMRUN loads fields from the VMCB, or #VMEXIT stores them there. */
  'world-switch': {
    readonly direction: 'vmrun' | 'vmexit'
    readonly vmcb: number
    readonly fields: readonly SwitchedField[]
  }
  /** An event on its way: held back while an instruction executes, put in by EVENTINJ, raised, going through the IDT. */
  event: { readonly what: 'pending' | 'injected' | 'raised' | 'taken'; readonly vector: number }
  /** An access to a port or a device; in a machine with caches, everything that reaches memory. */
  bus:
    | Omit<Transaction, 'instructions'>
    | {
        readonly agent: number
        readonly kind: 'port-read' | 'port-write' | 'device-read' | 'device-write'
        readonly address: number
        readonly bytes: number
        readonly value: bigint
      }
}

/** Every kind of event. */
export const STREAM_KINDS = [
  'instruction',
  'access',
  'walk',
  'tlb',
  'intercept',
  'check',
  'world-switch',
  'event',
  'bus',
] as const satisfies readonly (keyof StreamEvents)[]

export type StreamKind = (typeof STREAM_KINDS)[number]

export type StreamEvent = {
  readonly [K in StreamKind]: {
    readonly kind: K
    readonly processor: number
    /** Instructions attempted by that processor. */
    readonly instructions: number
    readonly event: StreamEvents[K]
  }
}[StreamKind]

type Listener = (event: StreamEvent) => void

interface Subscription {
  readonly kinds: ReadonlySet<StreamKind>
  readonly listener: Listener
}

/** What of a processor is exchanged while somebody listens. */
interface Instrumented {
  observer: Observer
  virtualization: Virtualization
  ports: Ports
}

export class EventStream {
  readonly #cpus: readonly Cpu[]
  /** What the processors have while nobody listens. */
  readonly #plain: readonly Instrumented[]
  readonly #subscriptions = new Set<Subscription>()

  constructor(cpus: readonly Cpu[]) {
    this.#cpus = cpus
    this.#plain = cpus.map(({ observer, virtualization, ports }) => ({ observer, virtualization, ports }))
  }

  /** True while somebody listens to something. */
  get active(): boolean {
    return this.#subscriptions.size > 0
  }

  /** Calls `listener` with every event of these kinds from now on. Returns what ends that. */
  listen(kinds: readonly StreamKind[], listener: Listener): () => void {
    const subscription = { kinds: new Set(kinds), listener }
    this.#subscriptions.add(subscription)
    this.#instrument()
    return () => {
      this.#subscriptions.delete(subscription)
      this.#instrument()
    }
  }

  /** Passes on what a machine with caches had to say about its bus. */
  transaction(cpu: Cpu, { agent, kind, cause, address, data }: Omit<Transaction, 'instructions'>): void {
    this.#emit(cpu, 'bus', { agent, kind, cause, address, data })
  }

  #emit<K extends StreamKind>(cpu: Cpu, kind: K, event: StreamEvents[K]): void {
    const { instructions } = cpu.state
    const whole = { kind, processor: cpu.index, instructions, event } as StreamEvent
    for (const { kinds, listener } of this.#subscriptions) if (kinds.has(kind)) listener(whole)
  }

  #instrument(): void {
    const wanted = new Set([...this.#subscriptions].flatMap(({ kinds }) => [...kinds]))
    for (const cpu of this.#cpus) {
      const target: Instrumented = cpu
      const plain = this.#plain[cpu.index]
      target.observer = wanted.size === 0 ? plain.observer : this.#observer(cpu, plain.observer, wanted)
      target.virtualization = wanted.has('intercept')
        ? this.#virtualization(cpu, plain.virtualization)
        : plain.virtualization
      target.ports = wanted.has('bus') ? this.#ports(cpu, plain.ports) : plain.ports
      dropContexts(cpu)
    }
  }

  #observer(cpu: Cpu, plain: Observer, wanted: ReadonlySet<StreamKind>): Observer {
    const detailed: Observer = {
      vmrun: (vmcb, fromCache, view) => {
        plain.vmrun?.(vmcb, fromCache, view)
        this.#reportVmrun(cpu, vmcb, fromCache, view)
      },
      vmexit: (exit, nextRip, failedChecks) => {
        plain.vmexit?.(exit, nextRip, failedChecks)
        if (failedChecks.length === 0) this.#reportVmexit(cpu)
      },
      raised: (fault) => {
        plain.raised?.(fault)
        this.#emit(cpu, 'event', { what: 'raised', vector: fault.vector })
      },
      delivered: (vector, errorCode, linearAddress) => {
        plain.delivered?.(vector, errorCode, linearAddress)
        this.#emit(cpu, 'event', { what: 'taken', vector })
      },
    }
    if (wanted.has('instruction') || wanted.has('event')) {
      let waiting: readonly number[] = []
      detailed.instruction = (instruction, rip) => {
        const before = waiting
        waiting = waitingVectors(cpu.state)
        for (const vector of waiting)
          if (!before.includes(vector)) this.#emit(cpu, 'event', { what: 'pending', vector })
        const linear = BigInt.asUintN(64, cpu.state.segments[CS].base + rip)
        this.#emit(cpu, 'instruction', { rip, linear, instruction })
      }
    }
    if (wanted.has('access') || wanted.has('bus'))
      detailed.access = (write, linear, address, bytes, value) =>
        this.#reportAccess(cpu, write, linear, address, bytes, value)
    if (wanted.has('walk'))
      detailed.walkStep = (nested, levels, address, entry) =>
        this.#emit(cpu, 'walk', { nested, levels, address, entry })
    if (wanted.has('tlb'))
      detailed.tlb = (what, at) => this.#emit(cpu, 'tlb', { what, entry: readEntry(cpu.state, at) })
    return detailed
  }

  #reportAccess(
    cpu: Cpu,
    write: boolean,
    linear: bigint,
    address: number,
    bytes: number,
    value: bigint,
  ): void {
    const held = heldTranslation(cpu.state, linear)
    const { guestAddress = address, memoryType } = held ?? {}
    this.#emit(cpu, 'access', { write, linear, guestAddress, address, bytes, value, memoryType })
    // Caches report what reaches the bus themselves.
    if (cpu.caches === undefined && !cpu.memory.isRam(address)) {
      const kind = write ? 'device-write' : 'device-read'
      this.#emit(cpu, 'bus', { agent: cpu.index, kind, address, bytes, value })
    }
  }

  #reportVmrun(cpu: Cpu, vmcb: number, fromCache: number, view: VmcbWords): void {
    const facts = cpuFacts(cpu)
    let valid = true
    for (const { id, fields, fails } of CHECKS) {
      const failed = fails(view, facts)
      valid &&= !failed
      this.#emit(cpu, 'check', { id, field: fields[0], value: fieldValue(view, fields[0]), failed })
    }
    if (!valid) return
    const cached = new Set<string>(groupNames(fromCache))
    const fields = switchedFields('vmrun', view, ({ clean }) =>
      clean !== undefined && cached.has(clean) ? 'state cache' : 'memory',
    )
    this.#emit(cpu, 'world-switch', { direction: 'vmrun', vmcb, fields })
    const injected = fieldValue(view, 'control.event_inj')
    if (injected & EVENT_VALID)
      this.#emit(cpu, 'event', { what: 'injected', vector: Number(injected & 0xffn) })
  }

  #reportVmexit(cpu: Cpu): void {
    const { vmcb } = cpu.state
    const view = { word: (offset: number) => cpu.memory.read32(vmcb + offset) }
    const fields = switchedFields('vmexit', view, () => 'processor')
    this.#emit(cpu, 'world-switch', { direction: 'vmexit', vmcb, fields })
  }

  /** Intercepts that report whether the VMCB asks for them. */
  #virtualization(cpu: Cpu, plain: Virtualization): Virtualization {
    const report = (code: number, taken: boolean): void =>
      this.#emit(cpu, 'intercept', { code, name: exitCode(code)?.name ?? `${code}`, taken })
    /** Calls a function that throws an Exit where the intercept is taken. */
    const thrown = (code: number, test: () => void): void => {
      let taken = true
      try {
        test()
        taken = false
      } finally {
        report(code, taken)
      }
    }
    const returned = <T>(code: number, exit: T): T => {
      report(code, exit !== undefined)
      return exit
    }
    return {
      ...plain,
      intercept: (on, code, info1, info2) => thrown(code, () => plain.intercept(on, code, info1, info2)),
      exitFor: (on, code, info1, info2) => returned(code, plain.exitFor(on, code, info1, info2)),
      interceptMsr: (on, msr, write) => thrown(EXIT.MSR, () => plain.interceptMsr(on, msr, write)),
      exitForIo: (on, port, size, info1) => returned(EXIT.IOIO, plain.exitForIo(on, port, size, info1)),
      interceptException: (on, fault) =>
        thrown(EXIT.EXCEPTION_0 + fault.vector, () => plain.interceptException(on, fault)),
    }
  }

  #ports(cpu: Cpu, plain: Ports): Ports {
    const report = (kind: 'port-read' | 'port-write', address: number, bytes: number, value: number): void =>
      this.#emit(cpu, 'bus', { agent: cpu.index, kind, address, bytes, value: BigInt(value >>> 0) })
    return {
      read: (port, size) => {
        const value = plain.read(port, size)
        report('port-read', port, size, value)
        return value
      },
      write: (port, size, value) => {
        report('port-write', port, size, value)
        plain.write(port, size, value)
      },
    }
  }
}

/** Interrupts and NMIs that have arrived and are not taken: vectors, without repetition. */
function waitingVectors(state: Vcpu): number[] {
  const nmi = state.nmiPending ? [VECTOR.NMI] : []
  const virtual = state.virtualInterrupt & VIRTUAL_INTERRUPT.irq ? [state.virtualInterruptVector] : []
  return [...new Set([...nmi, ...virtual, ...requestedInterrupts(state)])]
}

const EVENT_VALID = 1n << 31n

/** The fields of at most 8 bytes that VMRUN or #VMEXIT moves, as a VMCB has them. */
function switchedFields(
  mover: 'vmrun' | 'vmexit',
  view: VmcbWords,
  source: (field: VmcbField) => FieldSource,
): SwitchedField[] {
  return VMCB_FIELDS.filter(
    ({ moved, bytes, when }) => moved.includes(mover) && bytes <= 8 && isUsed(view, when),
  ).map((field) => ({ field: field.key, value: fieldValue(view, field.key), source: source(field) }))
}

/** Whether what the field depends on is on. */
function isUsed(view: VmcbWords, when: VmcbField['when']): boolean {
  if (when === 'nested paging') return (fieldValue(view, 'control.nested_control') & 1n) !== 0n
  if (when === 'LBR virtualization')
    return (fieldValue(view, 'control.virtualization_extensions') & 1n) !== 0n
  return true
}
