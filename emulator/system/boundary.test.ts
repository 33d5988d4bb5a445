import { expect, test } from 'vitest'
import { IF, RF, TF } from '../isa/registers.ts'
import { ATTENTION } from '../state/attention.ts'
import { VECTOR } from '../state/faults.ts'
import { ACTIVITY } from '../state/vcpu.ts'
import { afterInstruction, beforeInstruction } from './boundary.ts'
import { DR6 } from './debug-bits.ts'
import { setDr7 } from './debug-registers.ts'
import { lookForEvents } from './events.ts'
import { loadRflags } from './rflags.ts'
import {
  AT,
  enterGuest,
  exitOf,
  longCpu,
  SEL,
  setGate,
  stackItems,
  step,
  type TestCpu,
} from './system.fixture.ts'
import { VIRTUAL_INTERRUPT } from './virtual-interrupt.ts'

const HANDLER = 0x8800n
const CLI = [0xfa]
const STI = [0xfb]
const POPFQ = [0x9d]

function withHandlers(...vectors: number[]): TestCpu {
  const cpu = longCpu()
  for (const vector of vectors)
    setGate(cpu, vector, { selector: SEL.code64, offset: HANDLER + BigInt(vector), access: 0x8e })
  return cpu
}

test('a TF that POPF sets traps after the next instruction', () => {
  const cpu = withHandlers(VECTOR.DB)
  cpu.memory.write(AT.stack, 8, BigInt(TF))
  step(cpu, POPFQ)
  expect(cpu.state.rip).toBe(BigInt(AT.code + 1))
  step(cpu, CLI)
  expect(cpu.state.rip).toBe(HANDLER + 1n)
  expect(stackItems(cpu, 8, 1)).toEqual([AT.code + 2])
  expect(cpu.state.dr6 & BigInt(DR6.BS)).toBe(BigInt(DR6.BS))
  expect(cpu.state.attention).toBe(0)
})

test('a TF that POPF clears traps once more', () => {
  const cpu = withHandlers(VECTOR.DB)
  loadRflags(cpu, TF)
  step(cpu, POPFQ)
  expect(cpu.state.rip).toBe(HANDLER + 1n)
})

test('INTn under TF traps neither before the handler nor in it', () => {
  const cpu = withHandlers(VECTOR.DB, 0x30)
  loadRflags(cpu, TF)
  step(cpu, [0xcd, 0x30])
  expect(cpu.state.rip).toBe(HANDLER + 0x30n)
  step(cpu, CLI)
  expect(cpu.state.rip).toBe(HANDLER + 0x31n)
})

test('MOV SS holds off the single-step trap', () => {
  const cpu = withHandlers(VECTOR.DB)
  loadRflags(cpu, TF)
  cpu.state.gpr[0] = BigInt(SEL.data)
  step(cpu, [0x8e, 0xd0])
  expect(cpu.state.rip).toBe(BigInt(AT.code + 2))
  step(cpu, CLI)
  expect(cpu.state.rip).toBe(HANDLER + 1n)
})

test('the shadow of STI lasts for one instruction', () => {
  const cpu = withHandlers()
  step(cpu, STI)
  expect(cpu.state.interruptShadow).toBe(1)
  step(cpu, STI)
  expect(cpu.state.interruptShadow).toBe(0)
  expect(cpu.state.attention).toBe(0)
})

test('RF lasts for one instruction', () => {
  const cpu = withHandlers()
  loadRflags(cpu, RF)
  step(cpu, CLI)
  expect(cpu.state.flagsOther & RF).toBe(0)
  expect(cpu.state.attention).toBe(0)
})

test('RF that two IRETs load one after the other holds after the second', () => {
  const cpu = withHandlers()
  const frame = (at: number) =>
    [AT.code, SEL.code64, RF | 2, at + 40, SEL.data].forEach((value, n) =>
      cpu.memory.write(at + n * 8, 8, BigInt(value)),
    )
  frame(AT.stack)
  frame(AT.stack + 40)
  for (let i = 0; i < 2; i++) {
    step(cpu, [0x48, 0xcf])
    expect(cpu.state.flagsOther & RF).toBe(RF)
  }
  step(cpu, CLI)
  expect(cpu.state.flagsOther & RF).toBe(0)
  expect(cpu.state.attention).toBe(0)
})

test('an instruction breakpoint hits before the instruction unless RF is set', () => {
  const cpu = withHandlers(VECTOR.DB)
  cpu.state.dr[1] = BigInt(AT.code)
  setDr7(cpu, 1n << 2n)
  loadRflags(cpu, RF)
  step(cpu, CLI)
  expect(cpu.state.rip).toBe(BigInt(AT.code + 1))
  cpu.state.rip = BigInt(AT.code)
  expect(beforeInstruction(cpu)).toBe(true)
  expect(cpu.state.rip).toBe(HANDLER + 1n)
  expect(cpu.state.dr6 & BigInt(DR6.B)).toBe(2n)
})

test('an instruction breakpoint hits while GIF is 0', () => {
  const cpu = withHandlers(VECTOR.DB)
  cpu.state.dr[0] = BigInt(AT.code)
  setDr7(cpu, 1n)
  cpu.state.gif = 0
  beforeInstruction(cpu)
  expect(cpu.state.rip).toBe(HANDLER + 1n)
})

test('a halted processor does not execute, and an NMI wakes it', () => {
  const cpu = withHandlers(VECTOR.NMI)
  step(cpu, [0xf4])
  expect(beforeInstruction(cpu)).toBe(false)
  cpu.state.nmiPending = 1
  cpu.state.attention |= ATTENTION.event
  expect(beforeInstruction(cpu)).toBe(true)
  expect(cpu.state.activity).toBe(ACTIVITY.running)
  expect(cpu.state.rip).toBe(HANDLER + 2n)
  expect(cpu.state.nmiMasked).toBe(1)
  expect(cpu.state.attention).toBe(0)
})

test('an NMI waits for GIF', () => {
  const cpu = withHandlers(VECTOR.NMI)
  cpu.state.gif = 0
  cpu.state.nmiPending = 1
  cpu.state.attention |= ATTENTION.event
  beforeInstruction(cpu)
  expect(cpu.state.rip).toBe(BigInt(AT.code))
  cpu.state.gif = 1
  lookForEvents(cpu.state)
  beforeInstruction(cpu)
  expect(cpu.state.rip).toBe(HANDLER + 2n)
})

test('a virtual interrupt waits for IF and for a priority above V_TPR', () => {
  const cpu = withHandlers(0x40)
  enterGuest(cpu)
  cpu.state.virtualInterrupt = VIRTUAL_INTERRUPT.irq | (3 << 16) | 3
  cpu.state.virtualInterruptVector = 0x40
  cpu.state.attention |= ATTENTION.event
  loadRflags(cpu, IF)
  beforeInstruction(cpu)
  expect(cpu.state.rip).toBe(BigInt(AT.code))
  cpu.state.virtualInterrupt = VIRTUAL_INTERRUPT.irq | (3 << 16) | 2
  loadRflags(cpu, 0)
  beforeInstruction(cpu)
  expect(cpu.state.rip).toBe(BigInt(AT.code))
  loadRflags(cpu, IF)
  beforeInstruction(cpu)
  expect(cpu.state.rip).toBe(HANDLER + 0x40n)
  expect(cpu.state.virtualInterrupt & VIRTUAL_INTERRUPT.irq).toBe(0)
})

test('the VINTR intercept leaves V_IRQ pending', () => {
  const cpu = withHandlers(0x40)
  enterGuest(cpu, 0x64)
  cpu.state.virtualInterrupt = VIRTUAL_INTERRUPT.irq | VIRTUAL_INTERRUPT.ignoreTpr
  cpu.state.attention |= ATTENTION.event
  loadRflags(cpu, IF)
  expect(exitOf(() => beforeInstruction(cpu))?.code).toBe(0x64)
  expect(cpu.state.virtualInterrupt & VIRTUAL_INTERRUPT.irq).toBe(VIRTUAL_INTERRUPT.irq)
})

test('attention that began during an instruction is for the next one', () => {
  const cpu = withHandlers(VECTOR.DB)
  loadRflags(cpu, TF)
  afterInstruction(cpu, 0)
  expect(cpu.state.rip).toBe(BigInt(AT.code))
  expect(cpu.state.attention).toBe(ATTENTION.trap)
})
