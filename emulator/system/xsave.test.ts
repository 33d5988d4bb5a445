import { describe, expect, test } from 'vitest'
import { RAX, RCX, RDI, RDX } from '../isa/registers.ts'
import { EXIT } from '../state/exit-codes.ts'
import { VECTOR } from '../state/faults.ts'
import { CR0, CR4 } from '../state/mode.ts'
import { createCpuModel } from './cpu-model.ts'
import { enterGuest, execute, exitOf, faultOf, longCpu, type TestCpu } from './system.fixture.ts'
import { initialize, registerBits } from './x87/stack.ts'

const AREA = 0xc000
const FXSAVE = [0x0f, 0xae, 0x07]
const FXSAVE64 = [0x48, ...FXSAVE]
const FXRSTOR = [0x0f, 0xae, 0x0f]
const XSAVE = [0x0f, 0xae, 0x27]
const XRSTOR = [0x0f, 0xae, 0x2f]
const XGETBV = [0x0f, 0x01, 0xd0]
const XSETBV = [0x0f, 0x01, 0xd1]
const FLDPI = [0xd9, 0xeb]

/** With CR4.OSXSAVE, pi in ST(0), an area filled with ones, and all states requested. */
function prepared(): TestCpu {
  const cpu = longCpu()
  const { state, memory } = cpu
  state.cr4 |= CR4.OSXSAVE
  initialize(state)
  execute(cpu, FLDPI)
  memory.load(AREA, new Uint8Array(1024).fill(0xff))
  memory.load(AREA + 512, new Uint8Array(64))
  state.gpr[RDI] = BigInt(AREA)
  state.gpr[RAX] = state.gpr[RDX] = 0xffff_ffffn
  state.gpr[RCX] = 0n
  return cpu
}

function vectorOf(cpu: TestCpu, bytes: readonly number[]): number | undefined {
  return faultOf(() => execute(cpu, bytes))?.vector
}

describe('FXSAVE and FXRSTOR', () => {
  test('save the x87 with a tag bit for each register, and leave the XMM part alone', () => {
    const cpu = prepared()
    execute(cpu, FXSAVE)
    const quad = (offset: number) => cpu.memory.read(AREA + offset, 8)
    expect(quad(0)).toBe(0x01eb_0080_3800_037fn)
    expect(quad(8) >> 32n).toBe(0x18n)
    expect([quad(32), quad(40)]).toEqual([0xc90f_daa2_2168_c235n, 0x4000n])
    expect([quad(24), quad(160)]).toEqual([0xffff_ffff_ffff_ffffn, 0xffff_ffff_ffff_ffffn])
  })

  test('with REX.W pointers have 64 bits and no selectors', () => {
    const cpu = prepared()
    cpu.state.fpuIp = 0xffff_8000_1234_5678n
    execute(cpu, FXSAVE64)
    expect(cpu.memory.read(AREA + 8, 8)).toBe(0xffff_8000_1234_5678n)
  })

  test('FXRSTOR brings back what FXSAVE saved', () => {
    const cpu = prepared()
    const { state } = cpu
    const view = () => [
      state.fpuControl,
      state.fpuStatus,
      state.fpuTags,
      state.fpuOpcode,
      registerBits(state, 0),
    ]
    const before = view()
    execute(cpu, FXSAVE)
    initialize(state)
    execute(cpu, FXRSTOR)
    expect(view()).toEqual(before)
  })

  test.each([
    [
      '#GP(0) at an address that is not a multiple of 16',
      VECTOR.GP,
      (cpu: TestCpu): void => void (cpu.state.gpr[RDI] += 8n),
    ],
    ['#NM with CR0.TS', VECTOR.NM, (cpu: TestCpu): void => void (cpu.state.cr0 |= CR0.TS)],
    ['#NM with CR0.EM', VECTOR.NM, (cpu: TestCpu): void => void (cpu.state.cr0 |= CR0.EM)],
  ])('raise %s', (_, vector, change: (cpu: TestCpu) => void) => {
    for (const bytes of [FXSAVE, FXRSTOR]) {
      const cpu = prepared()
      change(cpu)
      expect(vectorOf(cpu, bytes)).toBe(vector)
    }
  })

  test('are undefined without the feature', () => {
    const cpu = { ...prepared(), model: createCpuModel('default,-fxsr') }
    expect(vectorOf(cpu, FXSAVE)).toBe(VECTOR.UD)
  })
})

describe('XSAVE and XRSTOR', () => {
  test('XSAVE says in the header what it saved', () => {
    const cpu = prepared()
    execute(cpu, XSAVE)
    expect(cpu.memory.read(AREA + 512, 8)).toBe(1n)
    expect(cpu.memory.read(AREA + 32, 8)).toBe(0xc90f_daa2_2168_c235n)
  })

  test('a state that is not requested is neither saved nor loaded', () => {
    const cpu = prepared()
    cpu.state.gpr[RAX] = 2n
    execute(cpu, XSAVE)
    expect([cpu.memory.read(AREA, 8), cpu.memory.read(AREA + 512, 8)]).toEqual([0xffff_ffff_ffff_ffffn, 0n])
    execute(cpu, XRSTOR)
    expect(registerBits(cpu.state, 0)).toBe(0x4000_c90f_daa2_2168_c235n)
  })

  test('XRSTOR loads what the header says is there, and initializes what is not', () => {
    const cpu = prepared()
    execute(cpu, XSAVE)
    initialize(cpu.state)
    execute(cpu, XRSTOR)
    expect([registerBits(cpu.state, 0), cpu.state.fpuTags]).toEqual([0x4000_c90f_daa2_2168_c235n, 0x80])
    cpu.memory.write(AREA + 512, 8, 0n)
    execute(cpu, XRSTOR)
    expect([cpu.state.fpuControl, cpu.state.fpuTags]).toEqual([0x37f, 0])
  })

  test.each([
    ['a state that XCR0 lacks', 512, 2n],
    ['a compacted area', 520, 1n << 63n],
    ['a reserved byte', 528, 1n],
  ])('XRSTOR raises #GP(0) for %s in the header', (_, offset, value) => {
    const cpu = prepared()
    cpu.memory.write(AREA + offset, 8, value)
    expect(vectorOf(cpu, XRSTOR)).toBe(VECTOR.GP)
  })

  test('#UD without CR4.OSXSAVE, #NM with CR0.TS, #GP(0) at an address that is not a multiple of 64', () => {
    for (const bytes of [XSAVE, XRSTOR]) {
      const disabled = prepared()
      disabled.state.cr4 &= ~CR4.OSXSAVE
      expect(vectorOf(disabled, bytes)).toBe(VECTOR.UD)
      const switched = prepared()
      switched.state.cr0 |= CR0.TS
      expect(vectorOf(switched, bytes)).toBe(VECTOR.NM)
      const misaligned = prepared()
      misaligned.state.gpr[RDI] += 32n
      expect(vectorOf(misaligned, bytes)).toBe(VECTOR.GP)
    }
  })
})

describe('XCR0', () => {
  test('reads 1, the x87, and accepts nothing else', () => {
    const cpu = prepared()
    execute(cpu, XGETBV)
    expect([cpu.state.gpr[RAX], cpu.state.gpr[RDX]]).toEqual([1n, 0n])
    execute(cpu, XSETBV)
    for (const [low, high] of [
      [0n, 0n],
      [2n, 0n],
      [3n, 0n],
      [1n, 1n],
    ]) {
      cpu.state.gpr[RAX] = low
      cpu.state.gpr[RDX] = high
      expect(vectorOf(cpu, XSETBV)).toBe(VECTOR.GP)
    }
    expect(cpu.state.xcr0).toBe(1n)
  })

  test('is the only extended control register', () => {
    const cpu = prepared()
    cpu.state.gpr[RCX] = 1n
    for (const bytes of [XGETBV, XSETBV]) expect(vectorOf(cpu, bytes)).toBe(VECTOR.GP)
  })

  test('#UD without CR4.OSXSAVE; XGETBV works at every CPL, XSETBV at 0 only', () => {
    const cpu = prepared()
    cpu.state.gpr[RAX] = 1n
    cpu.state.gpr[RDX] = 0n
    cpu.state.cpl = 3
    expect([vectorOf(cpu, XGETBV), vectorOf(cpu, XSETBV)]).toEqual([undefined, VECTOR.GP])
    cpu.state.cr4 &= ~CR4.OSXSAVE
    expect([vectorOf(cpu, XGETBV), vectorOf(cpu, XSETBV)]).toEqual([VECTOR.UD, VECTOR.UD])
  })

  test('the intercept of XSETBV comes after #UD and before #GP', () => {
    const cpu = prepared()
    enterGuest(cpu, EXIT.XSETBV)
    cpu.state.cpl = 3
    expect(exitOf(() => execute(cpu, XSETBV))?.code).toBe(EXIT.XSETBV)
    cpu.state.cr4 &= ~CR4.OSXSAVE
    expect(vectorOf(cpu, XSETBV)).toBe(VECTOR.UD)
  })
})

describe('CPUID', () => {
  test('repeats CR4.OSXSAVE, and says how large an area is', () => {
    const { model, state } = prepared()
    expect((model.cpuid(1, 0, state)[2] >>> 26) & 3).toBe(3)
    state.cr4 &= ~CR4.OSXSAVE
    expect((model.cpuid(1, 0, state)[2] >>> 26) & 3).toBe(1)
    expect(model.cpuid(0xd, 0, state)).toEqual([1, 576, 576, 0])
    expect(model.cpuid(0xd, 1, state)).toEqual([0, 0, 0, 0])
    expect(model.cpuid(0, 0, state)[0]).toBe(0xd)
  })

  test('says nothing of XSAVE without the feature', () => {
    const { state } = prepared()
    const model = createCpuModel('default,-xsave')
    expect(model.cpuid(0xd, 0, state)).toEqual([0, 0, 0, 0])
    expect((model.cpuid(1, 0, state)[2] >>> 26) & 1).toBe(0)
  })
})
