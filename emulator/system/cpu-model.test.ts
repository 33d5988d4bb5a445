import { expect, test } from 'vitest'
import { CR4, EFER } from '../state/mode.ts'
import { createCpuModel, cr4ReservedBits, eferReservedBits, FEATURES } from './cpu-model.ts'
import { longCpu } from './system.fixture.ts'

const model = createCpuModel()

test('each feature has a name and a CPUID bit of its own', () => {
  expect(new Set(FEATURES.map(({ name }) => name)).size).toBe(FEATURES.length)
  const bits = FEATURES.map(({ leaf, register, bit }) => `${leaf} ${register} ${bit}`)
  expect(new Set(bits).size).toBe(FEATURES.length)
})

test('a control bit exists exactly when its feature does', () => {
  expect(cr4ReservedBits(model) & CR4.PAE).toBe(0n)
  expect(cr4ReservedBits(model) & CR4.CET).toBe(CR4.CET)
  const bare = { ...model, has: () => false }
  expect(cr4ReservedBits(bare)).toBe(BigInt.asUintN(64, ~CR4.PCE))
  expect(eferReservedBits(bare) & EFER.SVME).toBe(EFER.SVME)
  expect(eferReservedBits(model) & EFER.SVME).toBe(0n)
})

test('features are taken from a model and given to it', () => {
  const changed = createCpuModel('default,-rdtscp,-smep,+smep')
  expect(changed.has('rdtscp')).toBe(false)
  expect(changed.has('smep')).toBe(true)
  const { state } = longCpu()
  expect(model.cpuid(0x8000_0001, 0, state)[3] & (1 << 27)).not.toBe(0)
  expect(changed.cpuid(0x8000_0001, 0, state)[3] & (1 << 27)).toBe(0)
  expect(() => createCpuModel('default,-avx')).toThrow("'-avx' is not + or - and a feature")
  expect(() => createCpuModel('default,rdtscp')).toThrow(RangeError)
})

test('a model that does not exist is refused with the names of those that do', () => {
  expect(() => createCpuModel('i486')).toThrow("no CPU model 'i486'; there are: default")
  expect(() => createCpuModel('toString')).toThrow(RangeError)
})
