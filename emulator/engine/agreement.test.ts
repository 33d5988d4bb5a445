/** Evaluation, compiled code and single steps agree on random programs: registers, flags, memory, faults, count, TLB. */
import { describe, expect, it } from 'vitest'
import type { CodeBits } from '../isa/instruction.ts'
import { dropContexts } from '../paging/contexts.ts'
import { emptyTlb, saveTlb } from '../paging/tlb.ts'
import type { Cpu, SystemInstruction } from '../state/cpu.ts'
import { readRflags } from '../state/flags.ts'
import { REGISTER_BYTES } from '../state/memory-map.ts'
import { agreementBench, Random, randomProgram } from './agreement.fixture.ts'
import { createEngine, type Engine } from './engine.ts'
import { RAM_BYTES, type Bench } from './engine.fixture.ts'
import { run } from './run.ts'
import { SYSTEM_INSTRUCTIONS } from '../system/instructions.ts'

const PROGRAMS = 100

/** No program attempts more instructions. */
const ENOUGH = 3_000

interface Contestant {
  readonly bench: Bench
  readonly engine: Engine
  readonly initial: { readonly registers: Uint8Array; readonly ram: Uint8Array }
  /** System instructions attempted: those that only evaluation executes. */
  systemInstructions: number
}

function contestant(bits: CodeBits, executor: 'evaluate' | 'compile'): Contestant {
  const bench = agreementBench(bits)
  const { cpu } = bench
  const counted = [...SYSTEM_INSTRUCTIONS].map(([name, execute]): [string, SystemInstruction] => [
    name,
    (cpu, instruction) => {
      result.systemInstructions++
      execute(cpu, instruction)
    },
  ])
  const engine = createEngine({
    memory: cpu.memory,
    cpus: [cpu],
    systemInstructions: new Map(counted),
    executor,
    compileAfter: 1,
  })
  const initial = {
    registers: cpu.memory.bytes.slice(0, REGISTER_BYTES),
    ram: cpu.memory.dump(0, RAM_BYTES),
  }
  const result: Contestant = { bench, engine, initial, systemInstructions: 0 }
  return result
}

function begin({ bench, engine, initial }: Contestant, program: ReturnType<typeof randomProgram>): void {
  const { memory, state } = bench.cpu
  engine.code.clear()
  memory.bytes.set(initial.registers)
  memory.bytes.set(initial.ram, memory.ramBase)
  emptyTlb(state)
  dropContexts(bench.cpu)
  for (const { address, bytes } of program) memory.load(address, bytes)
  bench.raised.length = 0
}

/** Registers and faults; everything else that must agree is memory(). */
function registers({ bench: { cpu, raised } }: Contestant): Record<string, unknown> {
  const { state } = cpu
  return {
    rip: state.rip.toString(16),
    gpr: [...state.gpr].map((value) => value.toString(16)),
    rflags: readRflags(state).toString(16),
    cr2: state.cr2.toString(16),
    instructions: state.instructions,
    mode: state.mode,
    selectors: state.segments.map((segment) => segment.selector),
    raised: raised.map(
      ({ vector, errorCode, linearAddress }) => `${vector} ${errorCode} ${linearAddress.toString(16)}`,
    ),
  }
}

/** The first byte in which RAM or what the TLBs hold differ, or undefined. */
function difference(one: Contestant, other: Contestant): string | undefined {
  const [a, b] = [one.bench.cpu, other.bench.cpu]
  const compare = (name: string, left: Buffer, right: Buffer): string | undefined => {
    if (left.equals(right)) return undefined
    const at = left.findIndex((byte, n) => byte !== right[n])
    return `${name} at ${at.toString(16)}: ${left[at]} and ${right[at]}`
  }
  const ram = ({ memory }: Cpu): Buffer => Buffer.from(memory.buffer, memory.ramBase, RAM_BYTES)
  const tlb = ({ state }: Cpu): Buffer => Buffer.from(saveTlb(state).buffer)
  return compare('RAM', ram(a), ram(b)) ?? compare('TLB', tlb(a), tlb(b))
}

function expectAgreement(one: Contestant, other: Contestant, when: string): void {
  expect(registers(one), when).toEqual(registers(other))
  expect(difference(one, other), when).toBeUndefined()
}

/** Instructions of a run that only evaluation can do: system instructions, what faults, and what bails out. */
function uncompilable({ systemInstructions, engine, bench: { raised } }: Contestant): number {
  const { bails } = engine.compiled!.statistics
  return systemInstructions + raised.length + bails.translation + bails.crossing + bails.code
}

describe.each([64, 32, 16] as const)('random programs on a %i-bit machine', (bits) => {
  const evaluated = contestant(bits, 'evaluate')
  const compiled = contestant(bits, 'compile')
  const stepped = contestant(bits, 'compile')
  let faults = 0

  function runProgram(seed: number): void {
    const random = new Random(seed * 64 + bits)
    const program = randomProgram(random, bits)
    for (const one of [evaluated, compiled, stepped]) begin(one, program)
    let done = 0
    for (let ran = -1; ran !== 0 && done < ENOUGH; done += ran) {
      const budget = seed % 4 === 0 ? random.pick([1, 7, 60, 300]) : ENOUGH
      ran = run(evaluated.engine, evaluated.bench.cpu, budget)
      expect(run(compiled.engine, compiled.bench.cpu, budget), `seed ${seed}`).toBe(ran)
      expectAgreement(compiled, evaluated, `seed ${seed}, after ${done + ran} instructions`)
    }
    for (let steps = 0; steps < done; steps++) run(stepped.engine, stepped.bench.cpu, 1)
    expectAgreement(stepped, evaluated, `seed ${seed}, in single steps`)
    faults += evaluated.bench.raised.length
  }

  it('leave the same state behind evaluated, compiled and in single steps', { timeout: 60_000 }, () => {
    const { statistics } = compiled.engine.compiled!
    let compilable = 0
    let retired = 0
    for (let seed = 1; seed <= PROGRAMS; seed++) {
      const before = [statistics.instructions, uncompilable(compiled)] as const
      runProgram(seed)
      if (seed % 4 === 0) continue
      // begin() has emptied the list of faults, so the faults of this program alone are in it.
      retired += statistics.instructions - before[0]
      compilable += compiled.bench.cpu.state.instructions - (uncompilable(compiled) - before[1])
    }
    expect(retired).toBeGreaterThan(0.95 * compilable)
    expect(faults).toBeGreaterThan(PROGRAMS / 2)
  })
})
