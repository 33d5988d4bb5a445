import { describe, expect, test } from 'vitest'
import { RCX } from '../isa/registers.ts'
import { ATTENTION } from '../state/attention.ts'
import { ACTIVITY } from '../state/vcpu.ts'
import { program, PROGRAM } from './engine.fixture.ts'
import { run } from './run.ts'

const LOOP =
  'mov ecx, 1000\ntop: add rax, rcx\n xor rdx, rax\n push rax\n pop rbx\n dec ecx\n jnz top\n jmp $'

describe('run', () => {
  test.each([0, 1, 2, 1000])('attempts exactly %d instructions', (budget) => {
    const { engine, cpu } = program(64, LOOP)
    expect(run(engine, cpu, budget)).toBe(budget)
    expect(cpu.state.instructions).toBe(budget)
  })

  test('slices of any size lead to the same state', () => {
    const whole = program(64, LOOP)
    run(whole.engine, whole.cpu, 5000)
    for (const slice of [1, 7, 640]) {
      const sliced = program(64, LOOP)
      for (let done = 0; done < 5000;) done += run(sliced.engine, sliced.cpu, Math.min(slice, 5000 - done))
      expect([...sliced.cpu.state.gpr]).toEqual([...whole.cpu.state.gpr])
      expect(sliced.cpu.state.rip).toBe(whole.cpu.state.rip)
    }
  })

  test('goes back to compiled code after each system instruction, wherever a slice ended', () => {
    const source = `top: hlt\n ${'add eax, ebx\n '.repeat(8)} hlt\n ${'xor ebx, eax\n '.repeat(8)} jmp top`
    const { engine, cpu } = program(64, source, new Map([['hlt', () => undefined]]))
    for (let done = 0; done < 50_000;) done += run(engine, cpu, 777)
    // 17 of 19 instructions can be compiled.
    expect(engine.compiled!.statistics.instructions).toBeGreaterThan(0.8 * 50_000)
  })

  test('ends when the vCPU halts', () => {
    const halt = new Map([
      [
        'hlt',
        ({ state }: { state: { activity: number; attention: number } }) => {
          state.activity = ACTIVITY.halted
          state.attention |= ATTENTION.inactive
        },
      ],
    ])
    const { engine, cpu } = program(64, 'nop\n hlt\n nop', halt)
    expect(run(engine, cpu, 100)).toBe(2)
    expect(run(engine, cpu, 100)).toBe(0)
    expect(cpu.state.rip).toBe(BigInt(PROGRAM + 2))
  })

  test('ends at once when somebody asked it to stop', () => {
    const { engine, cpu } = program(64, LOOP)
    cpu.state.attention |= ATTENTION.stop
    expect(run(engine, cpu, 100)).toBe(0)
    expect(cpu.state.gpr[RCX]).toBe(0n)
  })

  test('ends when a fault without handlers shuts the vCPU down', () => {
    const { engine, cpu } = program(64, 'nop\n ud2')
    expect(run(engine, cpu, 100)).toBe(2)
    expect(cpu.state.activity).toBe(ACTIVITY.shutdown)
  })
})
