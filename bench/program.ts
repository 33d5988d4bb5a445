/** Runs small programs of our own, assembled here, and times them. */
import { readFileSync } from 'node:fs'
import { assemble } from '../emulator/isa/index.ts'
import { Machine, type Executor } from '../emulator/machine/index.ts'

const RAM_BYTES = 16 * 0x10_0000

function load(machine: Machine, file: string, iterations: number): void {
  const source = readFileSync(new URL(file, import.meta.url), 'utf8')
  const program = assemble({
    files: new Map([[file, source]]),
    entry: file,
    symbols: new Map([['ITERATIONS', BigInt(iterations)]]),
  })
  if (program.bytes.length === 0) throw new Error(JSON.stringify(program.diagnostics))
  machine.start('long', Number(program.origin))
  machine.load(Number(program.origin), program.bytes)
}

function elapsed(work: () => void): number {
  const start = performance.now()
  work()
  return performance.now() - start
}

/** Millions of instructions per second of the guest whose code, stack and data share one page. */
export function measureOnePage(iterations: number, executor: Executor): number {
  const machine = new Machine({ ramBytes: RAM_BYTES, executor, history: false })
  load(machine, 'one-page.asm', iterations)
  const milliseconds = elapsed(() => {
    while (machine.run(1_000_000).reason === 'budget');
  })
  return machine.instructions / milliseconds / 1000
}

export interface StepBackTimes {
  readonly median: number
  readonly worst: number
}

/** Milliseconds for a step back from points all over a run of `length` instructions. */
export function measureStepBack(length: number): StepBackTimes {
  const machine = new Machine({ ramBytes: RAM_BYTES })
  load(machine, 'one-page.asm', length)
  const times: number[] = []
  for (let point = length; point > 1; point -= 997) {
    machine.goTo(length)
    machine.goTo(point)
    times.push(elapsed(() => machine.stepBack()))
  }
  times.sort((a, b) => a - b)
  return { median: times[Math.floor(times.length / 2)], worst: times.at(-1)! }
}
