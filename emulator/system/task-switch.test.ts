/** Task switches by hardware (APM vol 2 §12.3; intercept §15.14.1). */
import { describe, expect, test } from 'vitest'
import { CS, DS, ES, LDTR, NT, RF, RSP, SS, TR, VM } from '../isa/registers.ts'
import { EXIT } from '../state/exit-codes.ts'
import { VECTOR } from '../state/faults.ts'
import { readRflags, writeRflags } from '../state/flags.ts'
import { CR0, MODE } from '../state/mode.ts'
import { beforeInstruction } from './boundary.ts'
import { DR6 } from './debug-bits.ts'
import { setDr7 } from './debug-registers.ts'
import { deliverFault, deliverInterrupt } from './deliver.ts'
import { Fault } from '../state/faults.ts'
import {
  AT,
  enterGuest,
  execute,
  exitOf,
  faultOf,
  gateWords,
  longCpu,
  protectedCpu,
  SEL,
  setGate,
  stackItems,
  step,
  type TestCpu,
} from './system.fixture.ts'

const OLD = SEL.tss
const NEW = SEL.gate
const TASK_GATE = 0x60
const NEW_TSS = 0xc000
const ENTRY = 0x1234
const TASK_STACK = 0xd000
const DEBUG_VECTOR_HANDLER = 0x7000

const AVAILABLE = 0x89
const BUSY = 0x8b
const AVAILABLE_16 = 0x81

const jump = (selector: number) => [0xea, 0, 0, 0, 0, selector, 0]
const call = (selector: number) => [0x9a, 0, 0, 0, 0, selector, 0]
const IRET = [0xcf]

function writeTss(cpu: TestCpu, selector: number, base: number, type: number, limit = 0x67): void {
  const raw = BigInt(limit) | (BigInt(base) << 16n) | (BigInt(type) << 40n)
  cpu.memory.write(AT.gdt + selector, 8, raw)
}

/** 32-bit protected mode in task OLD, with a second task, a task gate to it and the #DB handler in place. */
function twoTasks(changes: Readonly<Record<number, number>> = {}): TestCpu {
  const cpu = protectedCpu()
  writeTss(cpu, OLD, AT.tss, BUSY)
  writeTss(cpu, NEW, NEW_TSS, AVAILABLE)
  cpu.memory.write(AT.gdt + TASK_GATE, 8, gateWords({ selector: NEW, offset: 0n, access: 0x85 })[0])
  const image: Record<number, number> = {
    0x20: ENTRY,
    0x24: 2,
    0x38: TASK_STACK,
    0x48: SEL.data,
    0x4c: SEL.code32,
    0x50: SEL.data,
    0x54: SEL.data,
    ...changes,
  }
  for (let n = 0; n < 8; n++) cpu.memory.write32(NEW_TSS + 0x28 + n * 4, image[0x28 + n * 4] ?? n + 0x100)
  for (const [at, value] of Object.entries(image)) cpu.memory.write32(NEW_TSS + Number(at), value)
  setGate(cpu, VECTOR.DB, { selector: SEL.code32, offset: BigInt(DEBUG_VECTOR_HANDLER), access: 0x8e })
  return cpu
}

const typeOf = (cpu: TestCpu, selector: number) => Number(cpu.memory.read(AT.gdt + selector + 5, 1))

describe('a far jump to a TSS', () => {
  test('stores the old task and loads the new one', () => {
    const cpu = twoTasks()
    const { state, memory } = cpu
    state.gpr[0] = 0x11n
    state.gpr[7] = 0x77n
    writeRflags(state, 0x8d7)
    execute(cpu, jump(NEW))
    expect(memory.read32(AT.tss + 0x20)).toBe(AT.code + 7)
    expect(memory.read32(AT.tss + 0x24)).toBe(0x8d7)
    expect(memory.read32(AT.tss + 0x28)).toBe(0x11)
    expect(memory.read32(AT.tss + 0x44)).toBe(0x77)
    expect(memory.read32(AT.tss + 0x38)).toBe(AT.stack)
    expect(memory.read(AT.tss + 0x4c, 2)).toBe(BigInt(SEL.code32))
    expect(state.rip).toBe(BigInt(ENTRY))
    expect(state.gpr[0]).toBe(0x100n)
    expect(state.gpr[RSP]).toBe(BigInt(TASK_STACK))
    expect(readRflags(state)).toBe(2)
    expect(state.segments[SS].limit).toBe(0xffff_ffff)
    expect(state.segments[TR]).toMatchObject({ selector: NEW, base: BigInt(NEW_TSS), limit: 0x67 })
    expect(state.cr0 & CR0.TS).toBe(CR0.TS)
  })

  test('moves the busy bit, and neither nests nor links', () => {
    const cpu = twoTasks()
    execute(cpu, jump(NEW))
    expect([typeOf(cpu, OLD), typeOf(cpu, NEW)]).toEqual([AVAILABLE, BUSY])
    expect(cpu.memory.read(NEW_TSS, 2)).toBe(0n)
    expect(readRflags(cpu.state) & NT).toBe(0)
  })

  test('ends local breakpoints and keeps global ones', () => {
    const cpu = twoTasks()
    setDr7(cpu, 0x3ffn)
    execute(cpu, jump(NEW))
    expect(cpu.state.dr7 & 0x3ffn).toBe(0x2aan)
  })

  test('works through a task gate, too', () => {
    const cpu = twoTasks()
    execute(cpu, jump(TASK_GATE))
    expect(cpu.state.segments[TR].selector).toBe(NEW)
  })

  test('to a 16-bit TSS loads 16-bit registers and null FS and GS', () => {
    const cpu = twoTasks()
    const { memory, state } = cpu
    writeTss(cpu, NEW, NEW_TSS, AVAILABLE_16, 0x2b)
    const words = [ENTRY, 2, 1, 2, 3, 4, TASK_STACK, 6, 7, 8, SEL.data, SEL.code32, SEL.data, SEL.data, 0]
    words.forEach((value, n) => memory.write(NEW_TSS + 0x0e + n * 2, 2, BigInt(value)))
    state.gpr[0] = 0xffff_ffffn
    execute(cpu, jump(NEW))
    expect(state.rip).toBe(BigInt(ENTRY))
    expect(state.gpr[0]).toBe(1n)
    expect(state.gpr[RSP]).toBe(BigInt(TASK_STACK))
    expect(state.segments[4].selector).toBe(0)
  })

  test('to a task with VM = 1 enters virtual-8086 mode', () => {
    const cpu = twoTasks({ 0x24: VM | 2, 0x4c: 0x100, 0x50: 0x200 })
    execute(cpu, jump(NEW))
    expect(cpu.state.cpl).toBe(3)
    expect(cpu.state.mode & MODE.virtual8086).toBe(MODE.virtual8086)
    expect(cpu.state.segments[CS].base).toBe(0x1000n)
  })

  test('to a task with T = 1 raises #DB before its first instruction', () => {
    const cpu = twoTasks({ 0x64: 1 })
    execute(cpu, jump(NEW))
    expect(cpu.state.rip).toBe(BigInt(ENTRY))
    beforeInstruction(cpu)
    expect(cpu.state.rip).toBe(BigInt(DEBUG_VECTOR_HANDLER))
    expect(Number(cpu.state.dr6) & DR6.BT).toBe(DR6.BT)
    expect(stackItems(cpu, 4, 1)).toEqual([ENTRY])
  })

  test.each([
    ['a busy one', (cpu: TestCpu) => writeTss(cpu, NEW, NEW_TSS, BUSY), VECTOR.GP],
    ['one that is not present', (cpu: TestCpu) => writeTss(cpu, NEW, NEW_TSS, 0x09), VECTOR.NP],
    ['one that is too short', (cpu: TestCpu) => writeTss(cpu, NEW, NEW_TSS, AVAILABLE, 0x66), VECTOR.TS],
    ['a short 16-bit one', (cpu: TestCpu) => writeTss(cpu, NEW, NEW_TSS, AVAILABLE_16, 0x2a), VECTOR.TS],
  ])('to %s faults in the old task', (_, change, vector) => {
    const cpu = twoTasks()
    change(cpu)
    expect(faultOf(() => execute(cpu, jump(NEW)))).toEqual({ vector, errorCode: NEW })
    expect(cpu.state.rip).toBe(BigInt(AT.code))
    expect(cpu.state.segments[TR].selector).toBe(OLD)
    expect(typeOf(cpu, OLD)).toBe(BUSY)
  })

  test('is #GP in long mode', () => {
    const cpu = longCpu()
    cpu.memory.write(AT.gdt + NEW, 8, 0x0000_8900_c000_0067n)
    // JMP m16:32, for 64-bit code has no direct far jump.
    cpu.memory.write(0xe000, 8, BigInt(NEW) << 32n)
    cpu.state.gpr[0] = 0xe000n
    expect(faultOf(() => execute(cpu, [0xff, 0x28]))).toEqual({ vector: VECTOR.GP, errorCode: NEW })
  })
})

describe('a new task that is not in order', () => {
  test.each([
    ['null CS', { 0x4c: 0 }, VECTOR.TS, 0],
    ['data in CS', { 0x4c: SEL.data }, VECTOR.TS, SEL.data],
    ['CS of another level than its RPL', { 0x4c: SEL.code32 | 3 }, VECTOR.TS, SEL.code32],
    ['null SS', { 0x50: 0 }, VECTOR.TS, 0],
    ['code in SS', { 0x50: SEL.code32 }, VECTOR.TS, SEL.code32],
    ['an SS that is not present', { 0x50: SEL.notPresent }, VECTOR.SS, SEL.notPresent],
    ['a DS beyond the table', { 0x54: SEL.beyond }, VECTOR.TS, SEL.beyond],
    ['an ES that is not present', { 0x48: SEL.notPresent }, VECTOR.NP, SEL.notPresent],
    ['an LDT that is none', { 0x60: SEL.data }, VECTOR.TS, SEL.data],
  ])('%s faults in the new task', (_, changes, vector, errorCode) => {
    const cpu = twoTasks(changes)
    expect(faultOf(() => execute(cpu, jump(NEW)))).toEqual({ vector, errorCode })
    expect(cpu.state.rip).toBe(BigInt(ENTRY))
    expect(cpu.state.segments[TR].selector).toBe(NEW)
    expect(typeOf(cpu, OLD)).toBe(AVAILABLE)
  })

  test('registers whose checks were not reached hold their selector and no segment', () => {
    const cpu = twoTasks({ 0x48: SEL.notPresent })
    expect(faultOf(() => execute(cpu, jump(NEW)))?.vector).toBe(VECTOR.NP)
    expect(cpu.state.segments[ES]).toMatchObject({ selector: SEL.notPresent, attributes: 0 })
    expect(cpu.state.segments[DS]).toMatchObject({ selector: SEL.data, attributes: 0 })
    expect(cpu.state.segments[LDTR].attributes).toBe(0)
  })
})

describe('nested tasks', () => {
  test('CALL links the tasks, and IRET goes back', () => {
    const cpu = twoTasks()
    const { state } = cpu
    execute(cpu, call(NEW))
    expect(cpu.memory.read(NEW_TSS, 2)).toBe(BigInt(OLD))
    expect([typeOf(cpu, OLD), typeOf(cpu, NEW)]).toEqual([BUSY, BUSY])
    expect(readRflags(state) & NT).toBe(NT)
    execute(cpu, IRET)
    expect(state.segments[TR].selector).toBe(OLD)
    expect(state.rip).toBe(BigInt(AT.code + 7))
    expect([typeOf(cpu, OLD), typeOf(cpu, NEW)]).toEqual([BUSY, AVAILABLE])
    expect(readRflags(state) & NT).toBe(0)
    // The task that IRET left has NT = 0 in its TSS and goes on behind IRET.
    expect(cpu.memory.read32(NEW_TSS + 0x24) & NT).toBe(0)
    expect(cpu.memory.read32(NEW_TSS + 0x20)).toBe(ENTRY + 1)
  })

  test('IRET to a task that is not busy is #TS', () => {
    const cpu = twoTasks()
    writeRflags(cpu.state, NT | 2)
    cpu.memory.write(AT.tss, 2, BigInt(NEW))
    expect(faultOf(() => execute(cpu, IRET))).toEqual({ vector: VECTOR.TS, errorCode: NEW })
  })

  test('IRET with NT = 1 in long mode is #GP(0)', () => {
    const cpu = longCpu()
    writeRflags(cpu.state, NT | 2)
    expect(faultOf(() => execute(cpu, [0x48, 0xcf]))).toEqual({ vector: VECTOR.GP, errorCode: 0 })
  })
})

describe('an event through a task gate', () => {
  const gate = { selector: NEW, offset: 0n, access: 0x85 }

  test('pushes the error code on the stack of the new task, and RF for a fault in the old one', () => {
    const cpu = twoTasks()
    setGate(cpu, VECTOR.GP, gate)
    deliverFault(cpu, new Fault(VECTOR.GP, 0x1234))
    expect(cpu.state.segments[TR].selector).toBe(NEW)
    expect(stackItems(cpu, 4, 1)).toEqual([0x1234])
    expect(cpu.memory.read32(AT.tss + 0x20)).toBe(AT.code)
    expect(cpu.memory.read32(AT.tss + 0x24) & RF).toBe(RF)
    expect(readRflags(cpu.state) & NT).toBe(NT)
  })

  test('an interrupt resumes the old task without RF', () => {
    const cpu = twoTasks()
    setGate(cpu, 0x40, gate)
    deliverInterrupt(cpu, 0x40)
    expect(cpu.memory.read32(AT.tss + 0x24) & RF).toBe(0)
    expect(cpu.state.gpr[RSP]).toBe(BigInt(TASK_STACK))
  })

  test('faults of an external event set EXT in the error code', () => {
    const cpu = twoTasks({ 0x54: SEL.beyond })
    setGate(cpu, 0x40, gate)
    setGate(cpu, VECTOR.TS, { selector: SEL.code32, offset: 0x7100n, access: 0x8e })
    deliverInterrupt(cpu, 0x40)
    expect(cpu.state.rip).toBe(0x7100n)
    expect(stackItems(cpu, 4, 2)).toEqual([SEL.beyond | 1, ENTRY])
  })
})

describe('the task-switch intercept', () => {
  test.each([
    ['a jump', jump(NEW), 1n << 38n],
    ['a call', call(NEW), 0n],
  ])('%s exits with the selector and its kind, and nothing has changed', (_, bytes, info2) => {
    const cpu = twoTasks()
    enterGuest(cpu, EXIT.TASK_SWITCH)
    expect(exitOf(() => execute(cpu, bytes))).toMatchObject({
      code: EXIT.TASK_SWITCH,
      info1: BigInt(NEW),
      info2,
    })
    expect(cpu.state.rip).toBe(BigInt(AT.code))
    expect(typeOf(cpu, NEW)).toBe(AVAILABLE)
    expect(cpu.memory.read32(AT.tss + 0x20)).toBe(0)
  })

  test('IRET sets bit 36', () => {
    const cpu = twoTasks()
    writeTss(cpu, NEW, NEW_TSS, BUSY)
    writeRflags(cpu.state, NT | 2)
    cpu.memory.write(AT.tss, 2, BigInt(NEW))
    enterGuest(cpu, EXIT.TASK_SWITCH)
    expect(exitOf(() => execute(cpu, IRET))?.info2).toBe(1n << 36n)
  })

  test('a fault through a task gate shows its error code and RF', () => {
    const cpu = twoTasks()
    setGate(cpu, VECTOR.GP, { selector: NEW, offset: 0n, access: 0x85 })
    enterGuest(cpu, EXIT.TASK_SWITCH)
    const exit = exitOf(() => deliverFault(cpu, new Fault(VECTOR.GP, 0x1234)))
    expect(exit?.info2).toBe((1n << 48n) | (1n << 44n) | 0x1234n)
    expect(cpu.state.deliveringEvent & 0x8000_0fffn).toBe(0x8000_0b0dn)
  })

  test('comes after the checks of the TSS, and CR3 is not an intercepted write', () => {
    const short = twoTasks()
    writeTss(short, NEW, NEW_TSS, AVAILABLE, 0x66)
    enterGuest(short, EXIT.TASK_SWITCH)
    expect(faultOf(() => execute(short, jump(NEW)))?.vector).toBe(VECTOR.TS)
    const cpu = twoTasks()
    enterGuest(cpu, EXIT.CR0_WRITE + 3, EXIT.LDTR_WRITE, EXIT.TR_WRITE)
    step(cpu, jump(NEW))
    expect(cpu.state.segments[TR].selector).toBe(NEW)
    expect(cpu.intercepts.asked).toEqual([EXIT.TASK_SWITCH])
  })
})
