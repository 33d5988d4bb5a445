import { describe, expect, test } from 'vitest'
import { RAX, RBX } from '../isa/registers.ts'
import { step } from './evaluate/step.ts'
import { bench, load, loadSource, mapPage, program, PROGRAM, type Bench } from './engine.fixture.ts'

const PAGE = PROGRAM >> 12
const PRESENT_WRITABLE = 3n

function steps({ engine, cpu }: Bench, count: number): void {
  for (let i = 0; i < count; i++) step(engine, cpu)
}

function restart({ cpu }: Bench): void {
  cpu.state.rip = BigInt(PROGRAM)
}

describe('self-modifying code', () => {
  test('the very next instruction is the one that was stored', () => {
    const target = program(64, 'mov byte [rel next], 0x40\nnext: db 0x90, 0x90')
    // 40h 90h: REX and NOP, one instruction of two bytes.
    steps(target, 2)
    expect(target.cpu.state.rip).toBe(BigInt(PROGRAM + 9))
  })

  test.each([
    ['first byte of the opcode', 0, 0x05],
    ['last byte of the immediate', 4, 0x7f],
  ])('a store to the %s of a decoded instruction is seen', (_, offset, byte) => {
    const target = program(64, 'mov eax, 0x01010101')
    step(target.engine, target.cpu)
    restart(target)
    target.cpu.memory.write(PROGRAM + offset, 1, BigInt(byte))
    step(target.engine, target.cpu)
    expect(target.cpu.state.gpr[RAX]).toBe(offset === 0 ? 0x0202_0202n : 0x7f01_0101n)
  })

  test('an alias of the page in another linear page is the same code', () => {
    const target = bench(64)
    mapPage(target, 0x5_0000, BigInt(PROGRAM) | PRESENT_WRITABLE)
    loadSource(target, 64, `mov byte [0x50000 + changed - ${PROGRAM} + 1], 7\nchanged: mov bl, 1`)
    steps(target, 2)
    expect(target.cpu.state.gpr[RBX]).toBe(7n)
  })

  test('a loader that replaces the program is seen', () => {
    const target = program(64, 'mov eax, 1')
    step(target.engine, target.cpu)
    load(target, [0xb8, 2, 0, 0, 0])
    restart(target)
    step(target.engine, target.cpu)
    expect(target.cpu.state.gpr[RAX]).toBe(2n)
  })
})

describe('granules', () => {
  test('those that hold decoded bytes are marked, those beside them are not', () => {
    const target = program(64, 'times 62 nop\n mov eax, 1\n ud2')
    steps(target, 63)
    expect(target.cpu.memory.granules[PAGE]).toBe(0b11n)
  })

  test('they are unmarked when the last instruction in them is overwritten', () => {
    const target = program(64, 'times 62 nop\n mov eax, 1')
    steps(target, 63)
    target.cpu.memory.write(PROGRAM + 66, 1, 5n)
    // The MOV reached into the second granule; the NOPs still lie in the first.
    expect(target.cpu.memory.granules[PAGE]).toBe(0b01n)
  })

  test('a store beside the instructions of a granule drops none of them', () => {
    const target = program(64, 'nop\n nop')
    steps(target, 2)
    const { code } = target.engine
    const before = code.lookup(PROGRAM, 2)
    target.cpu.memory.write(PROGRAM + 2, 8, 0n)
    expect(code.lookup(PROGRAM, 2)).toBe(before)
    target.cpu.memory.write(PROGRAM, 1, 0x90n)
    expect(code.lookup(PROGRAM, 2)).not.toBe(before)
  })

  test('clear() unmarks everything', () => {
    const target = program(64, 'nop')
    step(target.engine, target.cpu)
    target.engine.code.clear()
    expect(target.cpu.memory.granules[PAGE]).toBe(0n)
  })
})

test('the number of pages is bounded: the oldest makes room', () => {
  const { engine, cpu } = bench(64)
  for (let page = 16; page < 16 + 513; page++) engine.code.lookup(page * 4096, 2)
  expect(cpu.memory.granules[16]).toBe(0n)
  expect(cpu.memory.granules[17]).not.toBe(0n)
})
