/** One attempt at one instruction, evaluated: events before it, fetch, execution, and what stops it half-way. */
import { ATTENTION } from '../../state/attention.ts'
import { Exit, Fault, VECTOR } from '../../state/faults.ts'
import { EXIT, isWriteTrap } from '../../state/exit-codes.ts'
import type { Cpu } from '../../state/cpu.ts'
import { joinHalves } from '../../state/halves.ts'
import { OFFSET } from '../../state/layout.ts'
import { MODE } from '../../state/mode.ts'
import { countBusLock } from '../../system/bus-locks.ts'
import { afterInstruction, beforeInstruction } from '../../system/boundary.ts'
import { deliverFault } from '../../system/deliver.ts'
import { noteInstruction } from '../../system/last-branch.ts'
import { completeWriteCombining } from '../../system/write-combining.ts'
import type { Engine } from '../engine.ts'
import { fetch } from '../fetch.ts'

/**
 * Takes pending events and attempts the instruction at rIP: it retires, faults into its handler, or exits to the host. Returns
 * false when the vCPU does not execute: halted, shut down, or asked to stop. `state.instructions` counts the attempt from its
 * beginning on.
 */
export function step(engine: Engine, cpu: Cpu): boolean {
  const state = cpu.state
  if (state.attention !== 0 && !takeEvents(cpu)) return false
  let before = state.attention
  const guestMode = state.guestMode
  const words = state.words
  const low = words[RIP]
  const high = words[RIP + 1]
  // rIP of the instruction in sequence; 0 while this one is not known.
  let nextLow = 0
  let nextHigh = 0
  state.instructions += 1
  try {
    const { instruction, semantics, system } = fetch(engine.code, cpu)
    nextLow = (low + instruction.length) >>> 0
    nextHigh = nextLow < low && (state.mode & MODE.codeSize) === 2 ? (high + 1) >>> 0 : high
    if (before & ATTENTION.busLocks) countBusLock(cpu, instruction, joinHalves(nextLow, nextHigh))
    cpu.observer.instruction?.(instruction, state.rip)
    if (cpu.caches !== undefined) completeWriteCombining(cpu, instruction)
    if (semantics !== undefined) {
      const builder = engine.builders[cpu.index]
      builder.begin(instruction)
      semantics(builder.abstract)
      if (builder.target === undefined) setRip(words, nextLow, nextHigh)
      else state.rip = builder.target
    } else {
      setRip(words, nextLow, nextHigh)
      const exit = system(cpu, instruction)
      if (exit instanceof Exit) {
        setRip(words, low, high)
        takeExit(cpu, exit, joinHalves(nextLow, nextHigh))
        return true
      }
    }
    if (before !== 0) {
      const repeats = isRip(words, low, high) && instruction.repeat !== 'none'
      // RF lasts until all iterations of a repeated instruction are done.
      if (repeats) before &= ~ATTENTION.resume
      if (before & ATTENTION.branches && state.guestMode === guestMode)
        noteInstruction(state, joinHalves(low, high), !isRip(words, nextLow, nextHigh) && !repeats)
    }
  } catch (thrown) {
    if (!hasTakenEffect(thrown)) setRip(words, low, high)
    if (!stopHalfWay(cpu, thrown, joinHalves(nextLow, nextHigh))) return true
  }
  // VMRUN begins with the host's shadow and traps and ends with the guest's, which are for the next instruction.
  if (before !== 0 && state.guestMode === guestMode) finish(cpu, before)
  return true
}

const RIP = OFFSET.rip >> 2

function setRip(words: Uint32Array, low: number, high: number): void {
  words[RIP] = low
  words[RIP + 1] = high
}

function isRip(words: Uint32Array, low: number, high: number): boolean {
  return words[RIP] === low && words[RIP + 1] === high
}

/** The attempt at the instruction at rIP when it is known already that an access of it to memory fails, and how. */
export function stepFailing(cpu: Cpu, failure: Fault | Exit): void {
  cpu.state.instructions += 1
  stopHalfWay(cpu, failure, 0n)
}

/** True for a trapped write and for what a task raises that was just switched to; else the instruction is as if it had not begun. */
function hasTakenEffect(thrown: unknown): boolean {
  if (thrown instanceof Exit) return thrown.committed || isWriteTrap(thrown.code)
  return thrown instanceof Fault && thrown.committed
}

/** Events before an instruction. A #VMEXIT among them leads to the host's next instruction. */
function takeEvents(cpu: Cpu): boolean {
  try {
    return beforeInstruction(cpu)
  } catch (thrown) {
    takeExit(cpu, thrown, 0n)
    return beforeInstruction(cpu)
  }
}

/** The #BR of BOUND. Of the exceptions, it keeps nRIP and so do those of INT3 and INTO (APM vol 2 §15.7.1). */
const BOUND_RANGE = EXIT.EXCEPTION_0 + VECTOR.BR

/** Delivers a fault or takes an exit; anything else is a defect of ours and is thrown on. Returns false after an exit. */
function stopHalfWay(cpu: Cpu, thrown: unknown, next: bigint): boolean {
  if (!(thrown instanceof Fault)) {
    takeExit(cpu, thrown, next)
    return false
  }
  try {
    deliverFault(cpu, thrown)
    return true
  } catch (exit) {
    takeExit(cpu, exit, exit instanceof Exit && exit.code === BOUND_RANGE ? next : 0n)
    return false
  }
}

/** `next` goes to nRIP, which is zero but for intercepts of instructions (APM vol 2 §15.7.1). */
function takeExit(cpu: Cpu, thrown: unknown, next: bigint): void {
  if (!(thrown instanceof Exit)) throw thrown
  const byInstruction = thrown.code !== EXIT.NPF && thrown.code !== EXIT.TASK_SWITCH
  cpu.virtualization.exit(cpu, thrown, byInstruction ? next : 0n)
}

function finish(cpu: Cpu, before: number): void {
  try {
    afterInstruction(cpu, before)
  } catch (thrown) {
    takeExit(cpu, thrown, 0n)
  }
}
