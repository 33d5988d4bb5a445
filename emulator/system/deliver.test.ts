import { describe, expect, test } from 'vitest'
import { CS, GS, IF, RF, RSP, SS, TF } from '../isa/registers.ts'
import { modeChanged } from '../paging/contexts.ts'
import { Fault, VECTOR } from '../state/faults.ts'
import { readRflags, writeRflags } from '../state/flags.ts'
import { deliverEvent, deliverFault, deliverInterrupt, EVENT_TYPE } from './deliver.ts'
import { setSegment } from './segmentation.ts'
import {
  AT,
  enterGuest,
  execute,
  exitOf,
  faultOf,
  isShutDown,
  longCpu,
  protectedCpu,
  realCpu,
  SEL,
  setGate,
  stackItems,
  step,
  useSegments,
} from './system.fixture.ts'

const HANDLER = 0x8800n
const INTERRUPT_GATE = 0x8e
const TRAP_GATE = 0x8f
const USER_GATE = 0xee
const INT_30 = [0xcd, 0x30]

describe('real mode', () => {
  test('an interrupt pushes flags, CS and IP and goes through the table at 0', () => {
    const cpu = realCpu()
    cpu.memory.write32(0x21 * 4, 0x0123_4567)
    writeRflags(cpu.state, IF | TF)
    step(cpu, [0xcd, 0x21])
    expect(cpu.state.rip).toBe(0x4567n)
    expect(cpu.state.segments[CS].base).toBe(0x1230n)
    expect(stackItems(cpu, 2, 3)).toEqual([AT.code + 2, 0, IF | TF | 2])
    expect(readRflags(cpu.state) & (IF | TF)).toBe(0)
  })

  test('a vector beyond the limit is a general protection fault, and without a table a shutdown', () => {
    const cpu = realCpu()
    cpu.memory.write32(13 * 4, 0x0000_7777)
    cpu.state.idtrLimit = 13 * 4 + 3
    step(cpu, [0xcd, 0x21])
    expect(cpu.state.rip).toBe(0x7777n)
    expect(stackItems(cpu, 2, 1)).toEqual([AT.code])
    cpu.state.idtrLimit = 0
    step(cpu, [0xcd, 0x21])
    expect(isShutDown(cpu)).toBe(true)
  })
})

describe('32-bit protected mode', () => {
  test('a fault pushes its error code, RF and the address of the instruction', () => {
    const cpu = protectedCpu()
    setGate(cpu, 13, { selector: SEL.code32, offset: HANDLER, access: INTERRUPT_GATE })
    deliverFault(cpu, new Fault(VECTOR.GP, 0x1234))
    expect(stackItems(cpu, 4, 4)).toEqual([0x1234, AT.code, SEL.code32, RF | 2])
    expect(cpu.state.rip).toBe(HANDLER)
    expect(cpu.state.deliveringEvent).toBe(0n)
  })

  test('an interrupt gate clears IF and a trap gate does not', () => {
    const cpu = protectedCpu()
    setGate(cpu, 0x30, { selector: SEL.code32, offset: HANDLER, access: INTERRUPT_GATE })
    setGate(cpu, 0x31, { selector: SEL.code32, offset: HANDLER, access: TRAP_GATE })
    writeRflags(cpu.state, IF)
    deliverInterrupt(cpu, 0x31)
    expect(readRflags(cpu.state) & IF).toBe(IF)
    deliverInterrupt(cpu, 0x30)
    expect(readRflags(cpu.state) & IF).toBe(0)
  })

  test('from ring 3 the TSS gives the stack, and IRET goes back', () => {
    const cpu = protectedCpu()
    setGate(cpu, 0x30, { selector: SEL.code32, offset: HANDLER, access: USER_GATE })
    useSegments(cpu, SEL.userCode32, SEL.userData)
    step(cpu, INT_30)
    expect(cpu.state.cpl).toBe(0)
    expect(cpu.state.segments[SS].selector).toBe(SEL.data)
    expect(cpu.state.gpr[RSP]).toBe(BigInt(AT.innerStack - 20))
    expect(stackItems(cpu, 4, 5)).toEqual([AT.code + 2, SEL.userCode32, 2, AT.stack, SEL.userData])
    step(cpu, [0xcf])
    expect(cpu.state.cpl).toBe(3)
    expect(cpu.state.rip).toBe(BigInt(AT.code + 2))
    expect(cpu.state.gpr[RSP]).toBe(BigInt(AT.stack))
    expect(cpu.state.segments[SS].selector).toBe(SEL.userData)
  })

  test.each([
    ['a gate above the caller', { selector: SEL.code32, access: INTERRUPT_GATE }, VECTOR.GP, 0x30 * 8 + 2],
    ['a gate that is not present', { selector: SEL.code32, access: 0x6e }, VECTOR.NP, 0x30 * 8 + 2],
    ['a gate that is no gate', { selector: SEL.code32, access: 0xec }, VECTOR.GP, 0x30 * 8 + 2],
    ['a null selector', { selector: 0, access: USER_GATE }, VECTOR.GP, 0],
    ['a data segment', { selector: SEL.data, access: USER_GATE }, VECTOR.GP, SEL.data],
    ['a selector beyond the table', { selector: SEL.beyond, access: USER_GATE }, VECTOR.GP, SEL.beyond],
  ])('INTn through %s faults', (_, gate, vector, errorCode) => {
    const cpu = protectedCpu()
    setGate(cpu, 0x30, { offset: HANDLER, ...gate })
    useSegments(cpu, SEL.userCode32, SEL.userData)
    expect(faultOf(() => execute(cpu, INT_30))).toEqual({ vector, errorCode })
    expect(cpu.state.rip).toBe(BigInt(AT.code))
  })

  test('a stack segment in the TSS that is not writable is an invalid TSS', () => {
    const cpu = protectedCpu()
    setGate(cpu, 0x30, { selector: SEL.code32, offset: HANDLER, access: USER_GATE })
    cpu.memory.write32(AT.tss + 8, SEL.readOnly)
    useSegments(cpu, SEL.userCode32, SEL.userData)
    expect(faultOf(() => execute(cpu, INT_30))).toEqual({ vector: VECTOR.TS, errorCode: SEL.readOnly })
  })

  test('faults of an external interrupt carry EXT', () => {
    const cpu = protectedCpu()
    setGate(cpu, 11, { selector: SEL.code32, offset: HANDLER, access: INTERRUPT_GATE })
    setGate(cpu, 0x30, { selector: SEL.code32, offset: HANDLER, access: 0x0e })
    deliverInterrupt(cpu, 0x30)
    expect(stackItems(cpu, 4, 2)).toEqual([0x30 * 8 + 3, AT.code])
  })
})

describe('double faults', () => {
  test('a contributory fault while another is delivered becomes #DF with error code 0', () => {
    const cpu = protectedCpu()
    setGate(cpu, 8, { selector: SEL.code32, offset: HANDLER, access: INTERRUPT_GATE })
    deliverFault(cpu, new Fault(VECTOR.GP, 0))
    expect(cpu.state.rip).toBe(HANDLER)
    expect(stackItems(cpu, 4, 2)).toEqual([0, AT.code])
  })

  test('a fault while a benign exception is delivered is delivered in its turn', () => {
    const cpu = protectedCpu()
    setGate(cpu, 13, { selector: SEL.code32, offset: HANDLER, access: INTERRUPT_GATE })
    deliverFault(cpu, new Fault(VECTOR.UD))
    expect(cpu.state.rip).toBe(HANDLER)
    expect(stackItems(cpu, 4, 1)).toEqual([6 * 8 + 2])
  })

  test('a fault while #DF is delivered shuts the processor down', () => {
    const cpu = protectedCpu()
    deliverFault(cpu, new Fault(VECTOR.GP, 0))
    expect(isShutDown(cpu)).toBe(true)
  })

  test('CR2 gets the address of a page fault only after its intercept', () => {
    const cpu = protectedCpu()
    setGate(cpu, 14, { selector: SEL.code32, offset: HANDLER, access: INTERRUPT_GATE })
    enterGuest(cpu, 0x4e)
    const fault = new Fault(VECTOR.PF, 2, 0xdead_b000n)
    expect(exitOf(() => deliverFault(cpu, fault))?.code).toBe(0x4e)
    expect(cpu.state.cr2).toBe(0n)
    cpu.intercepts.codes.clear()
    deliverFault(cpu, fault)
    expect(cpu.state.cr2).toBe(0xdead_b000n)
  })

  test('a shutdown in guest mode asks for its intercept', () => {
    const cpu = protectedCpu()
    enterGuest(cpu, 0x7f)
    expect(exitOf(() => deliverFault(cpu, new Fault(VECTOR.GP, 0)))?.code).toBe(0x7f)
    // #GP, the #GP that follows as it is before it combines, the #DF it becomes, and the #GP in delivering that.
    expect(cpu.intercepts.asked).toEqual([0x4d, 0x4d, 0x48, 0x4d, 0x7f])
    expect(isShutDown(cpu)).toBe(false)
  })

  test('an exit during delivery leaves the event in EXITINTINFO format', () => {
    const cpu = protectedCpu()
    enterGuest(cpu, 0x4d)
    expect(exitOf(() => deliverFault(cpu, new Fault(VECTOR.NP, 0x18)))?.code).toBe(0x4d)
    expect(cpu.state.deliveringEvent).toBe(0x18_8000_0b0bn)
  })

  test('INTn whose delivery exits is recorded as a software interrupt', () => {
    const cpu = protectedCpu()
    enterGuest(cpu, 0x4d)
    expect(exitOf(() => step(cpu, INT_30))?.code).toBe(0x4d)
    expect(cpu.state.deliveringEvent).toBe(0x8000_0430n)
    expect(cpu.state.rip).toBe(BigInt(AT.code))
  })
})

describe('long mode', () => {
  test('the frame has five quadwords and is aligned to 16 bytes, without a change of privilege too', () => {
    const cpu = longCpu()
    cpu.state.gpr[RSP] = BigInt(AT.stack + 8)
    setGate(cpu, 0x30, { selector: SEL.code64, offset: HANDLER, access: INTERRUPT_GATE })
    step(cpu, INT_30)
    expect(cpu.state.gpr[RSP]).toBe(BigInt(AT.stack - 40))
    expect(stackItems(cpu, 8, 5)).toEqual([AT.code + 2, SEL.code64, 2, AT.stack + 8, SEL.data])
    step(cpu, [0x48, 0xcf])
    expect(cpu.state.gpr[RSP]).toBe(BigInt(AT.stack + 8))
    expect(cpu.state.rip).toBe(BigInt(AT.code + 2))
  })

  test('from ring 3 RSP0 is used, SS becomes null, and IRETQ goes back', () => {
    const cpu = longCpu()
    setGate(cpu, 0x30, { selector: SEL.code64, offset: HANDLER, access: USER_GATE })
    useSegments(cpu, SEL.userCode64, SEL.userData)
    step(cpu, INT_30)
    expect(cpu.state.cpl).toBe(0)
    expect(cpu.state.segments[SS].selector).toBe(0)
    expect(cpu.state.gpr[RSP]).toBe(BigInt(AT.innerStack - 40))
    step(cpu, [0x48, 0xcf])
    expect(cpu.state.cpl).toBe(3)
    expect(cpu.state.segments[SS].selector).toBe(SEL.userData)
    expect(cpu.state.segments[CS].selector).toBe(SEL.userCode64)
  })

  test('IRETQ to ring 3 makes a ring-0 GS null and leaves its base', () => {
    const cpu = longCpu()
    setGate(cpu, 0x30, { selector: SEL.code64, offset: HANDLER, access: USER_GATE })
    useSegments(cpu, SEL.userCode64, SEL.userData)
    step(cpu, INT_30)
    const gs = cpu.state.segments[GS]
    setSegment(gs, { selector: SEL.data, attributes: 0xc93, limit: 0xffff_ffff, base: 0x1234_5000n })
    step(cpu, [0x48, 0xcf])
    expect([gs.selector, gs.attributes, gs.base]).toEqual([0, 0, 0x1234_5000n])
  })

  test('a gate with an IST index uses that stack', () => {
    const cpu = longCpu()
    setGate(cpu, 14, { selector: SEL.code64, offset: HANDLER, access: INTERRUPT_GATE, extra: 1 })
    deliverFault(cpu, new Fault(VECTOR.PF, 2, 0x1234_5678n))
    expect(cpu.state.gpr[RSP]).toBe(BigInt(AT.istStack - 48))
    expect(stackItems(cpu, 8, 1)).toEqual([2])
    expect(cpu.state.segments[SS].selector).toBe(SEL.data)
  })

  test('a 32-bit handler segment is refused', () => {
    const cpu = longCpu()
    setGate(cpu, 0x30, { selector: SEL.code32, offset: HANDLER, access: INTERRUPT_GATE })
    expect(faultOf(() => execute(cpu, INT_30))).toEqual({ vector: VECTOR.GP, errorCode: SEL.code32 })
  })

  test('a stack pointer in the TSS that is not canonical is a stack fault', () => {
    const cpu = longCpu()
    setGate(cpu, 0x30, { selector: SEL.code64, offset: HANDLER, access: USER_GATE })
    cpu.memory.write(AT.tss + 4, 8, 1n << 60n)
    useSegments(cpu, SEL.userCode64, SEL.userData)
    expect(faultOf(() => execute(cpu, INT_30))).toEqual({ vector: VECTOR.SS, errorCode: 0 })
  })

  test('a table that is canonical with 57 bits cannot be used with 48: #GP becomes #DF, and that a shutdown', () => {
    const cpu = longCpu()
    setGate(cpu, 0x30, { selector: SEL.code64, offset: HANDLER, access: INTERRUPT_GATE })
    cpu.state.idtrBase |= 1n << 55n
    expect(faultOf(() => execute(cpu, INT_30))).toEqual({ vector: VECTOR.GP, errorCode: 0 })
    deliverFault(cpu, new Fault(VECTOR.UD))
    expect(isShutDown(cpu)).toBe(true)
  })

  test('a frame that does not fit in mapped memory leaves no trace and becomes #DF on another stack', () => {
    const cpu = longCpu()
    setGate(cpu, 14, { selector: SEL.code64, offset: HANDLER, access: INTERRUPT_GATE })
    setGate(cpu, 8, { selector: SEL.code64, offset: HANDLER + 1n, access: INTERRUPT_GATE, extra: 1 })
    cpu.state.gpr[RSP] = 0x4000_0000n
    deliverFault(cpu, new Fault(VECTOR.PF, 0, 0x5000_0000n))
    expect(cpu.state.rip).toBe(HANDLER + 1n)
    expect(cpu.state.cr2).toBe(0x3fff_fff8n)
  })

  test('an injected event is delivered without asking for intercepts', () => {
    const cpu = longCpu()
    setGate(cpu, 6, { selector: SEL.code64, offset: HANDLER, access: INTERRUPT_GATE })
    enterGuest(cpu, 0x46)
    deliverEvent(cpu, { vector: 6, type: EVENT_TYPE.exception, errorCode: -1 })
    expect(cpu.state.rip).toBe(HANDLER)
    expect(cpu.intercepts.asked).toEqual([])
  })
})

test('virtual-8086 mode goes to ring 0 with the data segments on the stack, and IRET returns to it', () => {
  const cpu = protectedCpu()
  const { state } = cpu
  setGate(cpu, 13, { selector: SEL.code32, offset: HANDLER, access: INTERRUPT_GATE })
  // The frame of an IRET to 0800:0010 with stack 0900:0100.
  const frame = [0x10, 0x800, (1 << 17) | 2, 0x100, 0x900, 0x11, 0x22, 0x33, 0x44]
  state.gpr[RSP] = BigInt(AT.stack - frame.length * 4)
  frame.forEach((value, i) => cpu.memory.write32(AT.stack + (i - frame.length) * 4, value))
  execute(cpu, [0xcf])
  expect(state.cpl).toBe(3)
  expect(state.segments[CS].base).toBe(0x8000n)
  expect(state.segments[SS].base).toBe(0x9000n)
  // INTn with IOPL 0 is for the monitor to emulate.
  step(cpu, [0xcd, 0x21])
  expect(state.rip).toBe(HANDLER)
  expect(state.cpl).toBe(0)
  expect(stackItems(cpu, 4, 10)).toEqual([
    0,
    0x10,
    0x800,
    (1 << 17) | RF | 2,
    0x100,
    0x900,
    0x11,
    0x22,
    0x33,
    0x44,
  ])
  modeChanged(cpu)
  expect(state.segments[3].attributes).toBe(0)
})
