/** The machine: processors, memory, devices and time behind one interface for labs, pages and commands. */
import type { Transaction } from '../caches/transactions.ts'
import { createEngine, run, type Engine } from '../engine/index.ts'
import { explainWalk, type Walk } from '../paging/explain-walk.ts'
import { tlbEntries, type TlbEntry } from '../paging/tlb.ts'
import { heldTranslation, type HeldTranslation } from '../paging/translate.ts'
import { ATTENTION } from '../state/attention.ts'
import type { Cpu } from '../state/cpu.ts'
import { PAGE_SIZE } from '../state/memory-map.ts'
import { PhysicalMemory } from '../state/memory.ts'
import { ACTIVITY, type Vcpu } from '../state/vcpu.ts'
import { inspectStateCache, SVM_INSTRUCTIONS, type StateCache } from '../svm/index.ts'
import { SYSTEM_INSTRUCTIONS } from '../system/instructions.ts'
import { updateTimer } from '../system/local-apic.ts'
import { loadRflags } from '../system/rflags.ts'
import { timeOf } from '../system/time.ts'
import { createBootRom } from './boot-rom.ts'
import { createDebugExit, createShutdownPort } from './debug-exit.ts'
import { digestState } from './digest.ts'
import { EventLog, type ExceptionEvent } from './events.ts'
import { inspectEvents, type EventState } from './event-state.ts'
import { EventStream, type StreamEvent, type StreamKind } from './event-stream.ts'
import { History } from './history.ts'
import { Host, type HostOptions } from './host-program.ts'
import { InputLog, type EditableRegister, type Input } from './inputs.ts'
import { createFwCfg } from './fw-cfg.ts'
import {
  GENERAL_REGISTERS,
  inspectHostSave,
  inspectVcpu,
  type CpuState,
  type HostSaveArea,
} from './inspect.ts'
import { BoundedLog } from './log.ts'
import { createMemoryModel, type MemoryModel } from './memory-model.ts'
import { loadMultiboot, type BootImage } from './multiboot.ts'
import { countInstructions, type Parts } from './parts.ts'
import { createPic } from './pic8259.ts'
import { createPorts } from './ports.ts'
import { createProcessors, type StateCachePolicy } from './processors.ts'
import { raiseSmi } from './interprocessor.ts'
import type { RunEnd, RunResult } from './run-result.ts'
import { loadParts, saveParts } from './saved-state.ts'
import { createSmiPort } from './smi-port.ts'
import { Scheduler } from './scheduler.ts'
import { installSmiHandler, startVcpu, type StartKind } from './start.ts'
import { Stops, type Stop } from './stops.ts'
import { createUart, type Uart } from './uart16550.ts'
import { createUndefinedBytes } from './undefined-bytes.ts'

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

export interface MachineOptions {
  /** A multiple of 1 MiB, at most 3 GiB. */
  readonly ramBytes: number
  /** `compile` runs hot code as WebAssembly and is the default; `evaluate` never does. The guest cannot tell. */
  readonly executor?: Executor
  /** How many processors, 1 to 8; default 1. Processor 0 is the boot-strap one, the others wait for STARTUP. */
  readonly cpus?: number
  /** Name of a CPU model (system/cpu-model.ts). */
  readonly cpu?: string
  /** `lazy` is the default. */
  readonly stateCache?: StateCachePolicy
  /** Caches and write combining between processors and memory, with a framebuffer and a bus master to see them by; slower. */
  readonly caches?: boolean
  /** Fields of the VMCB that the manual leaves undefined hold a pattern, and reading them is an event; slower. */
  readonly strict?: boolean
  /** Chooses the random numbers of the machine and how long the processors' turns are; default 0. */
  readonly seed?: number
  /** False: no snapshots are taken, and goTo() only goes forward. For long runs that nobody looks at. */
  readonly history?: boolean
  /** A hypervisor that plays the host; what the machine starts is its guest. It excludes `caches`. */
  readonly host?: HostOptions
  /** Gets each byte that the guest sends to the serial port, as it comes; again when a part of the run is repeated. */
  readonly onSerial?: (byte: number) => void
}

/** Whose access a walk is for. */
export interface WalkOptions {
  readonly user?: boolean | undefined
  readonly processor?: number
}

export class Machine {
  readonly memory: PhysicalMemory
  /** Bytes that the guest sent to the serial port. */
  readonly serial = new BoundedLog<number>(SERIAL_BYTES)
  readonly events = new EventLog(EVENTS)
  /** Offsets of rIP at which run() stops, before any processor executes the instruction there. */
  readonly breakpoints = new Set<bigint>()
  /** Which executor runs from now on; the guest cannot tell. Where the host cannot compile, `compile` evaluates too. */
  executor: Executor
  readonly #cpus: readonly Cpu[]
  readonly #scheduler: Scheduler
  /** The processor that executes, or executed last: physical memory shows its APIC. */
  #running!: Cpu
  readonly #engines: Readonly<Record<Executor, Engine>>
  readonly #uart: Uart
  readonly #debugExit = createDebugExit(() => this.#interrupt())
  readonly #shutdownPort = createShutdownPort(() => this.#interrupt())
  readonly #parts: Parts
  readonly #memoryModel: MemoryModel | undefined
  readonly #stream: EventStream
  /** Compiled code knows neither caches nor undefined bytes. */
  readonly #evaluatesAlways: boolean
  readonly #history: History | undefined
  readonly #host: Host | undefined
  /** RAM without the host program's. */
  readonly #ramBytes: number
  readonly #inputs = new InputLog()
  readonly #stops: Stops
  #stopRequested = false
  /** Nothing has written to RAM yet. Clearing it would cost memory that the host has not even handed out. */
  #ramIsZero = true
  /** Instructions attempted since the machine was made. */
  #attempted = 0

  /** Throws RangeError for a size of RAM or a number of processors that cannot be had, and for an unknown CPU model. */
  constructor({
    ramBytes,
    executor = 'compile',
    cpus = 1,
    cpu = 'default',
    stateCache = 'lazy',
    caches = false,
    strict = false,
    seed = 0,
    history = true,
    host,
    onSerial,
  }: MachineOptions) {
    const allRam = ramBytes + (host?.ramBytes ?? 0)
    if (ramBytes <= 0 || allRam > LARGEST_RAM || ramBytes % MIB !== 0 || allRam % MIB !== 0)
      throw new RangeError(`RAM must be 1 to ${LARGEST_RAM / MIB} MiB in whole MiB, not ${ramBytes} bytes`)
    this.#uart = createUart((byte) => {
      this.serial.push(byte)
      onSerial?.(byte)
    })
    // The bus master of a machine with caches reaches all RAM, whatever a host program wants.
    if (host !== undefined && caches) throw new RangeError('a machine with caches has no host program')
    this.#ramBytes = ramBytes
    this.memory = new PhysicalMemory(allRam, cpus)
    this.memory.addRegion(createBootRom(this.memory))
    this.#memoryModel = caches ? this.#createMemoryModel(cpus) : undefined
    const undefinedBytes = strict
      ? createUndefinedBytes(this.memory, (cpu, address) => this.events.reliedOnUndefined(cpu.state, address))
      : undefined
    this.#evaluatesAlways = caches || strict
    const devices = [
      this.#uart,
      this.#debugExit,
      this.#shutdownPort,
      createFwCfg(ramBytes, cpus),
      createPic('pic', 0x20),
      createPic('second-pic', 0xa0),
      createSmiPort(() => raiseSmi(this.#cpus)),
      ...(this.#memoryModel ? [this.#memoryModel.busMaster] : []),
    ]
    this.#cpus = createProcessors({
      count: cpus,
      model: cpu,
      stateCache,
      seed,
      memory: this.memory,
      ports: createPorts(devices),
      events: this.events,
      caches: this.#memoryModel?.caches,
      undefinedBytes,
      pause: (cpu) => this.#scheduler.pause(cpu),
      shown: (cpu) => {
        this.#running = cpu
      },
      stopsAtExit: host !== undefined,
    })
    this.#host = host && new Host(this.#cpus, host)
    this.#scheduler = new Scheduler(this.#cpus, seed)
    this.#stream = new EventStream(this.#cpus)
    this.#stops = new Stops(this.#cpus, this.memory, this.events, this.#stream, () => this.#interrupt())
    const { parts = [], transactions } = this.#memoryModel ?? {}
    this.#parts = {
      cpus: this.#cpus,
      memory: this.memory,
      devices: [
        ...devices,
        ...parts,
        ...(undefinedBytes ? [undefinedBytes] : []),
        ...(this.#host ? [this.#host.program] : []),
      ],
      logs: [this.serial, this.events, ...(transactions ? [transactions] : [])],
    }
    this.executor = executor
    const engine = createEngine({
      memory: this.memory,
      cpus: this.#cpus,
      systemInstructions: new Map([...SYSTEM_INSTRUCTIONS, ...SVM_INSTRUCTIONS]),
    })
    this.#engines = { compile: engine, evaluate: { ...engine, compiled: undefined } }
    this.#history = history ? new History(this.#parts) : undefined
    this.#startProcessors('reset', 0)
  }

  #createMemoryModel(cpus: number): MemoryModel {
    const clock = { instructions: () => this.instructions, time: () => timeOf(this.#running.state) }
    return createMemoryModel(this.memory, cpus, clock, (transaction) =>
      this.#stream.transaction(this.#running, transaction),
    )
  }

  get #engine(): Engine {
    return this.#engines[this.#evaluatesAlways || this.#stream.active ? 'evaluate' : this.executor]
  }

  /** Instructions attempted since the start, by all processors. */
  get instructions(): number {
    return countInstructions(this.#cpus)
  }

  /** How many processors there are; they are numbered from 0. */
  get processors(): number {
    return this.#cpus.length
  }

  /** The number of the processor whose turn it is. It executes the next instruction, unless it is idle. */
  get processor(): number {
    return this.#scheduler.current.index
  }

  /** Power-on: RAM zeroed, devices reset, logs and history empty; processor 0 begins at `entry` as `kind` says. */
  start(kind: StartKind, entry: number): void {
    if (!this.#ramIsZero) this.#clearMemory()
    this.#ramIsZero = false
    for (const device of this.#parts.devices) device.reset()
    this.#startProcessors(kind, entry)
    this.#forget()
  }

  #startProcessors(kind: StartKind, entry: number): void {
    for (const cpu of this.#cpus) startVcpu(cpu, kind, entry)
    // A program that begins at RESET is the firmware itself.
    if (kind !== 'reset') for (const cpu of this.#cpus) installSmiHandler(cpu)
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
    const { entry, eax, ebx } = loadMultiboot(this.memory, image, this.#ramBytes)
    const { state } = this.#cpus[0]
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
    for (const log of this.#parts.logs) log.rewind(0)
    this.#stopRequested = false
  }

  /**
   * Calls `listener` with every event of these kinds from now on, also of parts of the run that are repeated. Returns what ends
   * that. Meanwhile every instruction is evaluated; the run is the same.
   */
  listen(kinds: readonly StreamKind[], listener: (event: StreamEvent) => void): () => void {
    return this.#stream.listen(kinds, listener)
  }

  /** What crossed the bus; undefined in a machine without caches. */
  get transactions(): BoundedLog<Transaction> | undefined {
    return this.#memoryModel?.transactions
  }

  /** The picture in the framebuffer of a machine with caches, row by row. */
  get framebuffer(): Uint32Array | undefined {
    return this.#memoryModel?.framebuffer.pixels
  }

  /** Makes run() return at the next instruction boundary: for observers and devices. */
  #interrupt(): void {
    this.#running.state.attention |= ATTENTION.stop
  }

  /** Asks a run that is going on, from a function that it calls, to end at the next instruction boundary. */
  stop(): void {
    this.#stopRequested = true
    this.#interrupt()
  }

  /**
   * Where run() ends, besides its budget: these, and none that were set before. They cost the run its speed, those at events
   * excepted, and change nothing else. Throws RangeError for a processor that does not exist and for bytes beyond RAM.
   */
  setStops(stops: readonly Stop[]): void {
    this.#stops.set(stops)
  }

  /** Executes at most `maxInstructions`, never more, and repeats logged inputs when they are due. */
  run(maxInstructions: number): RunResult {
    this.#ramIsZero = false
    const start = this.instructions
    const end = start + maxInstructions
    this.#stops.begin()
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

  /**
   * Executes one instruction of the processor whose turn it is, or of the next one that is not idle. Of one with a REP prefix all
   * iterations, but for breakpoints and the end of the turn on the way.
   */
  step(): RunResult {
    const start = this.instructions
    const rips = this.#cpus.map(({ state }) => state.rip)
    let result: RunResult
    let goesOn: boolean
    do {
      const counters = this.#cpus.map(({ state }) => state.gpr[1])
      result = this.run(1)
      // A REP that is not done stays where it is and has counted rCX down.
      const { index, state } = this.#running
      goesOn = state.rip === rips[index] && state.gpr[1] !== counters[index]
    } while (
      goesOn &&
      result.reason === 'budget' &&
      this.#scheduler.current === this.#running &&
      this.instructions - start < STEP_LIMIT
    )
    return { ...result, instructions: this.instructions - start }
  }

  /** Why the run is over although its budget is not; undefined when it is not over. */
  #endOfRun(start: number): RunEnd | undefined {
    if (this.#debugExit.code !== undefined) return { reason: 'debug-exit', code: this.#debugExit.code }
    if (this.#shutdownPort.complete) return { reason: 'debug-exit', code: 0 }
    const shutDown = this.#cpus.find((cpu) => cpu.state.activity === ACTIVITY.shutdown)
    if (shutDown !== undefined)
      return { reason: 'shutdown', ...this.#place(shutDown), exceptions: this.#lastExceptions(shutDown) }
    if (this.#stopRequested) {
      this.#stopRequested = false
      return { reason: 'stopped' }
    }
    // A run that begins at a breakpoint or stop leaves it.
    if (this.instructions === start) return undefined
    const { current } = this.#scheduler
    const hit = this.#stops.hit(current)
    if (hit !== undefined) return { reason: 'stop', ...hit, ...this.#place(current) }
    if (this.breakpoints.size > 0) {
      if (current.state.activity === ACTIVITY.running && this.breakpoints.has(current.state.rip))
        return { reason: 'breakpoint', ...this.#place(current) }
    }
    return undefined
  }

  /** Where a run ended; a processor alone needs no number. */
  #place({ index, state }: Cpu): { rip: bigint; processor?: number } {
    return this.#cpus.length === 1 ? { rip: state.rip } : { rip: state.rip, processor: index }
  }

  #lastExceptions({ index }: Cpu): ExceptionEvent[] {
    return this.events
      .since()
      .filter((event): event is ExceptionEvent => event.kind === 'raised' && event.processor === index)
      .slice(-SHUTDOWN_EXCEPTIONS)
  }

  /** Runs up to `end`, or to where something else is due before that. */
  #runChunk(end: number): RunEnd | undefined {
    const now = this.instructions
    if (this.#history && now >= this.#history.due) this.#history.take(this.#inputs.position)
    const cpu = this.#scheduler.current
    const { state } = cpu
    if (cpu !== this.#running) cpu.mapLocalApic()
    this.events.byOthers = now - state.instructions
    updateTimer(state)
    const time = timeOf(state)
    const turn = Math.min(this.#scheduler.turnEnd(time), state.apicTimerExpiry) - time
    const due = Math.min(end, this.#history?.due ?? Infinity, this.#inputs.next, now + CHUNK) - now
    const budget = this.breakpoints.size > 0 || this.#stops.looksAtEach ? 1 : Math.min(turn, due)
    const attempted = this.#host?.hasTurn(cpu) ? this.#host.run(cpu, budget) : run(this.#engine, cpu, budget)
    this.#attempted += attempted
    state.attention &= ~ATTENTION.stop
    if (attempted === 0 && !this.#scheduler.passTime(cpu)) return { reason: 'halted-forever', rip: state.rip }
    return undefined
  }

  /**
   * Goes to the state after `instructions` instructions: back through the nearest snapshot, or forward by running. Edits and
   * inputs of the first time happen again. Returns the count reached: less than asked for when the run ends before, more where
   * the past does not reach back as far.
   */
  goTo(instructions: number): number {
    // A machine that has just taken a saved state has no past.
    if (instructions < this.instructions && this.#history?.beginning !== undefined)
      this.#inputs.rewind(this.#history.rewind(instructions))
    const breakpoints = [...this.breakpoints]
    const stops = this.#stops.all
    this.breakpoints.clear()
    this.#stops.set([])
    if (instructions > this.instructions) this.run(instructions - this.instructions)
    else this.#repeatInputs()
    for (const address of breakpoints) this.breakpoints.add(address)
    this.#stops.set(stops)
    return this.instructions
  }

  /** What `look` finds, wherever in the run it goes; afterwards the machine is where it was. That needs history. */
  elsewhere<T>(look: () => T): T {
    const present = this.instructions
    try {
      return look()
    } finally {
      this.goTo(present)
    }
  }

  /** Instruction count of the newest snapshot before `instructions`: from there a part of the run can be repeated cheaply. */
  snapshotBefore(instructions: number): number | undefined {
    return this.#history?.before(instructions)
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

  /** Edits a register while the machine is paused. Throws RangeError for a processor that does not exist. */
  writeRegister(name: EditableRegister, value: bigint, processor = 0): void {
    this.#state(processor)
    this.#input({ kind: 'register', name, value: BigInt.asUintN(64, value), processor })
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
    switch (input.kind) {
      case 'serial':
        return this.#uart.receive(input.bytes)
      case 'memory':
        this.memory.load(input.address, input.bytes)
        return input.bytes.length
      case 'register': {
        const cpu = this.#cpus[input.processor]
        if (input.name === 'rip') cpu.state.rip = input.value
        else if (input.name === 'rflags') loadRflags(cpu, Number(input.value & 0xffff_ffffn))
        else cpu.state.gpr[GENERAL_REGISTERS.indexOf(input.name)] = input.value
        return 1
      }
    }
  }

  #state(processor: number): Vcpu {
    const cpu = this.#cpus.at(processor)
    if (cpu?.index !== processor)
      throw new RangeError(`there is no processor ${processor}; the last one is ${this.#cpus.length - 1}`)
    return cpu.state
  }

  /** A processor as plain data. This and what follows throws RangeError for one that does not exist. */
  inspect(processor = 0): CpuState {
    return inspectVcpu(this.#state(processor))
  }

  /** What the last VMRUN of a processor kept of the host. */
  hostSave(processor = 0): HostSaveArea {
    return inspectHostSave(this.#state(processor))
  }

  /** Which events a processor has before it, and what holds them back. */
  pendingEvents(processor = 0): EventState {
    return inspectEvents(this.#state(processor))
  }

  /** What a processor's TLB holds. */
  tlb(processor = 0): TlbEntry[] {
    return tlbEntries(this.#state(processor))
  }

  /** What a processor keeps of a VMCB; nothing with the policy `lazy`. */
  stateCache(processor = 0): StateCache {
    return inspectStateCache(this.#state(processor))
  }

  /**
   * What the TLB holds about a linear address: for what runs now, or for a guest by its ASID (0 is the host). Undefined where
   * it holds nothing; nothing is walked. With paging off in the host nothing is translated, and the TLB holds nothing.
   */
  translation(linear: bigint, asid?: number, processor = 0): HeldTranslation | undefined {
    return heldTranslation(this.#state(processor), linear, asid)
  }

  /**
   * The page walk that an access to a canonical linear address would take now, whatever the TLB holds, without taking it. By
   * default of the processor's present CPL.
   */
  walk(linear: bigint, access: Walk['access'], { user, processor = 0 }: WalkOptions = {}): Walk {
    this.#state(processor)
    const cpu = this.#cpus[processor]
    return explainWalk(cpu, linear, access, user ?? cpu.state.cpl === 3)
  }

  /** `length` bytes of RAM from physical address `address`, without side effects; shorter at the end of RAM. */
  readMemory(address: number, length: number): Uint8Array {
    return this.memory.dump(address, length)
  }

  /** 32 hexadecimal digits: equal for machines that a guest could not tell apart. */
  digest(): string {
    return digestState(
      this.#cpus.map(({ state }) => state),
      this.memory,
      this.#parts.devices,
    )
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
