import { describe, expect, test } from 'vitest'
import { operations } from '../isa/table.ts'
import {
  CS,
  DS,
  ES,
  GS,
  IF,
  IOPL,
  LDTR,
  RAX,
  RBX,
  RCX,
  RDI,
  RDX,
  RSI,
  RSP,
  SS,
  TF,
  TR,
} from '../isa/registers.ts'
import { readLinear } from '../paging/access.ts'
import { tlbEntries } from '../paging/tlb.ts'
import { VECTOR } from '../state/faults.ts'
import { readRflags, writeRflags } from '../state/flags.ts'
import { CR4, EFER } from '../state/mode.ts'
import { ACTIVITY } from '../state/vcpu.ts'
import { SYSTEM_INSTRUCTIONS } from './instructions.ts'
import {
  AT,
  enterGuest,
  execute,
  exitOf,
  faultOf,
  longCpu,
  protectedCpu,
  realCpu,
  SEL,
  stackItems,
  useSegments,
} from './system.fixture.ts'

const GP0 = { vector: VECTOR.GP, errorCode: 0 }
const UD = { vector: VECTOR.UD, errorCode: -1 }

test('every system instruction is in the instruction table', () => {
  for (const name of SYSTEM_INSTRUCTIONS.keys()) expect(operations).toContain(name)
})

describe('port I/O', () => {
  const IN_AL_DX = [0xec]
  const user = (iopl: number) => {
    const cpu = protectedCpu()
    useSegments(cpu, SEL.userCode32, SEL.userData)
    cpu.state.flagsOther |= iopl << 12
    cpu.state.gpr[RDX] = 0x43n
    return cpu
  }

  test('IOPL 3 lets ring 3 through', () => {
    const cpu = user(3)
    execute(cpu, IN_AL_DX)
    expect(cpu.state.gpr[RAX]).toBe(0x43n)
  })

  test('else the bitmap of the TSS decides, and every byte of the access needs its bit clear', () => {
    const cpu = user(0)
    expect(faultOf(() => execute(cpu, IN_AL_DX))).toEqual(GP0)
    cpu.state.segments[TR].limit = 0x68 + 9
    cpu.memory.write(AT.tss + 0x68 + 8, 1, 0xf0n) // ports 44h to 47h
    expect(faultOf(() => execute(cpu, IN_AL_DX))).toBeUndefined()
    expect(faultOf(() => execute(cpu, [0x66, 0xed]))).toEqual(GP0)
    cpu.state.segments[TR].limit = 0x68 + 8
    expect(faultOf(() => execute(cpu, IN_AL_DX))).toEqual(GP0)
  })

  test('the intercept comes after the permission check and before the memory operand', () => {
    const cpu = user(0)
    enterGuest(cpu, 0x7b)
    expect(faultOf(() => execute(cpu, IN_AL_DX))).toEqual(GP0)
    cpu.state.flagsOther |= IOPL
    cpu.state.segments[ES].limit = 0
    // rep insd: string, REP, 32-bit, 32-bit addresses, IN; port 43h
    cpu.state.gpr[RCX] = 2n
    expect(exitOf(() => execute(cpu, [0xf3, 0x6d]))).toMatchObject({ code: 0x7b, info1: 0x0043_014dn })
    // fs outsb
    expect(exitOf(() => execute(cpu, [0x64, 0x6e]))).toMatchObject({ info1: 0x0043_1114n })
  })

  test('REP INS does one element an execution and stays at the instruction until the last', () => {
    const cpu = protectedCpu()
    const { gpr } = cpu.state
    gpr[RDX] = 0x1234n
    gpr[RCX] = 2n
    gpr[RDI] = 0x2000n
    execute(cpu, [0xf3, 0x66, 0x6d])
    expect([gpr[RCX], gpr[RDI], cpu.state.rip]).toEqual([1n, 0x2002n, BigInt(AT.code)])
    execute(cpu, [0xf3, 0x66, 0x6d])
    expect([gpr[RCX], gpr[RDI], cpu.state.rip]).toEqual([0n, 0x2004n, BigInt(AT.code + 3)])
    expect(cpu.memory.read32(0x2000)).toBe(0x1234_1234)
    execute(cpu, [0xf3, 0x66, 0x6d])
    expect(gpr[RDI]).toBe(0x2004n)
  })

  test('OUTS counts down with DF set', () => {
    const cpu = protectedCpu()
    cpu.state.gpr[RSI] = 0x2000n
    cpu.state.flagsOther |= 1 << 10
    execute(cpu, [0x6f])
    expect(cpu.state.gpr[RSI]).toBe(0x1ffcn)
  })
})

describe('SYSCALL and SYSRET', () => {
  test('go to LSTAR with the flags masked, and back', () => {
    const cpu = longCpu()
    const { state } = cpu
    state.star = (0x0020n << 48n) | (0x0018n << 32n)
    state.lstar = 0xffff_8000_0000_0000n
    state.sfmask = BigInt(IF | TF)
    useSegments(cpu, SEL.userCode64, SEL.userData)
    writeRflags(state, IF | 1)
    execute(cpu, [0x0f, 0x05])
    expect(state.rip).toBe(0xffff_8000_0000_0000n)
    expect([state.cpl, state.segments[CS].selector, state.segments[SS].selector]).toEqual([0, 0x18, 0x20])
    expect(state.gpr[RCX]).toBe(BigInt(AT.code + 2))
    expect(state.gpr[11]).toBe(BigInt(IF | 3))
    expect(readRflags(state)).toBe(3)
    execute(cpu, [0x48, 0x0f, 0x07])
    expect(state.rip).toBe(BigInt(AT.code + 2))
    expect([state.cpl, state.segments[CS].selector, state.segments[SS].selector]).toEqual([3, 0x33, 0x2b])
    expect(readRflags(state)).toBe(IF | 3)
  })

  test('SYSRET with a 32-bit operand size goes to compatibility mode', () => {
    const cpu = longCpu()
    cpu.state.star = 0x0020n << 48n
    cpu.state.gpr[RCX] = 0x1_0000_8000n
    execute(cpu, [0x0f, 0x07])
    expect(cpu.state.rip).toBe(0x8000n)
    expect(cpu.state.mode & 3).toBe(1)
    expect(cpu.state.segments[CS].selector).toBe(0x23)
  })

  test('are undefined without EFER.SCE, and SYSRET is for CPL 0', () => {
    const cpu = longCpu()
    useSegments(cpu, SEL.userCode64, SEL.userData)
    expect(faultOf(() => execute(cpu, [0x48, 0x0f, 0x07]))).toEqual(GP0)
    cpu.state.efer &= ~EFER.SCE
    expect(faultOf(() => execute(cpu, [0x0f, 0x05]))).toEqual(UD)
  })

  test('SYSENTER is undefined in long mode and works in legacy mode', () => {
    expect(faultOf(() => execute(longCpu(), [0x0f, 0x34]))).toEqual(UD)
    const cpu = protectedCpu()
    expect(faultOf(() => execute(cpu, [0x0f, 0x34]))).toEqual(GP0)
    cpu.state.sysenterCs = 8n
    cpu.state.sysenterEip = 0x1234n
    cpu.state.sysenterEsp = 0x5678n
    useSegments(cpu, SEL.userCode32, SEL.userData)
    execute(cpu, [0x0f, 0x34])
    expect([cpu.state.cpl, cpu.state.rip, cpu.state.gpr[RSP]]).toEqual([0, 0x1234n, 0x5678n])
  })
})

describe('descriptor tables', () => {
  test('LGDT and SGDT have 10 bytes in 64-bit mode, and the base must be canonical', () => {
    const cpu = longCpu()
    cpu.memory.write(0x2100, 2, 0x1234n)
    cpu.memory.write(0x2102, 8, 0xffff_8000_0000_0000n)
    cpu.state.gpr[RAX] = 0x2100n
    execute(cpu, [0x0f, 0x01, 0x10])
    expect([cpu.state.gdtrLimit, cpu.state.gdtrBase]).toEqual([0x1234, 0xffff_8000_0000_0000n])
    cpu.state.gpr[RAX] = 0x2200n
    execute(cpu, [0x0f, 0x01, 0x00])
    expect(cpu.memory.read(0x2202, 8)).toBe(0xffff_8000_0000_0000n)
    cpu.memory.write(0x2102, 8, 1n << 56n)
    cpu.state.gpr[RAX] = 0x2100n
    expect(faultOf(() => execute(cpu, [0x0f, 0x01, 0x10]))).toEqual(GP0)
  })

  test('LGDT with a 16-bit operand loads 24 bits of the base', () => {
    const cpu = realCpu()
    cpu.memory.write(0x2000, 8, 0x1122_3344_0017n)
    execute(cpu, [0x0f, 0x01, 0x16, 0x00, 0x20])
    expect([cpu.state.gdtrLimit, cpu.state.gdtrBase]).toEqual([0x17, 0x22_3344n])
  })

  test('an SIDT of which one half faults writes nothing', () => {
    const cpu = protectedCpu()
    cpu.memory.write32(0x2000, 0x1234_5678)
    cpu.state.segments[DS].limit = 0x2004
    expect(faultOf(() => execute(cpu, [0x0f, 0x01, 0x0d, 0x00, 0x20, 0x00, 0x00]))).toEqual(GP0)
    expect(cpu.memory.read32(0x2000)).toBe(0x1234_5678)
  })

  test('LTR marks the TSS busy and refuses a busy one', () => {
    const cpu = longCpu()
    cpu.memory.write(AT.gdt + SEL.tss, 8, 0x0000_8900_5000_0067n)
    cpu.memory.write(AT.gdt + SEL.tss + 8, 8, 0xffff_8000n)
    cpu.state.gpr[RAX] = BigInt(SEL.tss)
    execute(cpu, [0x0f, 0x00, 0xd8])
    expect(cpu.state.segments[TR].base).toBe(0xffff_8000_0000_5000n)
    expect(cpu.memory.read(AT.gdt + SEL.tss + 5, 1)).toBe(0x8bn)
    expect(faultOf(() => execute(cpu, [0x0f, 0x00, 0xd8]))).toEqual({ vector: VECTOR.GP, errorCode: SEL.tss })
  })

  test('LLDT of a null selector leaves no LDT; the table instructions for selectors need protected mode', () => {
    const cpu = protectedCpu()
    execute(cpu, [0x0f, 0x00, 0xd0])
    expect(cpu.state.segments[LDTR].attributes).toBe(0)
    expect(faultOf(() => execute(realCpu(), [0x0f, 0x00, 0xd0]))).toEqual(UD)
  })

  test('the intercept comes before the memory operand is read', () => {
    const cpu = longCpu()
    enterGuest(cpu, 0x6b)
    cpu.state.gpr[RAX] = 0x4000_0000n
    expect(exitOf(() => execute(cpu, [0x0f, 0x01, 0x10]))?.code).toBe(0x6b)
  })
})

describe('flags', () => {
  test('POPF changes IOPL at CPL 0 only, and IF where CPL allows', () => {
    const cpu = protectedCpu()
    cpu.memory.write32(AT.stack, IOPL | IF)
    execute(cpu, [0x9d])
    expect(readRflags(cpu.state)).toBe(IOPL | IF | 2)
    useSegments(cpu, SEL.userCode32, SEL.userData)
    execute(cpu, [0x9d])
    expect(readRflags(cpu.state)).toBe(IOPL | 2)
    cpu.state.flagsOther &= ~IOPL
    cpu.state.gpr[RSP] = BigInt(AT.stack)
    execute(cpu, [0x9d])
    expect(readRflags(cpu.state)).toBe(2)
  })

  test('PUSHF leaves out VM and RF', () => {
    const cpu = longCpu()
    writeRflags(cpu.state, (1 << 16) | 0x41)
    execute(cpu, [0x9c])
    expect(stackItems(cpu, 8, 1)).toEqual([0x43])
  })

  test('CLI and STI need CPL <= IOPL', () => {
    const cpu = protectedCpu()
    useSegments(cpu, SEL.userCode32, SEL.userData)
    expect(faultOf(() => execute(cpu, [0xfa]))).toEqual(GP0)
    expect(faultOf(() => execute(cpu, [0xfb]))).toEqual(GP0)
  })

  test('PUSHF, POPF, IRET and INTn exit before they fault', () => {
    const cpu = longCpu()
    enterGuest(cpu, 0x70, 0x71, 0x74, 0x75)
    cpu.state.gpr[RSP] = 0x4000_0000n
    const exits = [[0x9c], [0x9d], [0x48, 0xcf], [0xcd, 0x80]].map((bytes) =>
      exitOf(() => execute(cpu, bytes)),
    )
    expect(exits.map((exit) => exit?.code)).toEqual([0x70, 0x71, 0x74, 0x75])
    expect(exits[3]?.info1).toBe(0x80n)
  })
})

describe('processor instructions', () => {
  test('CPUID names vendor, brand and SVM', () => {
    const cpu = longCpu()
    const { gpr } = cpu.state
    const cpuid = (leaf: number) => {
      gpr[RAX] = BigInt(leaf)
      gpr[RCX] = 0n
      execute(cpu, [0x0f, 0xa2])
      return [gpr[RAX], gpr[RBX], gpr[RCX], gpr[RDX]].map(Number)
    }
    const text = (words: number[]) =>
      String.fromCharCode(...words.flatMap((w) => [0, 8, 16, 24].map((s) => (w >>> s) & 255)))
    const [, ebx, ecx, edx] = cpuid(0)
    expect(text([ebx, edx, ecx])).toBe('AuthenticAMD')
    const brand = [2, 3, 4].map((n) => text(cpuid(0x8000_0000 + n))).join('')
    expect(brand.replace(/\0+$/, '')).toBe('World Switch virtual CPU')
    expect(cpuid(0x8000_000a).slice(0, 3)).toEqual([1, 32768, 0])
    expect(cpuid(0x8000_0008)[0]).toBe(0x3930)
    expect(cpuid(0x1234_5678)).toEqual([0, 0, 0, 0])
  })

  test('HLT halts at CPL 0 and faults elsewhere, without an exit', () => {
    const cpu = longCpu()
    execute(cpu, [0xf4])
    expect(cpu.state.activity).toBe(ACTIVITY.halted)
    const guest = longCpu()
    enterGuest(guest, 0x78)
    useSegments(guest, SEL.userCode64, SEL.userData)
    expect(faultOf(() => execute(guest, [0xf4]))).toEqual(GP0)
    expect(guest.intercepts.asked).toEqual([])
  })

  test('INVLPG forgets one page and exits with its linear address', () => {
    const cpu = longCpu()
    readLinear(cpu, 0x1000n, 8)
    cpu.state.gpr[RAX] = 0x1fffn
    execute(cpu, [0x0f, 0x01, 0x38])
    expect(tlbEntries(cpu.state)).toHaveLength(0)
    enterGuest(cpu, 0x79)
    expect(exitOf(() => execute(cpu, [0x65, 0x0f, 0x01, 0x38]))).toMatchObject({ code: 0x79, info1: 0x1fffn })
  })

  test('RDTSC is for CPL 0 with CR4.TSD, and RDTSCP reads TSC_AUX', () => {
    const cpu = longCpu()
    cpu.state.tscAux = 7n
    execute(cpu, [0x0f, 0x01, 0xf9])
    expect(cpu.state.gpr[RCX]).toBe(7n)
    cpu.state.cr4 |= CR4.TSD
    useSegments(cpu, SEL.userCode64, SEL.userData)
    expect(faultOf(() => execute(cpu, [0x0f, 0x31]))).toEqual(GP0)
  })

  test('SWAPGS swaps, and WRFSBASE needs CR4.FSGSBASE', () => {
    const cpu = longCpu()
    cpu.state.kernelGsBase = 5n
    execute(cpu, [0x0f, 0x01, 0xf8])
    expect([cpu.state.segments[GS].base, cpu.state.kernelGsBase]).toEqual([5n, 0n])
    expect(faultOf(() => execute(cpu, [0xf3, 0x48, 0x0f, 0xae, 0xd0]))).toEqual(UD)
  })

  test.each([
    ['XSETBV', [0x0f, 0x01, 0xd1]],
    ['RSM', [0x0f, 0xaa]],
  ])('%s is undefined', (_, bytes) => {
    expect(faultOf(() => execute(longCpu(), bytes))).toEqual(UD)
  })
})

describe('questions about selectors', () => {
  const ZF = 0x40
  test('LAR and LSL answer in ZF', () => {
    const cpu = protectedCpu()
    cpu.state.gpr[RBX] = BigInt(SEL.data)
    execute(cpu, [0x0f, 0x02, 0xc3])
    expect(cpu.state.gpr[RAX]).toBe(0x00c0_9300n)
    expect(readRflags(cpu.state) & ZF).toBe(ZF)
    execute(cpu, [0x0f, 0x03, 0xc3])
    expect(cpu.state.gpr[RAX]).toBe(0xffff_ffffn)
    cpu.state.gpr[RBX] = BigInt(SEL.beyond)
    execute(cpu, [0x0f, 0x03, 0xc3])
    expect(cpu.state.gpr[RAX]).toBe(0xffff_ffffn)
    expect(readRflags(cpu.state) & ZF).toBe(0)
  })

  test('VERW refuses code and read-only data, VERR takes readable code', () => {
    const cpu = protectedCpu()
    const zero = (selector: number, modrm: number) => {
      cpu.state.gpr[RAX] = BigInt(selector)
      execute(cpu, [0x0f, 0x00, modrm])
      return (readRflags(cpu.state) & ZF) !== 0
    }
    expect([SEL.code32, SEL.readOnly, SEL.data].map((selector) => zero(selector, 0xe8))).toEqual([
      false,
      false,
      true,
    ])
    expect([SEL.code32, SEL.tss, SEL.data].map((selector) => zero(selector, 0xe0))).toEqual([
      true,
      false,
      true,
    ])
  })
})
