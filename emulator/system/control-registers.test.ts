import { describe, expect, test } from 'vitest'
import { RAX } from '../isa/registers.ts'
import { insertEntry, tlbEntries } from '../paging/tlb.ts'
import { readLinear } from '../paging/access.ts'
import { VECTOR } from '../state/faults.ts'
import { CR0, CR4, EFER, MODE } from '../state/mode.ts'
import {
  enterGuest,
  execute,
  exitOf,
  faultOf,
  longCpu,
  protectedCpu,
  realCpu,
  SEL,
  type TestCpu,
  useSegments,
} from './system.fixture.ts'

const GP0 = { vector: VECTOR.GP, errorCode: 0 }
const UD = { vector: VECTOR.UD, errorCode: -1 }

/** MOV CRn, rAX. */
function write(cpu: TestCpu, register: number, value: bigint): void {
  cpu.state.gpr[RAX] = value
  execute(cpu, register === 8 ? [0x44, 0x0f, 0x22, 0xc0] : [0x0f, 0x22, 0xc0 | (register << 3)])
}

describe('MOV to control registers refuses', () => {
  test.each([
    ['NW without CD', 0, CR0.PE | CR0.PG | CR0.NW],
    ['CR0 bits above 31', 0, CR0.PE | CR0.PG | (1n << 32n)],
    ['paging off in 64-bit mode', 0, CR0.PE],
    ['CR3 bits above MAXPHYADDR', 3, 1n << 48n],
    ['CR3 bit 63 without PCIDE', 3, 1n << 63n],
    ['PAE off in long mode', 4, 0n],
    ['another number of paging levels in long mode', 4, CR4.PAE | CR4.LA57],
    ['CR4 bits of features that do not exist', 4, CR4.PAE | CR4.CET],
    ['PCIDE with a PCID in CR3', 4, CR4.PAE | CR4.PCIDE],
    ['CR8 above 15', 8, 16n],
  ])('%s', (_, register, value) => {
    const cpu = longCpu()
    cpu.state.cr3 |= 5n
    expect(faultOf(() => write(cpu, register, value))).toEqual(GP0)
  })

  test('everything outside CPL 0', () => {
    const cpu = longCpu()
    useSegments(cpu, SEL.userCode64, SEL.userData)
    expect(faultOf(() => write(cpu, 3, 0n))).toEqual(GP0)
  })

  test('paging without protection, and long mode without PAE or from a 64-bit code segment', () => {
    expect(faultOf(() => write(realCpu(), 0, CR0.PG))).toEqual(GP0)
    const cpu = protectedCpu()
    cpu.state.efer |= EFER.LME
    expect(faultOf(() => write(cpu, 0, CR0.PE | CR0.PG))).toEqual(GP0)
  })
})

describe('a reserved bit in a PDPE of PAE paging', () => {
  const TABLE = 0x8_0000
  const PAGED = CR0.PE | CR0.PG
  function paeCpu(): TestCpu {
    const cpu = protectedCpu()
    cpu.state.cr4 |= CR4.PAE
    cpu.memory.write32(TABLE + 8, 0x1003)
    return cpu
  }

  test('makes turning paging on fault', () => {
    const cpu = paeCpu()
    cpu.state.cr3 = BigInt(TABLE)
    expect(faultOf(() => write(cpu, 0, PAGED))).toEqual(GP0)
    expect(cpu.state.cr0 & CR0.PG).toBe(0n)
  })

  test('makes MOV to CR3 fault after its intercept, and changes nothing', () => {
    const cpu = paeCpu()
    cpu.state.cr0 |= CR0.PG
    expect(faultOf(() => write(cpu, 3, BigInt(TABLE)))).toEqual(GP0)
    expect(cpu.state.cr3).not.toBe(BigInt(TABLE))
    enterGuest(cpu, 0x13)
    expect(exitOf(() => write(cpu, 3, BigInt(TABLE)))?.code).toBe(0x13)
  })

  test('does not matter with nested paging', () => {
    const cpu = paeCpu()
    cpu.state.cr0 |= CR0.PG
    enterGuest(cpu)
    cpu.state.nestedPaging = 1
    write(cpu, 3, BigInt(TABLE))
    expect(cpu.state.cr3).toBe(BigInt(TABLE))
  })
})

test('turning paging on with LME set activates long mode', () => {
  const cpu = protectedCpu()
  cpu.state.efer = EFER.LME
  write(cpu, 4, CR4.PAE)
  write(cpu, 0, CR0.PE | CR0.PG)
  expect(cpu.state.efer & EFER.LMA).toBe(EFER.LMA)
  expect(cpu.state.mode & (MODE.long | MODE.codeSize)).toBe(MODE.long | 1)
  write(cpu, 0, CR0.PE)
  expect(cpu.state.efer & EFER.LMA).toBe(0n)
})

test('MOV CR3 forgets translations, and keeps them when bit 63 asks for it', () => {
  const cpu = longCpu()
  readLinear(cpu, 0x1000n, 8)
  expect(tlbEntries(cpu.state)).toHaveLength(1)
  write(cpu, 3, 0x1000n)
  expect(tlbEntries(cpu.state)).toHaveLength(0)
  write(cpu, 4, CR4.PAE | CR4.PCIDE)
  readLinear(cpu, 0x1000n, 8)
  write(cpu, 3, (1n << 63n) | 0x1000n)
  expect(cpu.state.cr3).toBe(0x1000n)
  expect(tlbEntries(cpu.state)).toHaveLength(1)
})

test.each([
  ['by the host flushes all translations, those of its guests too', false, []],
  ["by a guest flushes the guest's own", true, [0]],
])('a change of CR0.CD %s', (_, inGuest, left) => {
  const cpu = longCpu()
  readLinear(cpu, 0x1000n, 8)
  enterGuest(cpu)
  cpu.state.asid = 7
  insertEntry(cpu, 0x40_0000, 0, { attributes: 0, address: 0x1000, guestAddress: 0x1000, memoryType: 0 })
  expect(tlbEntries(cpu.state).map(({ asid }) => asid)).toEqual([0, 7])
  if (!inGuest) cpu.state.guestMode = 0
  write(cpu, 0, cpu.state.cr0 | CR0.CD)
  expect(tlbEntries(cpu.state).map(({ asid }) => asid)).toEqual(left)
})

test('LMSW sets PE and cannot clear it', () => {
  const cpu = realCpu()
  cpu.state.gpr[RAX] = 0xffffn
  execute(cpu, [0x0f, 0x01, 0xf0])
  expect(cpu.state.cr0 & 0xfn).toBe(0xfn)
  cpu.state.gpr[RAX] = 0n
  execute(cpu, [0x0f, 0x01, 0xf0])
  expect(cpu.state.cr0 & 0xfn).toBe(CR0.PE)
})

test('SMSW stores 16 bits to memory and as much as fits to a register', () => {
  const cpu = longCpu()
  execute(cpu, [0x0f, 0x01, 0xe0]) // smsw eax
  expect(cpu.state.gpr[RAX]).toBe(cpu.state.cr0)
  cpu.state.cr4 |= CR4.UMIP
  useSegments(cpu, SEL.userCode64, SEL.userData)
  expect(faultOf(() => execute(cpu, [0x0f, 0x01, 0xe0]))).toEqual(GP0)
})

describe('intercepts', () => {
  const MOV = 1n << 63n

  test('illegal values fault before the intercept, legal ones exit with the register number', () => {
    const cpu = longCpu()
    enterGuest(cpu, 0x10)
    expect(faultOf(() => write(cpu, 0, CR0.NW))).toEqual(GP0)
    cpu.state.gpr[3] = cpu.state.cr0
    expect(exitOf(() => execute(cpu, [0x0f, 0x22, 0xc3]))).toMatchObject({ code: 0x10, info1: MOV | 3n })
  })

  test('the selective intercept sees changes besides TS and MP; LMSW always, CLTS never', () => {
    const cpu = longCpu()
    enterGuest(cpu, 0x65)
    expect(exitOf(() => write(cpu, 0, cpu.state.cr0 | CR0.TS | CR0.MP))).toBeUndefined()
    expect(exitOf(() => write(cpu, 0, cpu.state.cr0 | CR0.NE))?.code).toBe(0x65)
    expect(exitOf(() => execute(cpu, [0x0f, 0x06]))).toBeUndefined()
    expect(exitOf(() => execute(cpu, [0x0f, 0x01, 0xf0]))).toMatchObject({ code: 0x65, info1: 0n })
  })

  test('the plain intercept wins over the selective one', () => {
    const cpu = longCpu()
    enterGuest(cpu, 0x65, 0x10)
    expect(exitOf(() => write(cpu, 0, cpu.state.cr0 | CR0.NE))?.code).toBe(0x10)
  })

  test('debug registers report the general register without bit 63', () => {
    const cpu = longCpu()
    enterGuest(cpu, 0x37, 0x26)
    expect(exitOf(() => execute(cpu, [0x0f, 0x23, 0xfb]))).toMatchObject({ code: 0x37, info1: 3n })
    expect(exitOf(() => execute(cpu, [0x0f, 0x21, 0xf1]))).toMatchObject({ code: 0x26, info1: 1n })
  })
})

describe('debug registers', () => {
  test('DR4 is DR6 unless CR4.DE is set', () => {
    const cpu = longCpu()
    execute(cpu, [0x0f, 0x21, 0xe0]) // mov rax, dr4
    expect(cpu.state.gpr[RAX]).toBe(0xffff_0ff0n)
    cpu.state.cr4 |= CR4.DE
    expect(faultOf(() => execute(cpu, [0x0f, 0x21, 0xe0]))).toEqual(UD)
  })

  test('general detect raises #DB, and bits above 31 of DR7 #GP', () => {
    const cpu = longCpu()
    cpu.state.gpr[RAX] = 1n << 32n
    expect(faultOf(() => execute(cpu, [0x0f, 0x23, 0xf8]))).toEqual(GP0)
    cpu.state.gpr[RAX] = 1n << 13n
    execute(cpu, [0x0f, 0x23, 0xf8])
    expect(cpu.state.dr7).toBe(0x2400n)
    expect(faultOf(() => execute(cpu, [0x0f, 0x23, 0xf8]))?.vector).toBe(VECTOR.DB)
  })
})
