import { describe, expect, test } from 'vitest'
import { CS, DS, ES, FS, RSP, SS } from '../isa/registers.ts'
import { modeChanged } from '../paging/contexts.ts'
import { ACCESS } from '../state/cpu.ts'
import { VECTOR } from '../state/faults.ts'
import { CR0, MODE } from '../state/mode.ts'
import { linearAddress, withinLimit } from './segmentation.ts'
import { loadSegment } from './segment-loads.ts'
import {
  AT,
  execute,
  faultOf,
  longCpu,
  protectedCpu,
  realCpu,
  SEL,
  step,
  useSegments,
} from './system.fixture.ts'

const GP = (errorCode: number) => ({ vector: VECTOR.GP, errorCode })

describe('linear addresses', () => {
  test('an access may end at the limit and not beyond', () => {
    const cpu = realCpu()
    expect(linearAddress(cpu, DS, 0xfffcn, 4, ACCESS.read)).toBe(0xfffcn)
    expect(faultOf(() => linearAddress(cpu, DS, 0xfffdn, 4, ACCESS.read))).toEqual(GP(0))
    expect(faultOf(() => linearAddress(cpu, SS, 0xfffdn, 4, ACCESS.read))).toEqual({
      vector: VECTOR.SS,
      errorCode: 0,
    })
  })

  test('an expand-down segment lies above its limit', () => {
    const segment = { selector: 0, attributes: 0x97, limit: 0xfff, base: 0n }
    expect(withinLimit(segment, 0xfffn, 1)).toBe(false)
    expect(withinLimit(segment, 0x1000n, 2)).toBe(true)
    expect(withinLimit(segment, 0xffffn, 2)).toBe(false)
    expect(withinLimit({ ...segment, attributes: 0x497 }, 0xffffn, 2)).toBe(true)
  })

  test('protected mode checks the type, real mode does not', () => {
    expect(faultOf(() => linearAddress(realCpu(), CS, 0n, 1, ACCESS.write))).toBeUndefined()
    const cpu = protectedCpu()
    expect(faultOf(() => linearAddress(cpu, CS, 0n, 1, ACCESS.write))).toEqual(GP(0))
    expect(faultOf(() => linearAddress(cpu, CS, 0n, 1, ACCESS.read))).toBeUndefined()
    loadSegment(cpu, ES, SEL.readOnly)
    expect(faultOf(() => linearAddress(cpu, ES, 0n, 1, ACCESS.write))).toEqual(GP(0))
    loadSegment(cpu, ES, 0)
    expect(faultOf(() => linearAddress(cpu, ES, 0n, 1, ACCESS.read))).toEqual(GP(0))
  })

  test('64-bit mode uses the bases of FS and GS only, and asks for canonical addresses', () => {
    const cpu = longCpu()
    cpu.state.segments[DS].base = 0x100n
    cpu.state.segments[FS].base = 0xffff_8000_0000_0000n
    expect(linearAddress(cpu, DS, 0x20n, 8, ACCESS.read)).toBe(0x20n)
    expect(linearAddress(cpu, FS, 0x20n, 8, ACCESS.read)).toBe(0xffff_8000_0000_0020n)
    expect(faultOf(() => linearAddress(cpu, DS, 0x7fff_ffff_fff9n, 8, ACCESS.read))).toEqual(GP(0))
    expect(faultOf(() => linearAddress(cpu, SS, 1n << 47n, 8, ACCESS.read))).toEqual({
      vector: VECTOR.SS,
      errorCode: 0,
    })
  })

  test('user code with CR0.AM and rFLAGS.AC gets #AC for a misaligned access, a page fault first', () => {
    const cpu = longCpu()
    useSegments(cpu, SEL.userCode64, SEL.userData)
    cpu.state.cr0 |= CR0.AM
    cpu.state.flagsOther |= 1 << 18
    modeChanged(cpu)
    expect(faultOf(() => linearAddress(cpu, DS, 0x8001n, 4, ACCESS.read))).toEqual({
      vector: VECTOR.AC,
      errorCode: 0,
    })
    expect(faultOf(() => linearAddress(cpu, DS, 0x4000_0001n, 4, ACCESS.read))?.vector).toBe(VECTOR.PF)
    expect(faultOf(() => linearAddress(cpu, DS, 0x8004n, 4, ACCESS.read))).toBeUndefined()
  })
})

describe('loading segment registers', () => {
  test.each([
    ['DS', DS, SEL.beyond, GP(SEL.beyond)],
    ['DS, from the LDT that does not exist', DS, 0x0c, GP(0x0c)],
    ['DS, not present', DS, SEL.notPresent, { vector: VECTOR.NP, errorCode: SEL.notPresent }],
    ['DS, a weaker RPL than DPL', DS, SEL.data | 3, GP(SEL.data)],
    ['SS, null', SS, 0, GP(0)],
    ['SS, read-only', SS, SEL.readOnly, GP(SEL.readOnly)],
    ['SS, code', SS, SEL.code32, GP(SEL.code32)],
    ['SS, not of CPL', SS, SEL.userData, GP(SEL.userData & ~3)],
    ['SS, not present', SS, SEL.notPresent, { vector: VECTOR.SS, errorCode: SEL.notPresent }],
    ['DS, a system descriptor', DS, SEL.tss, GP(SEL.tss)],
  ])('%s faults and changes nothing', (_, register, selector, fault) => {
    const cpu = protectedCpu()
    cpu.memory.write(AT.gdt + SEL.tss, 8, 0x0000_8900_5000_0067n)
    expect(faultOf(() => loadSegment(cpu, register, selector))).toEqual(fault)
    expect(cpu.state.segments[register].selector).toBe(SEL.data)
  })

  test('the accessed bit is set in the descriptor table', () => {
    const cpu = protectedCpu()
    cpu.memory.write(AT.gdt + SEL.gate, 8, 0x00cf_9200_0000_ffffn)
    loadSegment(cpu, DS, SEL.gate)
    expect(cpu.memory.read(AT.gdt + SEL.gate, 8)).toBe(0x00cf_9300_0000_ffffn)
  })

  test('a null SS is legal in 64-bit mode at CPL 0', () => {
    const cpu = longCpu()
    loadSegment(cpu, SS, 0)
    expect(cpu.state.segments[SS].attributes).toBe(0)
    expect(faultOf(() => loadSegment(cpu, SS, 3))).toEqual(GP(0))
  })

  test('real mode replaces the base and keeps the limit', () => {
    const cpu = realCpu()
    cpu.state.segments[DS].limit = 0xffff_ffff
    execute(cpu, [0x8e, 0xd8]) // mov ds, ax
    cpu.state.gpr[0] = 0x1234n
    execute(cpu, [0x8e, 0xd8])
    expect(cpu.state.segments[DS].base).toBe(0x12340n)
    expect(cpu.state.segments[DS].limit).toBe(0xffff_ffff)
  })

  test('MOV from a segment register to a 32-bit register clears the rest', () => {
    const cpu = protectedCpu()
    cpu.state.gpr[0] = 0xffff_ffff_ffff_ffffn
    execute(cpu, [0x8c, 0xd8]) // mov eax, ds
    expect(cpu.state.gpr[0]).toBe(BigInt(SEL.data))
    cpu.state.gpr[0] = 0xffff_ffff_ffff_ffffn
    execute(cpu, [0x66, 0x8c, 0xd8]) // mov ax, ds
    expect(cpu.state.gpr[0]).toBe(0xffff_ffff_ffff_0010n)
  })

  test('LDS loads register and selector, or neither', () => {
    const cpu = protectedCpu()
    cpu.memory.write32(0x2000, 0x1122_3344)
    cpu.memory.write32(0x2004, SEL.readOnly)
    execute(cpu, [0xc5, 0x1d, 0x00, 0x20, 0x00, 0x00]) // lds ebx, [2000h]
    expect(cpu.state.gpr[3]).toBe(0x1122_3344n)
    expect(cpu.state.segments[DS].selector).toBe(SEL.readOnly)
    cpu.memory.write32(0x2004, SEL.notPresent)
    cpu.memory.write32(0x2000, 0)
    expect(faultOf(() => execute(cpu, [0xc5, 0x1d, 0x00, 0x20, 0x00, 0x00]))?.vector).toBe(VECTOR.NP)
    expect(cpu.state.gpr[3]).toBe(0x1122_3344n)
  })

  test('POP SS releases by the width of the old stack and shadows the next instruction', () => {
    const cpu = protectedCpu()
    // 16-bit stack segment.
    cpu.memory.write(AT.gdt + SEL.gate, 8, 0x0000_9300_0000_ffffn)
    cpu.memory.write32(AT.stack, SEL.gate)
    step(cpu, [0x17])
    expect(cpu.state.gpr[RSP]).toBe(BigInt(AT.stack + 4))
    expect(cpu.state.interruptShadow).toBe(1)
    expect(cpu.state.mode & MODE.stackSize).toBe(1 << MODE.stackShift)
    step(cpu, [0xfa])
    expect(cpu.state.interruptShadow).toBe(0)
  })
})
