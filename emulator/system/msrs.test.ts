import { describe, expect, test } from 'vitest'
import { FS, RAX, RCX, RDX } from '../isa/registers.ts'
import { VECTOR } from '../state/faults.ts'
import { EFER } from '../state/mode.ts'
import { createCpuModel } from './cpu-model.ts'
import { MSRS } from './msrs.ts'
import { isValidPat } from './validity.ts'
import {
  enterGuest,
  execute,
  exitOf,
  faultOf,
  longCpu,
  SEL,
  type TestCpu,
  useSegments,
} from './system.fixture.ts'

const GP0 = { vector: VECTOR.GP, errorCode: 0 }
const PAT = 0x277
const EFER_MSR = 0xc000_0080
const VM_CR = 0xc001_0114
const VM_HSAVE_PA = 0xc001_0117

function wrmsr(cpu: TestCpu, index: number, value: bigint): void {
  cpu.state.gpr[RCX] = BigInt(index)
  cpu.state.gpr[RAX] = value & 0xffff_ffffn
  cpu.state.gpr[RDX] = value >> 32n
  execute(cpu, [0x0f, 0x30])
}

function rdmsr(cpu: TestCpu, index: number): bigint {
  cpu.state.gpr[RCX] = BigInt(index)
  execute(cpu, [0x0f, 0x32])
  return (cpu.state.gpr[RDX] << 32n) | cpu.state.gpr[RAX]
}

test('no two MSRs share a number', () => {
  expect(new Set(MSRS.map(({ index }) => index)).size).toBe(MSRS.length)
})

test('every MSR reads, and accepts what it reads unless it is read-only', () => {
  const cpu = { ...longCpu(), model: createCpuModel('default,+effectivefrequency') }
  const refused = MSRS.filter(
    ({ index }) => faultOf(() => wrmsr(cpu, index, rdmsr(cpu, index))) !== undefined,
  )
  // PRED_CMD and SMM_CTL are commands, which cannot be read.
  expect(refused.map(({ name }) => name).toSorted()).toEqual([
    'LastBranchFromIP',
    'LastBranchToIP',
    'LastIntFromIP',
    'LastIntToIP',
    'MCG_CAP',
    'MTRRcap',
    'PATCH_LEVEL',
    'PRED_CMD',
    'SMM_CTL',
  ])
})

test('MPERF and APERF exist with their feature only', () => {
  expect(faultOf(() => rdmsr(longCpu(), 0xe7))?.vector).toBe(VECTOR.GP)
  const cpu = { ...longCpu(), model: createCpuModel('default,+effectivefrequency') }
  expect(faultOf(() => rdmsr(cpu, 0xe7))).toBeUndefined()
})

test.each([
  ['an MSR that does not exist', 0x1234, 0n],
  ['a PAT type of 2', PAT, 2n],
  ['a PAT type of 3 in the last field', PAT, 3n << 56n],
  ['a PAT type of 8', PAT, 8n],
  ['EFER bit 9', EFER_MSR, EFER.LME | EFER.LMA | 0x200n],
  ['EFER.LME off while paging', EFER_MSR, 0n],
  ['EFER.FFXSR, which this processor lacks', EFER_MSR, EFER.LME | EFER.FFXSR],
  ['VM_HSAVE_PA that is not aligned', VM_HSAVE_PA, 0x1001n],
  ['VM_HSAVE_PA beyond MAXPHYADDR', VM_HSAVE_PA, 1n << 48n],
  ['TSC_RATIO bits above 39', 0xc000_0104, 1n << 40n],
  ['LSTAR that is not canonical', 0xc000_0082, 1n << 56n],
  ['FS.base that is not canonical', 0xc000_0100, 1n << 56n],
  ['an MTRR type of 2', 0x200, 2n],
  ['a fixed MTRR type of 7', 0x250, 7n],
  ['reserved bits of MTRRdefType', 0x2ff, 0x200n],
  ['reserved bits of VM_CR', VM_CR, 0x20n],
  ['a performance counter that would count', 0xc001_0000, 1n],
])('WRMSR refuses %s', (_, index, value) => {
  expect(faultOf(() => wrmsr(longCpu(), index, value))).toEqual(GP0)
})

test('EFER bits 7:1 read as zero and LMA cannot be written', () => {
  const cpu = longCpu()
  wrmsr(cpu, EFER_MSR, EFER.LME | 0xfen)
  expect(rdmsr(cpu, EFER_MSR)).toBe(EFER.LME | EFER.LMA)
})

test('SVM cannot be enabled once VM_CR.SVMDIS is set, and the lock keeps it so', () => {
  const cpu = longCpu()
  wrmsr(cpu, VM_CR, 0x18n)
  expect(faultOf(() => wrmsr(cpu, EFER_MSR, EFER.LME | EFER.SVME))).toEqual(GP0)
  wrmsr(cpu, VM_CR, 0n)
  expect(rdmsr(cpu, VM_CR)).toBe(0x18n)
})

test('the segment bases are those of the segment registers', () => {
  const cpu = longCpu()
  wrmsr(cpu, 0xc000_0100, 0xffff_8000_0000_1000n)
  expect(cpu.state.segments[FS].base).toBe(0xffff_8000_0000_1000n)
})

describe('PAT', () => {
  test('the valid types are 0, 1 and 4 to 7', () => {
    const valid = Array.from({ length: 256 }, (_, type) => type).filter((type) =>
      isValidPat(BigInt(type) << 24n),
    )
    expect(valid).toEqual([0, 1, 4, 5, 6, 7])
  })

  test('a guest with nested paging has its own', () => {
    const cpu = longCpu()
    const host = rdmsr(cpu, PAT)
    cpu.state.nestedPaging = 1
    cpu.state.hostCr4 = cpu.state.cr4
    enterGuest(cpu)
    wrmsr(cpu, PAT, 0x0606n)
    expect(cpu.state.pat).toBe(host)
    expect(cpu.state.gPat).toBe(0x0606n)
    cpu.state.nestedPaging = 0
    wrmsr(cpu, PAT, 0x04n)
    expect(cpu.state.pat).toBe(0x04n)
  })
})

test('the TSC counts 16 per instruction, can be written, and is scaled and offset for a guest', () => {
  const cpu = longCpu()
  cpu.state.instructions = 100
  expect(rdmsr(cpu, 0x10)).toBe(1600n)
  wrmsr(cpu, 0x10, 5n)
  cpu.state.instructions += 1
  expect(rdmsr(cpu, 0x10)).toBe(21n)
  cpu.state.tscRatio = 2n << 32n
  cpu.state.tscOffset = 1000n
  enterGuest(cpu)
  expect(rdmsr(cpu, 0x10)).toBe(1042n)
})

test('privilege comes first, then the intercept, then the rules of the register', () => {
  const cpu = longCpu()
  enterGuest(cpu, 0x7c)
  expect(exitOf(() => wrmsr(cpu, PAT, 2n))).toMatchObject({ code: 0x7c, info1: 1n })
  expect(exitOf(() => rdmsr(cpu, 0x1234))).toMatchObject({ code: 0x7c, info1: 0n })
  useSegments(cpu, SEL.userCode64, SEL.userData)
  expect(faultOf(() => wrmsr(cpu, PAT, 2n))).toEqual(GP0)
})
