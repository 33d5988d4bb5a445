import { expect, test } from 'vitest'
import { IF } from '../isa/registers.ts'
import { ATTENTION } from '../state/attention.ts'
import { EXIT } from '../state/exit-codes.ts'
import { APIC } from './apic-registers.ts'
import { beforeInstruction } from './boundary.ts'
import { nextEvent } from './events.ts'
import { pendingInterrupt, requestInterrupt, writeApic } from './local-apic.ts'
import { enterGuest, execute, exitOf, longCpu, SEL, setGate, step, type TestCpu } from './system.fixture.ts'
import { VIRTUAL_INTERRUPT } from './virtual-interrupt.ts'

const HANDLER = 0x8800n
const VECTOR = 0x50
const CLI = [0xfa]
const STI = [0xfb]
const NOP_LIKE = [0x0f, 0x31]
/** MOV CR8, RAX. */
const MOV_CR8 = [0x44, 0x0f, 0x22, 0xc0]

/** A processor that an interrupt with vector 50h waits for. */
function interruptedCpu(): TestCpu {
  const cpu = longCpu()
  writeApic(cpu, APIC.spuriousVector, 0x1ff)
  setGate(cpu, VECTOR, { selector: SEL.code64, offset: HANDLER, access: 0x8e })
  requestInterrupt(cpu.state, VECTOR)
  return cpu
}

test('an interrupt waits for STI and the instruction after it', () => {
  const cpu = interruptedCpu()
  step(cpu, NOP_LIKE)
  expect(cpu.state.attention).toBe(0)
  step(cpu, STI)
  step(cpu, NOP_LIKE)
  expect(nextEvent(cpu.state)).toBe('interrupt')
  beforeInstruction(cpu)
  expect(cpu.state.rip).toBe(HANDLER)
  expect(cpu.state.flagsOther & IF).toBe(0)
  expect(pendingInterrupt(cpu.state)).toBe(-1)
  expect(cpu.state.apic[APIC.inService + (VECTOR >>> 5)]).toBe(1 << (VECTOR & 31))
})

test('a lower CR8 lets an interrupt through that a higher one held back', () => {
  const cpu = interruptedCpu()
  cpu.state.flagsOther |= IF
  cpu.state.cr8 = 5n
  step(cpu, NOP_LIKE)
  expect(cpu.state.attention).toBe(0)
  cpu.state.gpr[0] = 4n
  execute(cpu, MOV_CR8)
  beforeInstruction(cpu)
  expect(cpu.state.rip).toBe(HANDLER)
})

test('an NMI comes before an interrupt', () => {
  const { state } = interruptedCpu()
  state.flagsOther |= IF
  state.nmiPending = 1
  expect(nextEvent(state)).toBe('nmi')
  state.nmiMasked = 1
  expect(nextEvent(state)).toBe('interrupt')
  state.gif = 0
  expect(nextEvent(state)).toBeUndefined()
})

test('a guest without V_INTR_MASKING holds physical interrupts back with its own IF', () => {
  const cpu = interruptedCpu()
  enterGuest(cpu)
  cpu.state.hostRflags = BigInt(IF)
  expect(nextEvent(cpu.state)).toBeUndefined()
  cpu.state.flagsOther |= IF
  expect(nextEvent(cpu.state)).toBe('interrupt')
})

test('with V_INTR_MASKING only the IF of the host counts', () => {
  const cpu = interruptedCpu()
  enterGuest(cpu)
  cpu.state.virtualInterrupt = VIRTUAL_INTERRUPT.masking
  cpu.state.flagsOther |= IF
  expect(nextEvent(cpu.state)).toBeUndefined()
  cpu.state.flagsOther &= ~IF
  cpu.state.hostRflags = BigInt(IF)
  expect(nextEvent(cpu.state)).toBe('interrupt')
})

test('an intercepted interrupt exits and stays requested', () => {
  const cpu = interruptedCpu()
  enterGuest(cpu, EXIT.INTR)
  cpu.state.flagsOther |= IF
  expect(exitOf(() => beforeInstruction(cpu))?.code).toBe(EXIT.INTR)
  expect(pendingInterrupt(cpu.state)).toBe(VECTOR)
})

test('a boundary that can take nothing does not look again until something changes', () => {
  const cpu = interruptedCpu()
  expect(cpu.state.attention & ATTENTION.event).not.toBe(0)
  beforeInstruction(cpu)
  expect(cpu.state.attention).toBe(0)
  step(cpu, CLI)
  expect(cpu.state.attention).toBe(0)
  step(cpu, STI)
  expect(cpu.state.attention & ATTENTION.event).not.toBe(0)
})
