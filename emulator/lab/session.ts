/** A lab being run: one machine, one build, the goals judged on what the machine did. The workbench and `lab check` share it. */
import {
  describeRunResult,
  Machine,
  type MachineEvent,
  type MachineOptions,
  type RunResult,
} from '../machine/index.ts'
import { exitCode, findField } from '../svm/index.ts'
import { build, type Build } from './build.ts'
import type { ExitFact, Outcome } from './conditions.ts'
import { judgeGoals, type GoalResult } from './goals.ts'
import type { Lab } from './schema.ts'

const MIB = 0x10_0000

/** How a run ended, as `ended` conditions name it; the pauses of a session are not ends. */
const ENDS: Partial<Record<RunResult['reason'], string>> = {
  'halted-forever': 'halted',
  shutdown: 'shutdown',
  'debug-exit': 'debug-exit',
}

/** The exits in order, and how many instructions the guest executed before each. */
export function exitFacts(events: readonly MachineEvent[]): ExitFact[] {
  const facts: ExitFact[] = []
  /** By processor, its count of instructions at its last VMRUN. */
  const entered = new Map<number, number>()
  for (const event of events) {
    if (event.kind === 'vmrun') entered.set(event.processor, event.ownInstructions)
    if (event.kind !== 'vmexit') continue
    facts.push({
      name: exitCode(Number(BigInt.asIntN(64, event.code)))?.key ?? `${event.code.toString(16)}h`,
      vmcb: event.vmcb,
      asid: event.asid,
      guestInstructions: Math.max(0, event.ownInstructions - (entered.get(event.processor) ?? 0)),
      failedChecks: event.failedChecks.map((check) => check.id),
    })
  }
  return facts
}

export type SessionOptions = Pick<MachineOptions, 'executor' | 'stateCache' | 'seed' | 'strict'>

export class LabSession {
  readonly lab: Lab
  readonly machine: Machine
  #build: Build | undefined
  #end: RunResult | undefined

  /**
   * `options` as for the machine: labs come out the same whatever they are. A lab that names a policy for the state cache is
   * always run with that one; its seed is for runs that ask for no other.
   */
  constructor(lab: Lab, options: SessionOptions = {}) {
    this.lab = lab
    const { memory, cpu, cpus, caches, seed, state_cache } = lab.machine
    const pinned = state_cache === undefined ? {} : { stateCache: state_cache }
    this.machine = new Machine({ seed, ...options, ...pinned, ramBytes: memory * MIB, cpu, cpus, caches })
  }

  /** Builds the texts; the machine is untouched until reset(). */
  build(texts: ReadonlyMap<string, string>): Build {
    const program = this.lab.files.find((file) => file.name.endsWith('.asm'))!
    return build({
      files: texts,
      program: program.name,
      vmcbs: this.lab.files.flatMap(({ name, symbol }) => (symbol === undefined ? [] : [{ name, symbol }])),
      start: this.lab.machine.start,
      ramBytes: this.lab.machine.memory * MIB,
    })
  }

  /** Puts a usable build into a machine that has just started. Throws RangeError for an entry that the start state refuses. */
  reset(usable: Build): void {
    this.machine.start(this.lab.machine.start, usable.entry)
    this.machine.load(Number(usable.program.origin), usable.program.bytes)
    for (const { address, text } of usable.vmcbs) this.machine.load(address, text.image)
    this.#build = usable
    this.#end = undefined
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

  /** What the machine did so far, as goals see it. */
  outcome(): Outcome {
    const { machine } = this
    const cpu = machine.inspect()
    const events = machine.events.since()
    const registers = new Map<string, bigint>([
      ...Object.entries(cpu.general),
      ...Object.entries(cpu.system),
      ['rip', cpu.rip],
      ['rflags', BigInt(cpu.rflags)],
    ])
    return {
      exits: exitFacts(events),
      vmruns: events.filter((event) => event.kind === 'vmrun'),
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
    }
  }

  goals(): GoalResult[] {
    return judgeGoals(this.lab.goals, this.outcome())
  }
}
