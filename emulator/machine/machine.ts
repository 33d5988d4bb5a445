/** The machine: processor, memory, devices and time behind one interface for labs, pages and commands. */
import { createEngine, run, type Engine } from '../engine/index.ts'
import { tlbEntries, type TlbEntry } from '../paging/tlb.ts'
import { heldTranslation, type HeldTranslation } from '../paging/translate.ts'
import { ATTENTION } from '../state/attention.ts'
import type { Cpu, StateCacheUse } from '../state/cpu.ts'
import { PAGE_SIZE } from '../state/memory-map.ts'
import { PhysicalMemory } from '../state/memory.ts'
import { ACTIVITY, vcpuView } from '../state/vcpu.ts'
import { inspectStateCache, SVM_INSTRUCTIONS, virtualization, type StateCache } from '../svm/index.ts'
import { SYSTEM_INSTRUCTIONS } from '../system/instructions.ts'
import { createCpuModel } from '../system/cpu-model.ts'
import { nextEvent } from '../system/events.ts'
import { updateTimer } from '../system/local-apic.ts'
import { loadRflags } from '../system/rflags.ts'
import { timeOf } from '../system/time.ts'
import { createBootRom } from './boot-rom.ts'
import { createApicPage } from './apic-page.ts'
import { createDebugExit, createShutdownPort } from './debug-exit.ts'
import { digestState } from './digest.ts'
import { EventLog, recordEvents, type ExceptionEvent } from './events.ts'
import { History } from './history.ts'
import { InputLog, type EditableRegister, type Input } from './inputs.ts'
import { createFwCfg } from './fw-cfg.ts'
import { GENERAL_REGISTERS, inspectVcpu, type CpuState } from './inspect.ts'
import { BoundedLog } from './log.ts'
import { loadMultiboot, type BootImage } from './multiboot.ts'
import type { Parts } from './parts.ts'
import { createPorts } from './ports.ts'
import type { RunEnd, RunResult } from './run-result.ts'
import { loadParts, saveParts } from './saved-state.ts'
import { startVcpu, type StartKind } from './start.ts'
import { createUart, type Uart } from './uart16550.ts'

const MIB = 0x10_0000
const LARGEST_RAM = 3072 * MIB

/** What the logs keep: bytes of serial output and events. */
const SERIAL_BYTES = 0x10_0000
const EVENTS = 10_000

/** Exceptions that a shutdown is explained with: what began it, what hit its delivery, and so on to the triple fault. */
const SHUTDOWN_EXCEPTIONS = 4

/** Compiled code is entered anew after so many instructions, which is how the host's compiler gets to replace it by better code. */
const CHUNK = 1_000_000

/** An instruction with a REP prefix is left after so many iterations, though it is not done. */
const STEP_LIMIT = 1_000_000

export type Executor = 'compile' | 'evaluate'

/** Instructions by who executed them. */
export interface Statistics {
  readonly compiled: number
  readonly evaluated: number
}

/**
 * Whether VMRUN takes a group of VMCB fields from the processor's own copy when its clean bit says that it may (APM vol 2
 * §15.15): never, always, or as a sequence of random numbers says. The manual allows all three.
 */
export const STATE_CACHE_POLICIES = ['lazy', 'aggressive', 'random'] as const
export type StateCachePolicy = (typeof STATE_CACHE_POLICIES)[number]

export interface MachineOptions {
  /** A multiple of 1 MiB, at most 3 GiB. */
  readonly ramBytes: number
  /** `compile` runs hot code as WebAssembly and is the default; `evaluate` never does. The guest cannot tell. */
  readonly executor?: Executor
  /** Name of a CPU model (system/cpu-model.ts). */
  readonly cpu?: string
  /** `lazy` is the default. */
  readonly stateCache?: StateCachePolicy
  /** Chooses the sequence of random numbers of the machine; default 0. */
  readonly seed?: number
  /** False: no snapshots are taken, and goTo() only goes forward. For long runs that nobody looks at. */
  readonly history?: boolean
  /** Gets each byte that the guest sends to the serial port, as it comes; again when a part of the run is repeated. */
  readonly onSerial?: (byte: number) => void
}

function stateCacheUse(policy: StateCachePolicy, seed: number): StateCacheUse | undefined {
  return policy === 'lazy' ? undefined : { policy, seed }
}

export class Machine {
  readonly memory: PhysicalMemory
  /** Bytes that the guest sent to the serial port. */
  readonly serial = new BoundedLog<number>(SERIAL_BYTES)
  readonly events = new EventLog(EVENTS)
  /** Offsets of rIP at which run() stops, before the instruction there. */
  readonly breakpoints = new Set<bigint>()
  /** Which executor runs from now on; the guest cannot tell. Where the host cannot compile, `compile` evaluates too. */
  executor: Executor
  readonly #cpu: Cpu
  readonly #engines: Readonly<Record<Executor, Engine>>
  readonly #uart: Uart
  readonly #debugExit = createDebugExit(() => this.#interrupt())
  readonly #shutdownPort = createShutdownPort(() => this.#interrupt())
  readonly #parts: Parts
  readonly #history: History | undefined
  readonly #inputs = new InputLog()
  #stopRequested = false
  /** Nothing has written to RAM yet. Clearing it would cost memory that the host has not even handed out. */
  #ramIsZero = true
  /** Instructions attempted since the machine was made. */
  #attempted = 0

  /** Throws RangeError for a size of RAM that cannot be had and for a CPU model that does not exist. */
  constructor({
    ramBytes,
    executor = 'compile',
    cpu = 'default',
    stateCache = 'lazy',
    seed = 0,
    history = true,
    onSerial,
  }: MachineOptions) {
    if (ramBytes <= 0 || ramBytes > LARGEST_RAM || ramBytes % MIB !== 0)
      throw new RangeError(`RAM must be 1 to ${LARGEST_RAM / MIB} MiB in whole MiB, not ${ramBytes} bytes`)
    this.#uart = createUart((byte) => {
      this.serial.push(byte)
      onSerial?.(byte)
    })
    const devices = [this.#uart, this.#debugExit, this.#shutdownPort, createFwCfg(ramBytes, 1)]
    this.memory = new PhysicalMemory(ramBytes, 1)
    this.memory.addRegion(createBootRom(this.memory))
    const state = vcpuView(this.memory.buffer, 0)
    this.#cpu = {
      index: 0,
      state,
      memory: this.memory,
      model: createCpuModel(cpu),
      ports: createPorts(devices),
      virtualization,
      stateCache: stateCacheUse(stateCache, seed),
      observer: recordEvents(state, this.events),
      seed,
      processors: () => [this.#cpu],
      mapLocalApic: createApicPage(this.memory, () => [this.#cpu]),
    }
    this.#parts = { cpu: this.#cpu, memory: this.memory, devices, serial: this.serial, events: this.events }
    this.executor = executor
    const engine = createEngine({
      memory: this.memory,
      cpus: [this.#cpu],
      systemInstructions: new Map([...SYSTEM_INSTRUCTIONS, ...SVM_INSTRUCTIONS]),
    })
    this.#engines = { compile: engine, evaluate: { ...engine, compiled: undefined } }
    this.#history = history ? new History(this.#parts) : undefined
    startVcpu(this.#cpu, 'reset', 0)
  }

  /** Instructions attempted since the start. */
  get instructions(): number {
    return this.#cpu.state.instructions
  }

  /** Power-on: RAM zeroed, devices reset, logs and history empty; the processor begins at `entry` as `kind` says. */
  start(kind: StartKind, entry: number): void {
    if (!this.#ramIsZero) this.#clearMemory()
    this.#ramIsZero = false
    for (const device of this.#parts.devices) device.reset()
    startVcpu(this.#cpu, kind, entry)
    this.#forget()
  }

  /**
   * Puts bytes into RAM as part of the start: going back in time cannot undo it, so it also forgets the past. Throws RangeError
   * beyond RAM.
   */
  load(address: number, bytes: Uint8Array): void {
    this.#ramIsZero = false
    this.memory.load(address, bytes)
    this.#forget()
  }

  /** Starts a multiboot kernel. Throws ImageError. */
  boot(image: BootImage): void {
    this.start('protected', 0)
    const { entry, eax, ebx } = loadMultiboot(this.memory, image)
    const state = this.#cpu.state
    state.rip = BigInt(entry)
    state.gpr[0] = BigInt(eax)
    state.gpr[3] = BigInt(ebx)
    this.#forget()
  }

  #clearMemory(): void {
    const { memory } = this
    // Translated code goes with the bytes that it was translated from.
    for (let page = 0; page < memory.granules.length; page++)
      if (memory.granules[page] !== 0n) memory.beforeWrite(page * PAGE_SIZE, PAGE_SIZE)
    memory.bytes.fill(0, memory.ramBase, memory.ramBase + memory.ramBytes)
  }

  #forget(): void {
    this.#history?.clear()
    this.#inputs.clear()
    this.serial.rewind(0)
    this.events.rewind(0)
    this.#stopRequested = false
  }

  /** Makes run() return at the next instruction boundary: for observers and devices. */
  #interrupt(): void {
    this.#cpu.state.attention |= ATTENTION.stop
  }

  /** Asks a run that is going on, from a function that it calls, to end at the next instruction boundary. */
  stop(): void {
    this.#stopRequested = true
    this.#interrupt()
  }

  /** Executes at most `maxInstructions`, never more, and repeats logged inputs when they are due. */
  run(maxInstructions: number): RunResult {
    this.#ramIsZero = false
    const start = this.instructions
    const end = start + maxInstructions
    let ended: RunEnd | undefined
    do {
      this.#repeatInputs()
      ended = this.#endOfRun(start)
      if (ended === undefined && this.instructions < end) ended = this.#runChunk(end)
    } while (ended === undefined && this.instructions < end)
    this.#repeatInputs()
    ended ??= this.#endOfRun(start) ?? { reason: 'budget' }
    return { ...ended, instructions: this.instructions - start }
  }

  /** Executes one instruction; all iterations of one with a REP prefix, but for breakpoints on the way. */
  step(): RunResult {
    const start = this.instructions
    const { rip } = this.#cpu.state
    let result: RunResult
    let counter: bigint
    do {
      counter = this.#cpu.state.gpr[1]
      result = this.run(1)
      // A REP that is not done stays where it is and has counted rCX down.
    } while (
      result.reason === 'budget' &&
      this.#cpu.state.rip === rip &&
      this.#cpu.state.gpr[1] !== counter &&
      this.instructions - start < STEP_LIMIT
    )
    return { ...result, instructions: this.instructions - start }
  }

  /** Why the run is over although its budget is not; undefined when it is not over. */
  #endOfRun(start: number): RunEnd | undefined {
    const { state } = this.#cpu
    if (this.#debugExit.code !== undefined) return { reason: 'debug-exit', code: this.#debugExit.code }
    if (this.#shutdownPort.complete) return { reason: 'debug-exit', code: 0 }
    if (state.activity === ACTIVITY.shutdown)
      return { reason: 'shutdown', rip: state.rip, exceptions: this.#lastExceptions() }
    if (this.#stopRequested) {
      this.#stopRequested = false
      return { reason: 'stopped' }
    }
    // A run that begins at a breakpoint leaves it.
    if (this.instructions > start && this.breakpoints.has(state.rip))
      return { reason: 'breakpoint', rip: state.rip }
    return undefined
  }

  #lastExceptions(): ExceptionEvent[] {
    return this.events
      .since()
      .filter((event): event is ExceptionEvent => event.kind === 'raised')
      .slice(-SHUTDOWN_EXCEPTIONS)
  }

  /** Runs up to `end`, or to where something else is due before that. */
  #runChunk(end: number): RunEnd | undefined {
    const { state } = this.#cpu
    const now = this.instructions
    updateTimer(state)
    if (this.#history && now >= this.#history.due) this.#history.take(this.#inputs.position)
    const due = Math.min(
      end,
      this.#history?.due ?? Infinity,
      this.#inputs.next,
      now + CHUNK,
      state.apicTimerExpiry - state.idle,
    )
    this.#attempted += run(this.#engines[this.executor], this.#cpu, this.breakpoints.size > 0 ? 1 : due - now)
    state.attention &= ~ATTENTION.stop
    const idle = this.instructions === now && state.activity === ACTIVITY.halted
    if (idle && !this.#skipIdleTime()) return { reason: 'halted-forever', rip: state.rip }
    return undefined
  }

  /** Goes to the time at which the timer wakes the halted processor. False when it does not. */
  #skipIdleTime(): boolean {
    const { state } = this.#cpu
    const wake = state.apicTimerExpiry
    if (wake === Infinity) return false
    state.idle += wake - timeOf(state)
    updateTimer(state)
    return nextEvent(state) !== undefined
  }

  /**
   * Goes to the state after `instructions` instructions: back through the nearest snapshot, or forward by running. Edits and
   * inputs of the first time happen again. Returns the count reached: less than asked for when the run ends before.
   */
  goTo(instructions: number): number {
    if (instructions < this.instructions && this.#history)
      this.#inputs.rewind(this.#history.rewind(instructions))
    const breakpoints = [...this.breakpoints]
    this.breakpoints.clear()
    if (instructions > this.instructions) this.run(instructions - this.instructions)
    else this.#repeatInputs()
    for (const address of breakpoints) this.breakpoints.add(address)
    return this.instructions
  }

  /** One instruction back. */
  stepBack(): number {
    return this.goTo(this.instructions - 1)
  }

  /** Console input. Returns how many of the bytes found room. */
  sendSerial(bytes: Uint8Array): number {
    return this.#input({ kind: 'serial', bytes: bytes.slice() })
  }

  /** Edits memory while the machine is paused. Throws RangeError beyond RAM. */
  writeMemory(address: number, bytes: Uint8Array): void {
    this.#ramIsZero = false
    this.#input({ kind: 'memory', address, bytes: bytes.slice() })
  }

  /** Edits a register while the machine is paused. */
  writeRegister(name: EditableRegister, value: bigint): void {
    this.#input({ kind: 'register', name, value: BigInt.asUintN(64, value) })
  }

  /** An input from outside begins a new future: what followed the present in the log is forgotten. */
  #input(input: Input): number {
    if (this.#history && this.#history.beginning === undefined) this.#history.take(0)
    const accepted = this.#apply(input)
    this.#inputs.push(this.instructions, input)
    return accepted
  }

  #repeatInputs(): void {
    for (
      let input = this.#inputs.take(this.instructions);
      input;
      input = this.#inputs.take(this.instructions)
    )
      this.#apply(input)
  }

  #apply(input: Input): number {
    const { state } = this.#cpu
    switch (input.kind) {
      case 'serial':
        return this.#uart.receive(input.bytes)
      case 'memory':
        this.memory.load(input.address, input.bytes)
        return input.bytes.length
      case 'register':
        if (input.name === 'rip') state.rip = input.value
        else if (input.name === 'rflags') loadRflags(this.#cpu, Number(input.value & 0xffff_ffffn))
        else state.gpr[GENERAL_REGISTERS.indexOf(input.name)] = input.value
        return 1
    }
  }

  /** The processor as plain data. */
  inspect(): CpuState {
    return inspectVcpu(this.#cpu.state)
  }

  /** What the TLB holds. */
  tlb(): TlbEntry[] {
    return tlbEntries(this.#cpu.state)
  }

  /** What the processor keeps of a VMCB; nothing with the policy `lazy`. */
  stateCache(): StateCache {
    return inspectStateCache(this.#cpu.state)
  }

  /**
   * What the TLB holds about a linear address: for what runs now, or for a guest by its ASID (0 is the host). Undefined where
   * it holds nothing; nothing is walked. With paging off in the host nothing is translated, and the TLB holds nothing.
   */
  translation(linear: bigint, asid?: number): HeldTranslation | undefined {
    return heldTranslation(this.#cpu.state, linear, asid)
  }

  /** `length` bytes of RAM from physical address `address`, without side effects; shorter at the end of RAM. */
  readMemory(address: number, length: number): Uint8Array {
    return this.memory.dump(address, length)
  }

  /** 32 hexadecimal digits: equal for machines that a guest could not tell apart. */
  digest(): string {
    return digestState([this.#cpu.state], this.memory, this.#parts.devices)
  }

  /** Instructions since the machine was made, those of repeated parts of a run included. */
  statistics(): Statistics {
    const compiled = this.#engines.compile.compiled?.statistics.instructions ?? 0
    return { compiled, evaluated: this.#attempted - compiled }
  }

  /** The state as bytes, without history and logs. */
  save(): Uint8Array {
    return saveParts(this.#parts)
  }

  /** Takes a state that save() gave and forgets the past. Throws SavedStateError, and then the machine is as it was. */
  restore(bytes: Uint8Array): void {
    this.#ramIsZero = false
    loadParts(this.#parts, bytes)
    this.#forget()
  }
}
