import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Machine } from './machine.ts'
import type { Executor } from './machine.ts'

/** Runs a benchmark guest to its end, in slices. */
function runGuest(name: string, executor: Executor, slice: number) {
  const kernel = readFileSync(new URL(`../../bench/guests/elf/${name}.elf`, import.meta.url))
  const machine = new Machine({ ramBytes: 192 * 0x10_0000, executor, history: false })
  machine.boot({ kernel, commandLine: `${name} div=5000`, modules: [] })
  let result = machine.run(slice)
  while (result.reason === 'budget') result = machine.run(slice)
  return {
    result: { ...result, instructions: 0 },
    instructions: machine.instructions,
    digest: machine.digest(),
    output: String.fromCharCode(...machine.serial.since()),
  }
}

test.each(['svm_rt', 'svm_npt_rt', 'svm_full', 'svm_cpuid', 'svm_ioio', 'ctx64', 'ctx32', 'alu32'])(
  '%s finds its results right, and both executors end in the same state after the same number of instructions',
  (name) => {
    const evaluated = runGuest(name, 'evaluate', 1_000_000)
    expect(evaluated.result).toEqual({ reason: 'debug-exit', code: 0x10, instructions: 0 })
    expect(evaluated.output).toMatch(/ ok=1\n== END\n$/)
    expect(evaluated.output).not.toMatch(/ok=0|!!/)
    expect(runGuest(name, 'compile', 1777)).toEqual(evaluated)
  },
)
