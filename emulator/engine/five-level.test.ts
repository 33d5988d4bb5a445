import { describe, expect, test } from 'vitest'
import { RAX, RBX, RCX, RSP } from '../isa/registers.ts'
import { modeChanged } from '../paging/contexts.ts'
import { VECTOR } from '../state/faults.ts'
import { CR4 } from '../state/mode.ts'
import { createEngine } from './engine.ts'
import { program, PROGRAM, STACK, type Bench } from './engine.fixture.ts'
import { step } from './evaluate/step.ts'
import { run } from './run.ts'

const PML5 = 0x3f_0000
/** Canonical with 57 bits, not with 48: the lowest address of the upper half. */
const UPPER = 0xff00_0000_0000_0000n

/** The bench's first 2 MB also at UPPER, by 5-level paging. */
function fiveLevels(source: string): Bench {
  const target = program(64, source)
  const { memory, state } = target.cpu
  for (const index of [0, 256]) memory.write(PML5 + index * 8, 8, state.cr3 | 7n)
  state.cr3 = BigInt(PML5)
  state.cr4 |= CR4.LA57
  modeChanged(target.cpu)
  return target
}

describe('with 5-level paging', () => {
  test('data, stack and code lie at 57-bit addresses', () => {
    const { engine, cpu } = fiveLevels('mov eax, [rbx]\n push rax\n jmp rbx')
    cpu.state.gpr[RBX] = UPPER + BigInt(PROGRAM)
    cpu.state.gpr[RSP] = UPPER + BigInt(STACK)
    const first = BigInt(cpu.memory.read32(PROGRAM))
    for (let i = 0; i < 4; i++) step(engine, cpu)
    expect(cpu.state.gpr[RAX]).toBe(first)
    expect(cpu.memory.read(STACK - 8, 8)).toBe(first)
    expect(cpu.state.rip).toBe(UPPER + BigInt(PROGRAM + 2))
  })

  test('bits 63:57 must still be copies of bit 56', () => {
    const { engine, cpu, raised } = fiveLevels('mov eax, [rbx]')
    cpu.state.gpr[RBX] = 1n << 56n
    step(engine, cpu)
    expect(raised[0]).toMatchObject({ vector: VECTOR.GP, errorCode: 0 })
  })

  test('hot code reads and writes there as it does elsewhere', () => {
    const { cpu } = fiveLevels('again: add qword [rbx], 1\n loop again\n jmp $')
    cpu.state.gpr[RBX] = UPPER + 0x3_0000n
    cpu.state.gpr[RCX] = 1000n
    const engine = createEngine({
      memory: cpu.memory,
      cpus: [cpu],
      systemInstructions: new Map(),
      compileAfter: 1,
    })
    run(engine, cpu, 2000)
    expect(engine.compiled?.statistics.instructions).toBeGreaterThan(1900)
    expect(cpu.memory.read(0x3_0000, 8)).toBe(1000n)
  })
})

test('with 4-level paging the same addresses raise #GP', () => {
  const { engine, cpu, raised } = program(64, 'mov eax, [rbx]')
  cpu.state.gpr[RBX] = UPPER
  step(engine, cpu)
  expect(raised[0]).toMatchObject({ vector: VECTOR.GP, errorCode: 0 })
})
