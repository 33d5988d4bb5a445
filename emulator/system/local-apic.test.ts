import { expect, test } from 'vitest'
import { ATTENTION } from '../state/attention.ts'
import { APIC, LVT_MASKED } from './apic-registers.ts'
import {
  acknowledgeInterrupt,
  pendingInterrupt,
  readApic,
  requestInterrupt,
  resetApic,
  updateTimer,
  writeApic,
} from './local-apic.ts'
import { longCpu, type TestCpu } from './system.fixture.ts'

/** A processor whose local APIC software has enabled. */
function apicCpu(): TestCpu {
  const cpu = longCpu()
  writeApic(cpu, APIC.spuriousVector, 0x1ff)
  return cpu
}

test('of two requests the one with the higher vector is next', () => {
  const { state } = apicCpu()
  requestInterrupt(state, 0x41)
  requestInterrupt(state, 0xe0)
  expect(pendingInterrupt(state)).toBe(0xe0)
  expect(state.attention & ATTENTION.event).not.toBe(0)
})

test('an interrupt in service holds back its class and lower ones until the end of interrupt', () => {
  const cpu = apicCpu()
  const { state } = cpu
  requestInterrupt(state, 0x58)
  acknowledgeInterrupt(state, pendingInterrupt(state))
  expect(readApic(state, APIC.inService + 2)).toBe(1 << 24)
  requestInterrupt(state, 0x5f)
  expect(pendingInterrupt(state)).toBe(-1)
  requestInterrupt(state, 0x60)
  expect(pendingInterrupt(state)).toBe(0x60)
  acknowledgeInterrupt(state, 0x60)
  writeApic(cpu, APIC.endOfInterrupt, 0)
  expect(pendingInterrupt(state)).toBe(-1)
  writeApic(cpu, APIC.endOfInterrupt, 0)
  expect(pendingInterrupt(state)).toBe(0x5f)
})

test('the task priority holds back its class and lower ones, and CR8 is its upper half', () => {
  const cpu = apicCpu()
  const { state } = cpu
  requestInterrupt(state, 0x58)
  writeApic(cpu, APIC.taskPriority, 0x53)
  expect(state.cr8).toBe(5n)
  expect(readApic(state, APIC.taskPriority)).toBe(0x53)
  expect(readApic(state, APIC.processorPriority)).toBe(0x53)
  expect(pendingInterrupt(state)).toBe(-1)
  state.cr8 = 4n
  expect(pendingInterrupt(state)).toBe(0x58)
})

test('an APIC that software has disabled accepts nothing and keeps its local vectors masked', () => {
  const cpu = longCpu()
  const { state } = cpu
  writeApic(cpu, APIC.timer, 0x40)
  expect(readApic(state, APIC.timer)).toBe(LVT_MASKED | 0x40)
  requestInterrupt(state, 0x40)
  expect(pendingInterrupt(state)).toBe(-1)
})

test('vectors below 16 are not accepted', () => {
  const { state } = apicCpu()
  requestInterrupt(state, 15)
  expect(readApic(state, APIC.requested)).toBe(0)
  requestInterrupt(state, 16)
  expect(readApic(state, APIC.requested)).toBe(1 << 16)
})

test('registers keep the bits that exist and nothing else', () => {
  const cpu = apicCpu()
  const { state } = cpu
  const written = [
    [APIC.id, 0xff00_0000],
    [APIC.version, 0x0005_0010],
    [APIC.logicalDestination, 0xff00_0000],
    [APIC.destinationFormat, 0xffff_ffff],
    [APIC.commandHigh, 0xff00_0000],
    [APIC.requested, 0],
    [APIC.divide, 0xb],
  ] as const
  for (const [register, expected] of written) {
    writeApic(cpu, register, 0xffff_ffff)
    expect([register, readApic(state, register)]).toEqual([register, expected])
  }
})

test('after a reset everything is masked and the spurious vector is FFh', () => {
  const cpu = apicCpu()
  const { state } = cpu
  writeApic(cpu, APIC.timer, 0x40)
  requestInterrupt(state, 0x40)
  resetApic(state, 3)
  expect(readApic(state, APIC.id)).toBe(0x0300_0000)
  expect(readApic(state, APIC.spuriousVector)).toBe(0xff)
  expect(readApic(state, APIC.timer)).toBe(LVT_MASKED)
  expect(readApic(state, APIC.requested + 2)).toBe(0)
})

const DIVIDE_BY_1 = 0xb
const DIVIDE_BY_4 = 0x1
const PERIODIC = 0x2_0000

test('a one-shot timer counts down, requests its interrupt at zero and stops', () => {
  const cpu = apicCpu()
  const { state } = cpu
  writeApic(cpu, APIC.divide, DIVIDE_BY_1)
  writeApic(cpu, APIC.timer, 0x40)
  writeApic(cpu, APIC.initialCount, 100)
  state.instructions += 40
  expect(readApic(state, APIC.currentCount)).toBe(60)
  state.instructions += 59
  updateTimer(state)
  expect(pendingInterrupt(state)).toBe(-1)
  state.instructions += 1
  updateTimer(state)
  expect(pendingInterrupt(state)).toBe(0x40)
  expect(readApic(state, APIC.currentCount)).toBe(0)
  expect(state.apicTimerExpiry).toBe(Infinity)
})

test('a periodic timer begins again', () => {
  const cpu = apicCpu()
  const { state } = cpu
  writeApic(cpu, APIC.divide, DIVIDE_BY_4)
  writeApic(cpu, APIC.timer, PERIODIC | 0x40)
  writeApic(cpu, APIC.initialCount, 100)
  const start = state.instructions
  expect(state.apicTimerExpiry).toBe(start + 400)
  state.instructions = start + 401
  updateTimer(state)
  expect(pendingInterrupt(state)).toBe(0x40)
  expect(state.apicTimerExpiry).toBe(start + 800)
  expect(readApic(state, APIC.currentCount)).toBe(100)
  state.instructions = start + 3000
  updateTimer(state)
  expect(state.apicTimerExpiry).toBe(start + 3200)
})

test('a masked timer runs and requests nothing', () => {
  const cpu = apicCpu()
  const { state } = cpu
  writeApic(cpu, APIC.timer, LVT_MASKED | 0x40)
  writeApic(cpu, APIC.initialCount, 1)
  state.instructions += 2
  updateTimer(state)
  expect(pendingInterrupt(state)).toBe(-1)
  expect(state.apicTimerExpiry).toBe(Infinity)
})

test('an initial count of 0 stops the timer', () => {
  const cpu = apicCpu()
  const { state } = cpu
  writeApic(cpu, APIC.initialCount, 100)
  writeApic(cpu, APIC.initialCount, 0)
  expect(state.apicTimerExpiry).toBe(Infinity)
  expect(readApic(state, APIC.currentCount)).toBe(0)
})

test('a new divisor lets the current count go on at another speed', () => {
  const cpu = apicCpu()
  const { state } = cpu
  writeApic(cpu, APIC.divide, DIVIDE_BY_1)
  writeApic(cpu, APIC.initialCount, 100)
  const start = state.instructions
  state.instructions += 60
  writeApic(cpu, APIC.divide, DIVIDE_BY_4)
  expect(readApic(state, APIC.currentCount)).toBe(40)
  expect(state.apicTimerExpiry).toBe(start + 60 + 160)
})
