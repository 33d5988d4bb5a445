/** A lab being run: one machine, one build, the goals judged on what the machine did. The workbench and `lab check` share it. */
import type { L0, RaceEvent, ReplayingL0 } from '../hypervisor/index.ts'
import { describeRunResult, Machine, type MachineOptions, type RunResult } from '../machine/index.ts'
import { findField } from '../svm/index.ts'
import { build, designOf, type Build } from './build.ts'
import type { Hypervisor } from './hypervisor.ts'
import { exitFacts, l0Outcome, nestedExitFacts, nestedVmrunFacts } from './facts.ts'
import { judgeGoals, type GoalResult } from './goals.ts'
import { migrationOf } from './migration.ts'
import type { Outcome } from './outcome.ts'
import { placeRace, raceReports, type PlacedRace, type RaceReport, type Replay } from './races.ts'
import { runScenarios, type ScenarioResult } from './scenarios.ts'
import type { Lab } from './schema.ts'

const MIB = 0x10_0000

/** How a run ended, as `ended` conditions name it; the pauses of a session are not ends. */
const ENDS: Partial<Record<RunResult['reason'], string>> = {
  'halted-forever': 'halted',
  shutdown: 'shutdown',
  'debug-exit': 'debug-exit',
}

export interface SessionOptions extends Pick<MachineOptions, 'executor' | 'stateCache' | 'seed' | 'strict'> {
  /** What a lab whose program is L1 needs. */
  readonly hypervisor?: Hypervisor
}

export class LabSession {
  readonly lab: Lab
  readonly machine: Machine
  readonly options: SessionOptions
  /** Absent in a lab without L0. */
  readonly #host: (() => ReplayingL0) | undefined
  #build: Build | undefined
  #end: RunResult | undefined
  #races: readonly RaceReport[] | undefined
  #scenarios: readonly ScenarioResult[] | undefined

  /**
   * `options` as for the machine: labs come out the same whatever they are. A lab that names a policy for the state cache is
   * always run with that one; its seed is for runs that ask for no other. Throws Error for a lab with L0 without a hypervisor.
   */
  constructor(lab: Lab, options: SessionOptions = {}) {
    this.lab = lab
    this.options = options
    const { hypervisor, ...machineOptions } = options
    const { memory, cpu, cpus, caches, seed, state_cache, l0 } = lab.machine
    const ramBytes = memory * MIB
    if (l0 !== undefined && hypervisor === undefined) throw new Error(`lab ${lab.slug} needs the hypervisor`)
    const made = l0 &&
      hypervisor && {
        ...hypervisor.createReplayingL0(ramBytes, { vcpus: cpus }),
        cpu: hypervisor.cpuOfL1(cpu),
      }
    this.#host = made?.program
    this.machine = new Machine({
      seed,
      ...machineOptions,
      ...(state_cache === undefined ? {} : { stateCache: state_cache }),
      ...(made === undefined ? { cpu } : { cpu: made.cpu, host: made.host }),
      ramBytes,
      cpus,
      caches,
    })
  }

  /** L0, whose guest the program is; undefined in a lab without. Its state is for views.ts of the hypervisor. */
  get l0(): L0 | undefined {
    return this.#host?.().l0
  }

  /** A race that was asked for has begun, and the machine waits. */
  get isWaitingForRace(): boolean {
    return this.#host?.().isWaiting ?? false
  }

  /** What was built for the last reset(). */
  get built(): Build | undefined {
    return this.#build
  }

  /** Builds the texts; the machine is untouched until reset(). */
  build(texts: ReadonlyMap<string, string>): Build {
    const { lab } = this
    const { hypervisor } = this.options
    const program = lab.files.find((file) => file.name.endsWith('.asm'))!
    return build({
      files: texts,
      program: program.name,
      vmcbs: lab.files.flatMap(({ name, symbol }) => (symbol === undefined ? [] : [{ name, symbol }])),
      start: lab.machine.start,
      ramBytes: lab.machine.memory * MIB,
      l0: hypervisor && lab.machine.l0 && { design: designOf(lab), parse: hypervisor.parseDecisions },
    })
  }

  /**
   * Puts a usable build into a machine that has just started, under an L0 that decides as the build says. With `replay`, what other vCPUs
   * store in a race happens, too, as in the order that the explorer found. Throws RangeError for an entry that the start state refuses.
   */
  reset(usable: Build, replay?: Replay): void {
    this.#adopt(usable, replay)
    this.place(usable)
    this.#end = undefined
    if (this.#build === usable) return
    this.#build = usable
    this.#races = undefined
    this.#scenarios = undefined
  }

  /** Starts the machine with a build in its memory. */
  protected place({ entry, program, vmcbs }: Build): void {
    this.machine.start(this.lab.machine.start, entry)
    this.machine.load(Number(program.origin), program.bytes)
    for (const { address, text } of vmcbs) this.machine.load(address, text.image)
  }

  /** Goes on from a state that machine.save() gave, with the texts of the last reset(). Throws SavedStateError, and changes nothing then. */
  restore(state: Uint8Array): void {
    this.machine.restore(state)
    this.#end = undefined
  }

  #adopt({ decisions }: Build, replay: Replay | undefined): void {
    const { l0 } = this.lab.machine
    const host = this.#host?.()
    const { hypervisor } = this.options
    if (l0 === undefined || host === undefined || hypervisor === undefined) return
    const migration = l0.migration && migrationOf(l0.migration)
    const sharedPatQuirk = l0.quirk && l0.quirk === 'on'
    host.l0.adopt(hypervisor.policyOf({ decisions, sharedPatQuirk, migration, cuts: replay?.cuts }))
    host.plan = replay
  }

  /** Instructions that the lab's limit leaves. */
  get remaining(): number {
    return Math.max(0, this.lab.limits.instructions - this.machine.instructions)
  }

  /** Runs on, never past the lab's limit. */
  run(maxInstructions = this.remaining): RunResult {
    return this.#note(this.machine.run(Math.min(maxInstructions, this.remaining)))
  }

  step(): RunResult {
    return this.remaining === 0 ? this.run(0) : this.#note(this.machine.step())
  }

  /** Goes to an instruction count, back or forward. */
  goTo(instructions: number): void {
    this.#end = undefined
    this.machine.goTo(Math.min(Math.max(0, instructions), this.lab.limits.instructions))
  }

  /** What `look` finds, wherever in the run it goes; afterwards the run is where it was, and over if it was. */
  async elsewhere<T>(look: () => Promise<T>): Promise<T> {
    const present = this.machine.instructions
    const end = this.#end
    try {
      return await look()
    } finally {
      this.machine.goTo(present)
      this.#end = end
    }
  }

  #note(result: RunResult): RunResult {
    this.#end = result
    return result
  }

  /** Why the run is over, in a line; undefined while it can go on. */
  get ending(): string | undefined {
    if (this.#end !== undefined && ENDS[this.#end.reason] !== undefined) return describeRunResult(this.#end)
    if (this.remaining === 0)
      return `the lab's limit of ${this.lab.limits.instructions} instructions is used up`
    return undefined
  }

  /** What the explorer finds in the lab's races, for the texts of the last reset(). It is searched for once. */
  races(): readonly RaceReport[] {
    if (this.#build === undefined) return []
    return (this.#races ??= raceReports(this.lab, this.#build, this.options))
  }

  /** A race of the lab for the explorer; undefined when L1 does not get to its VMRUN. */
  placeRace(id: string): PlacedRace | undefined {
    const race = this.lab.races.find((one) => one.id === id)
    return race && this.#build && placeRace(this.lab, race, this.#build, this.options)
  }

  /** What reset() takes to replay an order of a race: the trace of a loss, or that of any other execution. */
  replayOf(id: string, trace: readonly RaceEvent[]): Replay {
    const { vmrun } = this.lab.races.find((race) => race.id === id)!
    const cuts = this.races().find((race) => race.id === id)?.report?.cuts ?? []
    return { vmrun, trace, cuts }
  }

  /** What becomes of the texts of the last reset() in the lab's scenarios, each on a machine of its own. */
  scenarios(): readonly ScenarioResult[] {
    if (this.#build === undefined) return []
    return (this.#scenarios ??= runScenarios(this.lab, this.#build, this.options))
  }

  /** What the machine did so far, as goals see it. */
  outcome(): Outcome {
    const { machine, l0 } = this
    const cpu = machine.inspect()
    const events = machine.events.since()
    const registers = new Map<string, bigint>([
      ...Object.entries(cpu.general),
      ...Object.entries(cpu.system),
      ['rip', cpu.rip],
      ['rflags', BigInt(cpu.rflags)],
    ])
    return {
      exits: l0 === undefined ? exitFacts(events) : nestedExitFacts(l0, events),
      vmruns:
        l0 === undefined ? events.filter((event) => event.kind === 'vmrun') : nestedVmrunFacts(l0.events),
      end: this.remaining === 0 ? 'budget' : ((this.#end && ENDS[this.#end.reason]) ?? 'running'),
      serial: String.fromCharCode(...machine.serial.since().slice(-65536)),
      symbols: this.#build?.program.symbols ?? new Map<string, bigint>(),
      register: (name) => registers.get(name),
      memory(address, bytes) {
        let value = 0n
        for (const byte of machine.readMemory(Number(address), bytes).reverse())
          value = (value << 8n) | BigInt(byte)
        return value
      },
      memoryType: (linear, asid) => machine.translation(linear, asid)?.memoryType,
      transactions: (from, bytes) =>
        machine.transactions
          ?.since()
          .filter(({ address, data }) => address < from + bytes && from < address + data.length),
      vmcbField: findField,
      l0: l0 && l0Outcome(l0, events, this.lab.machine.cpus),
      race: (id) => this.races().find((race) => race.id === id)?.report,
      scenario: (id) => this.scenarios().find((scenario) => scenario.id === id),
    }
  }

  goals(): GoalResult[] {
    return judgeGoals(this.lab.goals, this.outcome())
  }
}
