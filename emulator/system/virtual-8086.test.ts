/** Virtual interrupts: CR4.VME in virtual-8086 mode, CR4.PVI at CPL 3 (APM vol 2 §8.10). */
import { describe, expect, test } from 'vitest'
import { CS, IF, IOPL, RSP, SS, TF, TR, VIF, VIP, VM } from '../isa/registers.ts'
import { modeChanged } from '../paging/contexts.ts'
import { VECTOR } from '../state/faults.ts'
import { readRflags, writeRflags } from '../state/flags.ts'
import { CR4, MODE } from '../state/mode.ts'
import { virtual8086Segment } from './segment-loads.ts'
import { setSegment } from './segmentation.ts'
import {
  AT,
  execute,
  faultOf,
  protectedCpu,
  SEL,
  setGate,
  step,
  type TestCpu,
  useSegments,
} from './system.fixture.ts'

const CLI = [0xfa]
const STI = [0xfb]
const PUSHF = [0x9c]
const PUSHFD = [0x66, 0x9c]
const POPF = [0x9d]
const IRET = [0xcf]
const INT_21 = [0xcd, 0x21]

const GP = { vector: VECTOR.GP, errorCode: 0 }
const STACK = 0x100

/** A virtual-8086 program at 0800:0000 with the stack 0900:0100. */
function program(flags: number, cr4: bigint = CR4.VME): TestCpu {
  const cpu = protectedCpu()
  const { state } = cpu
  state.cr4 = cr4
  writeRflags(state, VM | flags | 2)
  for (const register of state.segments.slice(0, 6)) setSegment(register, virtual8086Segment(0x900))
  setSegment(state.segments[CS], virtual8086Segment(0x800))
  setSegment(state.segments[SS], virtual8086Segment(0x900))
  state.cpl = 3
  state.rip = 0n
  state.gpr[RSP] = BigInt(STACK)
  modeChanged(cpu)
  return cpu
}

const flagsOf = (cpu: TestCpu) => readRflags(cpu.state) & (IF | VIF | VIP | IOPL)
const stackWord = (cpu: TestCpu, n = 0) =>
  Number(cpu.memory.read(0x9000 + Number(cpu.state.gpr[RSP]) + n * 2, 2))

describe('in virtual-8086 mode with IOPL 0', () => {
  test('CLI and STI change VIF and leave IF alone', () => {
    const cpu = program(IF)
    execute(cpu, STI)
    expect(flagsOf(cpu)).toBe(IF | VIF)
    expect(cpu.state.interruptShadow).toBe(0)
    execute(cpu, CLI)
    expect(flagsOf(cpu)).toBe(IF)
  })

  test('STI is #GP(0) while an interrupt waits', () => {
    expect(faultOf(() => execute(program(VIP), STI))).toEqual(GP)
  })

  test('PUSHF shows VIF in the place of IF, and IOPL 3', () => {
    for (const [flags, seen] of [
      [IF, IOPL | 2],
      [VIF, IF | IOPL | 2],
    ]) {
      const cpu = program(flags)
      execute(cpu, PUSHF)
      expect(stackWord(cpu)).toBe(seen)
    }
  })

  test('POPF loads VIF from IF, and neither IF nor IOPL', () => {
    const cpu = program(0)
    cpu.memory.write(0x9000 + STACK, 2, BigInt(IF | IOPL | 1))
    execute(cpu, POPF)
    expect(flagsOf(cpu)).toBe(VIF)
    expect(readRflags(cpu.state) & 1).toBe(1)
  })

  test.each([
    ['TF', 0, TF],
    ['IF while VIP is 1', VIP, IF],
  ])('POPF and IRET of %s are #GP(0), with the stack as it was', (_, flags, image) => {
    for (const [bytes, at] of [
      [POPF, 0],
      [IRET, 4],
    ] as const) {
      const cpu = program(flags)
      cpu.memory.write(0x9000 + STACK + at, 2, BigInt(image))
      expect(faultOf(() => execute(cpu, bytes))).toEqual(GP)
      expect(cpu.state.gpr[RSP]).toBe(BigInt(STACK))
    }
  })

  test('32-bit operands and CR4.VME = 0 are #GP(0)', () => {
    expect(faultOf(() => execute(program(0), PUSHFD))).toEqual(GP)
    for (const bytes of [PUSHF, POPF, IRET, CLI, STI, INT_21])
      expect(faultOf(() => execute(program(0, 0n), bytes))).toEqual(GP)
  })

  test('IRET stays in the mode and loads VIF', () => {
    const cpu = program(IF)
    const words = [0x12, 0x700, IF]
    words.forEach((word, n) => cpu.memory.write(0x9000 + STACK + n * 2, 2, BigInt(word)))
    execute(cpu, IRET)
    expect(cpu.state.rip).toBe(0x12n)
    expect(cpu.state.segments[CS].base).toBe(0x7000n)
    expect(flagsOf(cpu)).toBe(IF | VIF)
    expect(cpu.state.mode & MODE.virtual8086).toBe(MODE.virtual8086)
  })
})

describe('INTn in virtual-8086 mode', () => {
  const BITMAP = 0x68

  /** The redirection bitmap, 32 bytes before the I/O bitmap, with the bit of vector 21h as given. */
  function withBitmap(flags: number, bit: 0 | 1): TestCpu {
    const cpu = program(flags)
    cpu.memory.write(AT.tss + 0x66, 2, BigInt(BITMAP + 32))
    cpu.state.segments[TR].limit = 0x100
    cpu.memory.write(AT.tss + BITMAP + 4, 1, BigInt(bit << 1))
    cpu.memory.write32(0x21 * 4, 0x0700_0034)
    return cpu
  }

  test('with its bit 0 calls the handler of the program, with the flags that PUSHF would show', () => {
    const cpu = withBitmap(IF | VIF, 0)
    execute(cpu, INT_21)
    expect(cpu.state.rip).toBe(0x34n)
    expect(cpu.state.segments[CS].base).toBe(0x7000n)
    expect([stackWord(cpu), stackWord(cpu, 1), stackWord(cpu, 2)]).toEqual([2, 0x800, IF | IOPL | 2])
    expect(flagsOf(cpu)).toBe(IF)
  })

  test('with IOPL 3 clears IF itself', () => {
    const cpu = withBitmap(IF | VIF | IOPL, 0)
    execute(cpu, INT_21)
    expect(flagsOf(cpu)).toBe(VIF | IOPL)
  })

  test('with its bit 1 needs IOPL 3, and then goes to protected mode', () => {
    expect(faultOf(() => execute(withBitmap(0, 1), INT_21))).toEqual(GP)
    const cpu = withBitmap(IOPL, 1)
    setGate(cpu, 0x21, { selector: SEL.code32, offset: 0x7100n, access: 0xee })
    step(cpu, INT_21)
    expect(cpu.state.rip).toBe(0x7100n)
    expect(cpu.state.cpl).toBe(0)
  })

  test('beyond the limit of the TSS is #GP(0)', () => {
    const cpu = withBitmap(0, 0)
    cpu.state.segments[TR].limit = 0x67
    expect(faultOf(() => execute(cpu, INT_21))).toEqual(GP)
  })
})

describe('CR4.PVI at CPL 3', () => {
  function user(flags: number, cr4: bigint = CR4.PVI): TestCpu {
    const cpu = protectedCpu()
    cpu.state.cr4 = cr4
    useSegments(cpu, SEL.userCode32, SEL.userData)
    writeRflags(cpu.state, flags | 2)
    return cpu
  }

  test('CLI and STI change VIF where IOPL keeps them from IF', () => {
    const cpu = user(IF)
    execute(cpu, STI)
    expect(flagsOf(cpu)).toBe(IF | VIF)
    execute(cpu, CLI)
    expect(flagsOf(cpu)).toBe(IF)
    expect(faultOf(() => execute(user(VIP), STI))).toEqual(GP)
    expect(faultOf(() => execute(user(0, 0n), STI))).toEqual(GP)
    expect(faultOf(() => execute(user(0, CR4.VME), CLI))).toEqual(GP)
  })

  test('PUSHF and POPF know nothing of it', () => {
    const cpu = user(IF | VIF)
    execute(cpu, PUSHF)
    expect(Number(cpu.memory.read(Number(cpu.state.gpr[RSP]), 4)) & (IF | VIF)).toBe(IF | VIF)
    cpu.memory.write(Number(cpu.state.gpr[RSP]), 4, 2n)
    execute(cpu, POPF)
    expect(flagsOf(cpu)).toBe(IF | VIF)
  })
})
