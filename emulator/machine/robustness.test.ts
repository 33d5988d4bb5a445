/** Whatever a guest does, the machine throws nothing, keeps to its budget, and both executors do the same. */
import { expect, test } from 'vitest'
import { Random } from '../engine/agreement.fixture.ts'
import { Machine, type Executor } from './machine.ts'
import { randomGuest } from './random-guests.fixture.ts'

const SEEDS = 120
const INSTRUCTIONS = 4000
const RAM = 0x10_0000

function start(machine: Machine, seed: number): Machine {
  const { kind, loads } = randomGuest(seed)
  machine.start(kind, 0x1_0000)
  for (const [address, bytes] of loads) machine.load(address, bytes)
  return machine
}

/** Runs in slices of random length; each ends at its budget or says why not. */
function runInSlices(machine: Machine, random: Random): string {
  for (;;) {
    const before = machine.instructions
    const budget = Math.min(random.pick([1, 2, 50, 1000, 3000]), INSTRUCTIONS - before)
    if (budget === 0) return 'budget'
    const { reason, instructions } = machine.run(budget)
    expect(machine.instructions - before).toBe(instructions)
    if (reason !== 'budget') return reason
    expect(instructions).toBe(budget)
  }
}

function machine(executor: Executor): Machine {
  return new Machine({ ramBytes: RAM, executor })
}

test('random guests leave the same state behind on a used machine that compiles and on a new one that evaluates', () => {
  const used = machine('compile')
  let exits = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const fresh = start(machine('evaluate'), seed)
    const reason = runInSlices(fresh, new Random(seed))
    start(used, seed)
    expect([seed, runInSlices(used, new Random(-seed))]).toEqual([seed, reason])
    expect([seed, used.digest()]).toEqual([seed, fresh.digest()])
    exits += used.events.since().filter(({ kind }) => kind === 'vmexit').length
  }
  // Otherwise the programs test nothing.
  expect(exits).toBeGreaterThan(10_000)
  expect(used.statistics().compiled).toBeGreaterThan(50_000)
})

test('going back and forward over VMRUN and #VMEXIT leads to the same state', () => {
  const random = new Random(7)
  for (let seed = 1000; seed < 1020; seed++) {
    const here = start(machine('compile'), seed)
    here.run(INSTRUCTIONS)
    const [end, digest] = [here.instructions, here.digest()]
    const middle = random.below(end)
    here.goTo(middle)
    const there = start(machine('evaluate'), seed)
    there.run(middle)
    expect([seed, here.digest()]).toEqual([seed, there.digest()])
    here.goTo(end)
    expect([seed, here.digest()]).toEqual([seed, digest])
  }
})
