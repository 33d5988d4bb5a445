/** The state cache of a whole machine: what a program sees of stale clean bits, and that going back in time restores the cache. */
import { describe, expect, test } from 'vitest'
import { findField, VMCB_BYTES, writeField } from '../svm/index.ts'
import { GUEST, LONG_GUEST, VMCB } from './guest.fixture.ts'
import { machineWith } from './machine.fixture.ts'
import type { Machine } from './machine.ts'
import type { StateCachePolicy } from './processors.ts'
import { START } from './start.ts'

/** Runs the guest eight times; it adds to RBX what it finds in CR2: another number each time, if VMRUN reads it. */
const PROGRAM = `
    mov rax, ${VMCB}
    mov ecx, 8
  again:
    mov qword [rax + 578h], ${GUEST}
    mov qword [rax + 0c0h], 200h
    mov [rax + 640h], rcx
    vmrun
    loop again
    hlt
    times ${GUEST - START.program} - ($ - $$) db 0
    mov rdx, cr2
    add rbx, rdx
    vmmcall`

function started(stateCache: StateCachePolicy, seed = 0): Machine {
  const machine = machineWith(PROGRAM, 'long', { stateCache, seed })
  const image = new DataView(new ArrayBuffer(VMCB_BYTES))
  for (const [key, value] of Object.entries(LONG_GUEST)) writeField(image, findField(key)!, value)
  machine.load(VMCB, new Uint8Array(image.buffer))
  return machine
}

function sum(machine: Machine): bigint {
  expect(machine.run(1000).reason).toBe('halted-forever')
  return machine.inspect().general.rbx
}

describe('a host that forgets to clear a clean bit', () => {
  test('is not noticed by a processor that reads everything', () => {
    expect(sum(started('lazy'))).toBe(36n)
  })

  test('runs its guest with the first value for ever where copies are used', () => {
    expect(sum(started('aggressive'))).toBe(64n)
  })

  test('gets now this and now that from a random processor, the same for the same seed', () => {
    const results = [1, 2, 3, 4].map((seed) => sum(started('random', seed)))
    expect(results).toEqual([1, 2, 3, 4].map((seed) => sum(started('random', seed))))
    expect(new Set(results).size).toBeGreaterThan(1)
  })
})

test('the record of a VMRUN says which groups came from the cache', () => {
  const machine = started('aggressive')
  machine.run(1000)
  const sources = machine.events.since().flatMap((event) => (event.kind === 'vmrun' ? [event.fromCache] : []))
  expect(sources).toEqual([[], ...Array.from({ length: 7 }, () => ['cr2'])])
})

test.each(['aggressive', 'random'] as const)('the cache goes back in time (%s)', (policy) => {
  const machine = started(policy, 5)
  machine.run(4)
  const [then, cache] = [machine.digest(), machine.stateCache()]
  machine.run(1000)
  const end = machine.digest()
  expect(machine.stateCache()).not.toEqual(cache)
  machine.goTo(4)
  expect(machine.digest()).toBe(then)
  expect(machine.stateCache()).toEqual(cache)
  machine.run(1000)
  expect(machine.digest()).toBe(end)
})
