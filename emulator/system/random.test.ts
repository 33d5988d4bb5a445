import { expect, test } from 'vitest'
import { ARITHMETIC_FLAGS, CF } from '../isa/registers.ts'
import { readRflags } from '../state/flags.ts'
import { execute, longCpu } from './system.fixture.ts'

/** RDRAND RAX, RDRAND EAX, RDRAND AX and RDSEED RAX. */
const RDRAND_RAX = [0x48, 0x0f, 0xc7, 0xf0]
const RDRAND_EAX = [0x0f, 0xc7, 0xf0]
const RDRAND_AX = [0x66, 0x0f, 0xc7, 0xf0]
const RDSEED_RAX = [0x48, 0x0f, 0xc7, 0xf8]

function randomAt(time: number, seed = 0, bytes = RDRAND_RAX): bigint {
  const cpu = { ...longCpu(), seed }
  cpu.state.instructions = time
  cpu.state.gpr[0] = 0x1111_1111_1111_1111n
  execute(cpu, bytes)
  expect(readRflags(cpu.state) & ARITHMETIC_FLAGS).toBe(CF)
  return cpu.state.gpr[0]
}

test('the same seed and time give the same number, others another', () => {
  expect(randomAt(5, 1)).toBe(randomAt(5, 1))
  const numbers = [0, 1, 2].flatMap((seed) => [0, 1, 2, 3].map((time) => randomAt(time, seed)))
  expect(new Set(numbers).size).toBe(numbers.length)
})

test('each bit is about as often 1 as 0', () => {
  const numbers = Array.from({ length: 400 }, (_, time) => randomAt(time))
  for (let bit = 0n; bit < 64n; bit++) {
    const ones = numbers.filter((number) => (number >> bit) & 1n).length
    expect(ones).toBeGreaterThan(140)
    expect(ones).toBeLessThan(260)
  }
})

test('a 32-bit destination is zero-extended, a 16-bit one leaves the rest', () => {
  expect(randomAt(5, 0, RDRAND_EAX)).toBe(randomAt(5) & 0xffff_ffffn)
  expect(randomAt(5, 0, RDRAND_AX)).toBe((randomAt(5) & 0xffffn) | 0x1111_1111_1111_0000n)
})

test('RDSEED does the same', () => {
  expect(randomAt(5, 0, RDSEED_RAX)).toBe(randomAt(5))
})
