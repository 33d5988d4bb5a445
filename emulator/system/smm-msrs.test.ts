import { expect, test } from 'vitest'
import { VECTOR } from '../state/faults.ts'
import { nextEvent } from './events.ts'
import { execute, faultOf, longCpu, type TestCpu } from './system.fixture.ts'

const WRMSR = [0x0f, 0x30]
const RDMSR = [0x0f, 0x32]
const RSM = [0x0f, 0xaa]

const HWCR = 0xc001_0015
const SMBASE = 0xc001_0111
const SMM_ADDR = 0xc001_0112
const SMM_MASK = 0xc001_0113
const SMM_CTL = 0xc001_0116
const SMM_KEY = 0xc001_0119

const DISMISS = 1n
const ENTER = 2n
const SMI_CYCLE = 4n
const EXIT = 8n
const RSM_CYCLE = 16n

function write(cpu: TestCpu, msr: number, value: bigint): void {
  Object.assign(cpu.state.gpr, { 0: value & 0xffff_ffffn, 1: BigInt(msr), 2: value >> 32n })
  execute(cpu, WRMSR)
}

function read(cpu: TestCpu, msr: number): bigint {
  cpu.state.gpr[1] = BigInt(msr)
  execute(cpu, RDMSR)
  return (cpu.state.gpr[2] << 32n) | cpu.state.gpr[0]
}

const GP = { vector: VECTOR.GP, errorCode: 0 }

test('SMBASE is 30000h after RESET and has 32 bits', () => {
  const cpu = longCpu()
  expect(read(cpu, SMBASE)).toBe(0x3_0000n)
  write(cpu, SMBASE, 0xffff_0000n)
  expect(read(cpu, SMBASE)).toBe(0xffff_0000n)
  expect(faultOf(() => write(cpu, SMBASE, 1n << 32n))).toEqual(GP)
})

test('the reserved bits of SMM_ADDR and SMM_MASK read as zero', () => {
  const cpu = longCpu()
  write(cpu, SMM_ADDR, 0xffff_ffff_ffff_ffffn)
  write(cpu, SMM_MASK, 0xffff_ffff_ffff_ffffn)
  expect(read(cpu, SMM_ADDR)).toBe(0x000f_ffff_fffe_0000n)
  expect(read(cpu, SMM_MASK)).toBe(0x000f_ffff_fffe_0003n)
})

test('SMMLOCK stays set and locks the configuration of SMM', () => {
  const cpu = longCpu()
  write(cpu, HWCR, 1n)
  write(cpu, HWCR, 0n)
  expect(read(cpu, HWCR)).toBe(1n)
  for (const msr of [SMBASE, SMM_ADDR, SMM_MASK, SMM_CTL])
    expect(
      faultOf(() => write(cpu, msr, 0n)),
      msr.toString(16),
    ).toEqual(GP)
})

test('the key that was set before SMMLOCK clears it, and nothing else does', () => {
  const cpu = longCpu()
  write(cpu, SMM_KEY, 0x1234_5678_9abcn)
  write(cpu, HWCR, 1n)
  write(cpu, SMM_KEY, 1n)
  expect(read(cpu, HWCR)).toBe(1n)
  write(cpu, SMM_KEY, 0x1234_5678_9abcn)
  expect(read(cpu, HWCR)).toBe(0n)
  expect(read(cpu, SMM_KEY)).toBe(0n)
})

test('without a key SMMLOCK is for good', () => {
  const cpu = longCpu()
  write(cpu, HWCR, 1n)
  write(cpu, SMM_KEY, 0n)
  write(cpu, SMM_KEY, 7n)
  expect(read(cpu, HWCR)).toBe(1n)
})

test('the lock of the page configuration does not exist', () => {
  expect(faultOf(() => write(longCpu(), HWCR, 1n << 33n))).toEqual(GP)
})

test('SMM_CTL dismisses a pending SMI', () => {
  const cpu = longCpu()
  cpu.state.smiPending = 1
  write(cpu, SMM_CTL, DISMISS)
  expect(cpu.state.smiPending).toBe(0)
})

test('SMM_CTL holds SMIs and NMIs back from ENTER to EXIT', () => {
  const cpu = longCpu()
  write(cpu, SMM_CTL, ENTER | SMI_CYCLE)
  cpu.state.smiPending = 1
  cpu.state.nmiPending = 1
  expect(nextEvent(cpu.state)).toBeUndefined()
  write(cpu, SMM_CTL, EXIT | RSM_CYCLE)
  expect(nextEvent(cpu.state)).toBe('smi')
  write(cpu, SMM_CTL, DISMISS)
  expect(nextEvent(cpu.state)).toBe('nmi')
})

test('EXIT restores the masking of NMIs that ENTER found', () => {
  const cpu = longCpu()
  cpu.state.nmiMasked = 1
  write(cpu, SMM_CTL, ENTER)
  write(cpu, SMM_CTL, EXIT)
  expect(cpu.state.nmiMasked).toBe(1)
})

test('ENTER does not make RSM defined', () => {
  const cpu = longCpu()
  write(cpu, SMM_CTL, ENTER)
  expect(faultOf(() => execute(cpu, RSM))?.vector).toBe(VECTOR.UD)
})

test('SMM_CTL cannot be read and has five bits', () => {
  const cpu = longCpu()
  expect(faultOf(() => read(cpu, SMM_CTL))).toEqual(GP)
  expect(faultOf(() => write(cpu, SMM_CTL, 0x20n))).toEqual(GP)
})
