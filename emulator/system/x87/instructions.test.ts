import { describe, expect, test } from 'vitest'
import { CF, PF, RAX, RDI, ZF } from '../../isa/registers.ts'
import { ARITHMETIC_FLAGS } from '../../isa/registers.ts'
import { VECTOR } from '../../state/faults.ts'
import { readRflags } from '../../state/flags.ts'
import { CR0 } from '../../state/mode.ts'
import { createCpuModel } from '../cpu-model.ts'
import { execute, faultOf, longCpu, protectedCpu, realCpu, type TestCpu } from '../system.fixture.ts'
import { fromInteger } from './arithmetic.ts'
import { INDEFINITE, packExtended, unpackExtended } from './number.ts'
import { isEmpty, readStack, registerBits, top } from './stack.ts'

const BUFFER = 0xc000

/** Opcodes, as the table in isa/table/x87.ts has them. */
const FNINIT = [0xdb, 0xe3]
const FLD1 = [0xd9, 0xe8]
const FLDZ = [0xd9, 0xee]
const FLDPI = [0xd9, 0xeb]
const FWAIT = [0x9b]
const FADDP = [0xde, 0xc1]
const FDIVP = [0xde, 0xf9]
const FNSTSW_AX = [0xdf, 0xe0]
const FLDCW = [0xd9, 0x2f]
const FLD_DOUBLE = [0xdd, 0x07]
const FSTP_DOUBLE = [0xdd, 0x1f]
const FSTP_SINGLE = [0xd9, 0x1f]
const FNSTENV = [0xd9, 0x37]
const FLDENV = [0xd9, 0x27]
const FNSAVE = [0xdd, 0x37]
const FRSTOR = [0xdd, 0x27]

/** A 64-bit processor with CR0.NE, an initialized x87 and rDI at a buffer. */
function x87(...instructions: readonly (readonly number[])[]): TestCpu {
  const cpu = longCpu()
  cpu.state.cr0 |= CR0.NE
  cpu.state.gpr[RDI] = BigInt(BUFFER)
  for (const bytes of [FNINIT, ...instructions]) execute(cpu, bytes)
  return cpu
}

function withControl(cpu: TestCpu, control: number): TestCpu {
  cpu.memory.write(BUFFER, 2, BigInt(control))
  execute(cpu, FLDCW)
  return cpu
}

function statusOf(cpu: TestCpu): number {
  execute(cpu, FNSTSW_AX)
  return Number(cpu.state.gpr[RAX] & 0xffffn)
}

describe('availability', () => {
  test.each([
    ['FNOP', [0xd9, 0xd0]],
    ['FNINIT', FNINIT],
    ['FLD1', FLD1],
    ['FNSTSW', FNSTSW_AX],
  ])('%s raises #NM while CR0.TS or CR0.EM is set, #UD without an x87', (_, bytes) => {
    for (const [bit, vector] of [
      [0n, undefined],
      [CR0.MP, undefined],
      [CR0.TS, VECTOR.NM],
      [CR0.EM, VECTOR.NM],
    ] as const) {
      const cpu = x87()
      cpu.state.cr0 |= bit
      expect(faultOf(() => execute(cpu, bytes))?.vector).toBe(vector)
    }
    const without = { ...x87(), model: createCpuModel('default,-fpu') }
    expect(faultOf(() => execute(without, bytes))?.vector).toBe(VECTOR.UD)
  })

  test('FWAIT raises #NM only while CR0.MP and CR0.TS are both set', () => {
    for (const [bits, vector] of [
      [CR0.EM, undefined],
      [CR0.TS, undefined],
      [CR0.MP, undefined],
      [CR0.MP | CR0.TS, VECTOR.NM],
    ] as const) {
      const cpu = x87()
      cpu.state.cr0 |= bits
      expect(faultOf(() => execute(cpu, FWAIT))?.vector).toBe(vector)
    }
  })

  test('after RESET all registers hold zero, and no exception is masked', () => {
    const { state } = longCpu()
    expect([state.fpuControl, state.fpuStatus, state.fpuTags]).toEqual([0x40, 0, 0xff])
  })
})

describe('exceptions', () => {
  test('an unmasked exception waits for the next instruction that waits', () => {
    const cpu = withControl(x87(FLD1, FLDZ), 0x37b)
    execute(cpu, FDIVP)
    expect(statusOf(cpu)).toBe(0xb084)
    // The operands are where they were.
    expect([readStack(cpu.state, 0), readStack(cpu.state, 1)]).toEqual([fromInteger(0n), fromInteger(1n)])
    for (const bytes of [FWAIT, FLD1, FLDCW, FLDENV])
      expect(faultOf(() => execute(cpu, bytes))).toEqual({ vector: VECTOR.MF, errorCode: -1 })
    cpu.state.cr0 &= ~CR0.NE
    expect(faultOf(() => execute(cpu, FWAIT))).toBeUndefined()
    cpu.state.cr0 |= CR0.NE
    execute(cpu, [0xdb, 0xe2])
    expect(statusOf(cpu)).toBe(0x3000)
    execute(cpu, FWAIT)
  })

  test('unmasking an exception that was masked makes it pending', () => {
    const cpu = x87(FLD1, FLDZ, FDIVP)
    expect(statusOf(cpu)).toBe(0x3804)
    withControl(cpu, 0x37b)
    expect(faultOf(() => execute(cpu, FWAIT))?.vector).toBe(VECTOR.MF)
  })

  test('a stack overflow pushes the indefinite, an underflow takes it for the operand', () => {
    const full = x87(...Array.from({ length: 9 }, () => FLD1))
    expect(statusOf(full)).toBe(0x3800 | 0x241)
    expect(readStack(full.state, 0)).toEqual(INDEFINITE)
    const empty = x87(FLD1, FADDP)
    expect(statusOf(empty)).toBe(0x0041)
    expect(readStack(empty.state, 0)).toEqual(INDEFINITE)
  })

  test('unmasked, they leave the stack alone', () => {
    const cpu = withControl(x87(...Array.from({ length: 8 }, () => FLD1)), 0x37e)
    execute(cpu, FLDZ)
    expect(statusOf(cpu)).toBe(0x82c1)
    expect(readStack(cpu.state, 0)).toEqual(fromInteger(1n))
  })

  test('a store that overflows with the exception unmasked writes nothing and pops nothing', () => {
    const cpu = x87()
    cpu.memory.write(BUFFER, 8, 0x7fe0_0000_0000_0000n)
    execute(cpu, FLD_DOUBLE)
    withControl(cpu, 0x377)
    execute(cpu, FSTP_SINGLE)
    expect(cpu.memory.read(BUFFER, 4)).toBe(0x377n)
    expect(statusOf(cpu)).toBe(0xb888)
  })

  test('a page fault of an operand comes before any change', () => {
    const cpu = x87(FLD1)
    cpu.state.gpr[RDI] = 0x20_0000n
    for (const bytes of [FLD_DOUBLE, FSTP_DOUBLE, FNSAVE])
      expect(faultOf(() => execute(cpu, bytes))?.vector).toBe(VECTOR.PF)
    expect([top(cpu.state), isEmpty(cpu.state, 0)]).toEqual([7, false])
  })
})

describe('transfers and comparisons', () => {
  test('FXCH, FST and FFREE change registers and tags', () => {
    const cpu = x87(FLD1, FLDZ, [0xd9, 0xc9], [0xdd, 0xd2], [0xdd, 0xc1])
    expect([0, 1, 2, 3].map((i) => isEmpty(cpu.state, i))).toEqual([false, true, false, true])
    expect(readStack(cpu.state, 2)).toEqual(fromInteger(1n))
  })

  test('constants follow the rounding control', () => {
    expect(registerBits(x87(FLDPI).state, 0)).toBe(0x4000_c90f_daa2_2168_c235n)
    const down = withControl(x87(), 0x77f)
    execute(down, FLDPI)
    expect(registerBits(down.state, 0)).toBe(0x4000_c90f_daa2_2168_c234n)
  })

  test('FCOMI sets ZF, PF and CF and clears the other arithmetic flags', () => {
    for (const [second, flags] of [
      [FLDZ, CF],
      [FLD1, ZF],
    ] as const) {
      const cpu = x87(FLD1, second, [0xdb, 0xf1])
      expect(readRflags(cpu.state) & ARITHMETIC_FLAGS).toBe(flags)
    }
    const unordered = x87(FLD1, [0xdb, 0xf3])
    expect(readRflags(unordered.state) & ARITHMETIC_FLAGS).toBe(ZF | PF | CF)
  })

  test('FCMOVcc moves by rFLAGS', () => {
    // FLD1, FLDZ, FCOMI: 0 is below 1. FCMOVB ST(0), ST(1); FCMOVNB would not.
    expect(readStack(x87(FLD1, FLDZ, [0xdb, 0xf1], [0xda, 0xc1]).state, 0)).toEqual(fromInteger(1n))
    expect(readStack(x87(FLD1, FLDZ, [0xdb, 0xf1], [0xdb, 0xc1]).state, 0)).toEqual(fromInteger(0n))
  })

  test('FBLD and FBSTP convert eighteen digits and a sign', () => {
    const cpu = x87()
    cpu.memory.write(BUFFER, 8, 0x1234_5678_9012_3456n)
    cpu.memory.write(BUFFER + 8, 2, 0x8078n)
    execute(cpu, [0xdf, 0x27])
    expect(readStack(cpu.state, 0)).toEqual(fromInteger(-781234567890123456n))
    cpu.memory.write(BUFFER, 8, 0n)
    execute(cpu, [0xdf, 0x37])
    expect([cpu.memory.read(BUFFER, 8), cpu.memory.read(BUFFER + 8, 2)]).toEqual([
      0x1234_5678_9012_3456n,
      0x8078n,
    ])
  })

  test('FINCSTP and FDECSTP turn the stack without changing tags', () => {
    const cpu = x87(FLD1, [0xd9, 0xf7])
    expect([top(cpu.state), isEmpty(cpu.state, 7)]).toEqual([0, false])
    execute(cpu, [0xd9, 0xf6])
    expect(readStack(cpu.state, 0)).toEqual(fromInteger(1n))
  })
})

describe('environment and state', () => {
  test('the protected-mode environment has the pointers of the last instruction with its selectors', () => {
    const cpu = protectedCpu()
    cpu.state.gpr[RDI] = BigInt(BUFFER)
    for (const bytes of [FNINIT, FLD1, FLDZ, FLD_DOUBLE]) execute(cpu, bytes)
    const last = cpu.state.rip - 2n
    execute(cpu, FNSTENV)
    const words = Array.from({ length: 7 }, (_, i) => cpu.memory.read32(BUFFER + 4 * i))
    expect(words).toEqual([0x37f, 0x2800, 0x17ff, Number(last), 0x0507_0008, BUFFER, 0x10])
    expect(cpu.state.fpuControl).toBe(0x37f)
  })

  test('the real-mode environment has linear addresses', () => {
    const cpu = realCpu()
    cpu.state.gpr[RDI] = 0x100n
    // DS, whose base is 16 times its selector in real mode.
    cpu.state.segments[3].selector = 0x1200
    cpu.state.segments[3].base = 0x1_2000n
    for (const bytes of [FNINIT, [0xd9, 0x05]]) execute(cpu, bytes)
    const last = Number(cpu.state.rip) - 2
    execute(cpu, [0xd9, 0x35])
    const words = Array.from({ length: 7 }, (_, i) => Number(cpu.memory.read(0x1_2100 + 2 * i, 2)))
    expect(words).toEqual([0x37f, 0x3800, 0x7fff, last, 0x105, 0x2100, 0x1000])
  })

  test('FNSAVE initializes, and FRSTOR brings everything back', () => {
    const cpu = withControl(x87(FLD1, FLDPI, FLDZ), 0x27f)
    const before = [0, 1, 2].map((i) => registerBits(cpu.state, i))
    execute(cpu, FNSAVE)
    expect([cpu.state.fpuControl, cpu.state.fpuStatus, cpu.state.fpuTags]).toEqual([0x37f, 0, 0])
    execute(cpu, FRSTOR)
    expect([cpu.state.fpuControl, top(cpu.state), cpu.state.fpuTags]).toEqual([0x27f, 5, 0xe0])
    expect([0, 1, 2].map((i) => registerBits(cpu.state, i))).toEqual(before)
  })

  test('tags of the environment tell valid, zero, special and empty registers', () => {
    const cpu = x87(FLD1, FLDZ)
    cpu.memory.write(BUFFER, 8, 0x7ff0_0000_0000_0000n)
    execute(cpu, FLD_DOUBLE)
    execute(cpu, FNSTENV)
    expect(cpu.memory.read(BUFFER + 8, 2)).toBe(0b00_01_10_11_11_11_11_11n)
  })

  test('FNSTENV masks all exceptions, and FLDENV makes an unmasked one pending again', () => {
    const cpu = withControl(x87(FLD1, FLDZ), 0x37b)
    execute(cpu, FDIVP)
    execute(cpu, FNSTENV)
    execute(cpu, FWAIT)
    execute(cpu, FLDENV)
    expect(faultOf(() => execute(cpu, FWAIT))?.vector).toBe(VECTOR.MF)
  })

  test('80-bit numbers are loaded and stored as they are, unsupported ones too', () => {
    const cpu = x87()
    cpu.memory.write(BUFFER, 8, 1n)
    cpu.memory.write(BUFFER + 8, 2, 0x4000n)
    execute(cpu, [0xdb, 0x2f])
    expect(statusOf(cpu)).toBe(0x3800)
    expect(packExtended(unpackExtended(registerBits(cpu.state, 0)))).toBe(0x4000_0000_0000_0000_0001n)
    cpu.memory.write(BUFFER, 8, 0n)
    execute(cpu, [0xdb, 0x3f])
    expect(cpu.memory.read(BUFFER, 8)).toBe(1n)
  })
})
