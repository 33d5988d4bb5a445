/** Every recorded execution of a real processor, evaluated: registers, flags and memory agree. */
import { describe, expect, test } from 'vitest'
import { bench, PROGRAM, type Bench } from '../engine.fixture.ts'
import { expected, observed, prepare, recordedInstructions, TOPICS } from '../native/native-cases.ts'
import { step } from './step.ts'

/** More than the iterations of any recorded REP. */
const MOST_STEPS = 10

/** Executes the instruction at PROGRAM to its end. */
function execute({ cpu, engine, raised }: Bench): void {
  for (let n = 0; n < MOST_STEPS && raised.length === 0 && cpu.state.rip === BigInt(PROGRAM); n++)
    step(engine, cpu)
}

/** One bench for each code size: a record sets all that it needs. */
const benches = { 32: bench(32), 64: bench(64) }

describe.each(TOPICS)('%s', (topic) => {
  test.each(recordedInstructions(topic).map((instruction) => [instruction.assembly, instruction] as const))(
    '%s does what the processor did',
    (_, instruction) => {
      const prepared = benches[instruction.bits]
      for (const record of instruction.cases) {
        prepare(prepared, instruction, record)
        execute(prepared)
        expect(observed(prepared), record).toBe(expected(record))
      }
    },
  )
})
