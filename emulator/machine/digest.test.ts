import { expect, test } from 'vitest'
import { CF, PF, ZF } from '../isa/registers.ts'
import { FLAGS, setArithmeticFlags } from '../state/flags.ts'
import { restoreTlb, saveTlb } from '../paging/tlb.ts'
import { FAST_TAG_OFFSET, TLB_OFFSET } from '../state/memory-map.ts'
import { PhysicalMemory } from '../state/memory.ts'
import { vcpuView, type Vcpu } from '../state/vcpu.ts'
import { digestState } from './digest.ts'

function machine(): { memory: PhysicalMemory; state: Vcpu; digest: () => string } {
  const memory = new PhysicalMemory(0x10_0000, 1)
  const state = vcpuView(memory.buffer, 0)
  return { memory, state, digest: () => digestState([state], memory, []) }
}

/** A saved TLB with the first entry in use. */
function withEntry(empty: Uint32Array): Uint32Array {
  return Uint32Array.of(...empty, 0, 0, 0x8000_0001, 0, 0, 0, 0, 0, 0, TLB_OFFSET / 4)
}

test('the same flags give the same digest in whatever form they are kept', () => {
  const { state, digest } = machine()
  setArithmeticFlags(state, CF | PF | ZF)
  const explicit = digest()
  // F0h + 10h as bytes.
  state.flagsKind = FLAGS.add
  state.flagsSize = 1
  state.flagsLeft = 0xf0n
  state.flagsRight = 0x10n
  state.flagsResult = 0n
  expect(digest()).toBe(explicit)
  state.flagsKind = FLAGS.logic
  expect(digest()).not.toBe(explicit)
})

test.each([
  ['a general register', (state: Vcpu) => (state.gpr[3] = 1n)],
  ['a model-specific register', (state: Vcpu) => (state.lstar = 1n)],
  ['the hidden part of a segment', (state: Vcpu) => (state.segments[5].base = 1n)],
  ['the instruction count', (state: Vcpu) => (state.instructions = 1)],
  ['a TLB entry', (state: Vcpu) => restoreTlb(state, withEntry(saveTlb(state)))],
])('%s changes the digest', (_, change) => {
  const { state, digest } = machine()
  const before = digest()
  change(state)
  expect(digest()).not.toBe(before)
})

test.each([
  ['what is left of the budget', (state: Vcpu) => (state.budget = 1)],
  ['a fast tag', (state: Vcpu) => (state.words[FAST_TAG_OFFSET / 4] = 1)],
])('%s does not change the digest', (_, change) => {
  const { state, digest } = machine()
  const before = digest()
  change(state)
  expect(digest()).toBe(before)
})

test('a byte of RAM changes the digest, and so does the page it lies in', () => {
  const { memory, digest } = machine()
  const before = digest()
  memory.write(0x1234, 1, 1n)
  const first = digest()
  memory.write(0x1234, 1, 0n)
  memory.write(0x2234, 1, 1n)
  expect(new Set([before, first, digest()]).size).toBe(3)
})
