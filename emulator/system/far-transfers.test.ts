import { describe, expect, test } from 'vitest'
import { CS, DS, RSP, SS } from '../isa/registers.ts'
import { VECTOR } from '../state/faults.ts'
import {
  AT,
  execute,
  faultOf,
  gateWords,
  longCpu,
  protectedCpu,
  realCpu,
  SEL,
  stackItems,
  type TestCpu,
  useSegments,
} from './system.fixture.ts'

const TARGET = 0x8800n

/** jmp or call far selector:8800h, 32-bit code. */
function far(opcode: 0xea | 0x9a, selector: number): number[] {
  return [opcode, 0x00, 0x88, 0x00, 0x00, selector & 0xff, selector >> 8]
}
const jump = (selector: number) => far(0xea, selector)
const call = (selector: number) => far(0x9a, selector)
const RETF = [0xcb]

function setCallGate(cpu: TestCpu, selector: number, access: number, parameters = 0): void {
  const [low, high] = gateWords({ selector, offset: TARGET, access, extra: parameters })
  cpu.memory.write(AT.gdt + SEL.gate, 8, low)
  cpu.memory.write(AT.gdt + SEL.gate + 8, 8, high)
}

describe('direct transfers', () => {
  test('real mode loads CS as a paragraph', () => {
    const cpu = realCpu()
    execute(cpu, [0xea, 0x34, 0x12, 0x00, 0xf0])
    expect(cpu.state.segments[CS].base).toBe(0xf0000n)
    expect(cpu.state.rip).toBe(0x1234n)
  })

  test('CALL pushes CS and EIP, and RETF comes back', () => {
    const cpu = protectedCpu()
    execute(cpu, call(SEL.code32))
    expect(cpu.state.rip).toBe(TARGET)
    expect(stackItems(cpu, 4, 2)).toEqual([AT.code + 7, SEL.code32])
    execute(cpu, RETF)
    expect(cpu.state.rip).toBe(BigInt(AT.code + 7))
    expect(cpu.state.gpr[RSP]).toBe(BigInt(AT.stack))
  })

  test.each([
    ['a null selector', 0, VECTOR.GP, 0],
    ['a selector beyond the table', SEL.beyond, VECTOR.GP, SEL.beyond],
    ['a data segment', SEL.data, VECTOR.GP, SEL.data],
    ['code of another privilege level', SEL.userCode32, VECTOR.GP, SEL.userCode32 & ~3],
    ['a busy TSS', SEL.tss, VECTOR.GP, SEL.tss],
  ])('a jump to %s faults', (_, selector, vector, errorCode) => {
    const cpu = protectedCpu()
    cpu.memory.write(AT.gdt + SEL.tss, 8, 0x0000_8b00_5000_0067n)
    expect(faultOf(() => execute(cpu, jump(selector)))).toEqual({ vector, errorCode })
    expect(cpu.state.segments[CS].selector).toBe(SEL.code32)
  })

  test('a target beyond the limit of the new segment is #GP(0)', () => {
    const cpu = protectedCpu()
    cpu.memory.write(AT.gdt + SEL.gate, 8, 0x0040_9b00_0000_7fffn)
    expect(faultOf(() => execute(cpu, jump(SEL.gate)))).toEqual({ vector: VECTOR.GP, errorCode: 0 })
  })

  test('a far jump to a 64-bit segment is how long mode begins', () => {
    const cpu = longCpu()
    useSegments(cpu, SEL.code32, SEL.data)
    execute(cpu, jump(SEL.code64))
    expect(cpu.state.mode & 3).toBe(2)
  })
})

describe('call gates', () => {
  test('a 32-bit gate switches stacks and copies parameters, and RETF n undoes both', () => {
    const cpu = protectedCpu()
    setCallGate(cpu, SEL.code32, 0xec, 2)
    useSegments(cpu, SEL.userCode32, SEL.userData)
    cpu.memory.write32(AT.stack, 0x1111)
    cpu.memory.write32(AT.stack + 4, 0x2222)
    execute(cpu, call(SEL.gate))
    expect(cpu.state.cpl).toBe(0)
    expect(cpu.state.rip).toBe(TARGET)
    expect(cpu.state.gpr[RSP]).toBe(BigInt(AT.innerStack - 24))
    expect(stackItems(cpu, 4, 6)).toEqual([
      AT.code + 7,
      SEL.userCode32,
      0x1111,
      0x2222,
      AT.stack,
      SEL.userData,
    ])
    execute(cpu, [0xca, 0x08, 0x00])
    expect(cpu.state.cpl).toBe(3)
    expect(cpu.state.gpr[RSP]).toBe(BigInt(AT.stack + 8))
    expect(cpu.state.segments[SS].selector).toBe(SEL.userData)
  })

  test('a 64-bit gate leaves SS null and pushes quadwords', () => {
    const cpu = longCpu()
    setCallGate(cpu, SEL.code64, 0xec)
    useSegments(cpu, SEL.userCode64, SEL.userData)
    cpu.memory.write32(0x2100, 0)
    cpu.memory.write32(AT.stack, 0)
    cpu.memory.write32(AT.stack + 4, SEL.gate)
    execute(cpu, [0xff, 0x1c, 0x24]) // call far [rsp]
    expect(cpu.state.rip).toBe(TARGET)
    expect(cpu.state.segments[SS].selector).toBe(0)
    expect(stackItems(cpu, 8, 4)).toEqual([AT.code + 3, SEL.userCode64, AT.stack, SEL.userData])
    execute(cpu, [0x48, 0xcb])
    expect(cpu.state.cpl).toBe(3)
    expect(cpu.state.gpr[RSP]).toBe(BigInt(AT.stack))
  })

  test.each([
    ['above the caller', 0x8c, VECTOR.GP],
    ['not present', 0x6c, VECTOR.NP],
  ])('a gate that is %s faults', (_, access, vector) => {
    const cpu = protectedCpu()
    setCallGate(cpu, SEL.code32, access)
    useSegments(cpu, SEL.userCode32, SEL.userData)
    expect(faultOf(() => execute(cpu, call(SEL.gate)))).toEqual({ vector, errorCode: SEL.gate })
  })

  test('a jump through a gate cannot change privilege', () => {
    const cpu = protectedCpu()
    setCallGate(cpu, SEL.code32, 0xec)
    useSegments(cpu, SEL.userCode32, SEL.userData)
    expect(faultOf(() => execute(cpu, jump(SEL.gate)))).toEqual({ vector: VECTOR.GP, errorCode: SEL.code32 })
  })
})

test('a return to ring 3 clears data segments that ring 3 may not use', () => {
  const cpu = protectedCpu()
  const frame = [0x8100, SEL.userCode32, AT.stack, SEL.userData]
  cpu.state.gpr[RSP] = BigInt(AT.innerStack)
  frame.forEach((value, i) => cpu.memory.write32(AT.innerStack + i * 4, value))
  execute(cpu, RETF)
  expect(cpu.state.cpl).toBe(3)
  expect(cpu.state.segments[DS].selector).toBe(0)
  expect(cpu.state.segments[DS].attributes).toBe(0)
})

test('a return to a more privileged level is refused', () => {
  const cpu = protectedCpu()
  useSegments(cpu, SEL.userCode32, SEL.userData)
  cpu.memory.write32(AT.stack, 0x8100)
  cpu.memory.write32(AT.stack + 4, SEL.code32)
  expect(faultOf(() => execute(cpu, RETF))).toEqual({ vector: VECTOR.GP, errorCode: SEL.code32 })
})
