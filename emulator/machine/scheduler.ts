/**
 * Which processor executes next. Time is cut into rounds of one quantum: in round n, which begins at time n * quantum, each
 * processor has a turn, lowest number first, until its own time reaches the end of the round. An idle processor waits out its
 * turn at no cost. Whose turn it is follows from the times alone (system/time.ts), so there is nothing else to save, and where a
 * run is cut into slices makes no difference.
 */
import { ATTENTION } from '../state/attention.ts'
import type { Cpu } from '../state/cpu.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { nextEvent } from '../system/events.ts'
import { updateTimer } from '../system/local-apic.ts'
import { mix } from '../system/random.ts'
import { timeOf } from '../system/time.ts'

const LONGEST_QUANTUM = 4096
/** Seeds choose among so many orders of magnitude, because some races show only when turns are short. */
const HALVINGS = 8

/** A turn of nothing but PAUSE has so many of them. */
const PAUSES_IN_TURN = 4

/** Units of time in a round: 17 to 4096, as the seed says; the seed 0 gives the longest. */
function quantumOf(seed: number): number {
  const random = Number(mix(BigInt(seed)) & 0xffff_ffffn)
  const most = LONGEST_QUANTUM >> (random % HALVINGS)
  return most - (Math.floor(random / HALVINGS) % (most / 2))
}

/** HLT, shutdown, or no STARTUP yet, and nothing pending that would end it. */
function isIdle(state: Vcpu): boolean {
  return (state.attention & ATTENTION.inactive) !== 0 && nextEvent(state) === undefined
}

/** Lets time pass without instructions, up to `time` if that is not past. */
function waitUntil(state: Vcpu, time: number): void {
  const left = time - timeOf(state)
  if (left > 0) state.idle += left
}

export class Scheduler {
  readonly #cpus: readonly Cpu[]
  /** A processor alone has one turn that does not end. */
  readonly #quantum: number

  constructor(cpus: readonly Cpu[], seed: number) {
    this.#cpus = cpus
    this.#quantum = cpus.length === 1 ? Infinity : quantumOf(seed)
  }

  /** The processor whose turn it is. */
  get current(): Cpu {
    let current = this.#cpus[0]
    let earliest = Infinity
    for (const cpu of this.#cpus) {
      const round = Math.floor(timeOf(cpu.state) / this.#quantum)
      if (round >= earliest) continue
      current = cpu
      earliest = round
    }
    return current
  }

  /** When the turn ends that `time` belongs to. */
  turnEnd(time: number): number {
    return (Math.floor(time / this.#quantum) + 1) * this.#quantum
  }

  /**
   * PAUSE takes a share of a turn: a processor that spins leaves most of the work to the others. It ends with the turn, and when
   * the timer expires. Called while the instruction executes.
   */
  pause({ state }: Cpu): void {
    const time = timeOf(state)
    // The instruction has counted already, and may have been the last of the turn.
    const most = Math.min(this.turnEnd(time - 1), state.apicTimerExpiry)
    waitUntil(state, Math.min(time + Math.floor(this.#quantum / PAUSES_IN_TURN), most))
    // What is left of the turn has become shorter.
    state.attention |= ATTENTION.stop
  }

  /**
   * The processor whose turn it is may not execute: when it is idle, time passes for it until its timer wakes it or its turn is
   * over. False when all processors are idle and nothing can wake any of them.
   */
  passTime({ state }: Cpu): boolean {
    if (!isIdle(state)) return true
    if (this.#cpus.every((cpu) => isIdle(cpu.state))) return this.#skipIdleTime()
    const end = this.turnEnd(timeOf(state))
    if (!(state.apicTimerExpiry < end && this.#expire(state))) waitUntil(state, end)
    return true
  }

  /** With all processors idle, goes to the round in which a timer wakes one. False when none does. */
  #skipIdleTime(): boolean {
    const timers = this.#cpus
      .map(({ state }) => state)
      .filter((state) => state.apicTimerExpiry !== Infinity)
      .sort((a, b) => a.apicTimerExpiry - b.apicTimerExpiry)
    for (const state of timers) {
      const round = this.turnEnd(state.apicTimerExpiry) - this.#quantum
      for (const cpu of this.#cpus) if (cpu.state !== state) waitUntil(cpu.state, round)
      if (this.#expire(state)) return true
    }
    return false
  }

  /** The timer of an idle processor expires. True when that wakes it. */
  #expire(state: Vcpu): boolean {
    waitUntil(state, state.apicTimerExpiry)
    updateTimer(state)
    return nextEvent(state) !== undefined
  }
}
