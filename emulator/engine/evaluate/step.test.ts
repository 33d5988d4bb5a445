import { describe, expect, test } from 'vitest'
import { CF, DF, RAX, RBX, RCX, RDI, RDX, RSI, RSP, ZF } from '../../isa/registers.ts'
import { ATTENTION } from '../../state/attention.ts'
import type { Cpu } from '../../state/cpu.ts'
import { VECTOR } from '../../state/faults.ts'
import { readRflags, writeRflags } from '../../state/flags.ts'
import { bench, load, mapPage, program, PROGRAM, STACK, type Bench } from '../engine.fixture.ts'
import { step } from './step.ts'

const DATA = 0x3_0000
const PRESENT = 1n
const WRITABLE = 2n
const NO_EXECUTE = 1n << 63n
/** Bits of a page fault's error code (APM vol 2 §8.4.2). */
const PF_PRESENT = 1
const PF_WRITE = 2
const PF_FETCH = 16

function steps({ engine, cpu }: Bench, count: number): void {
  for (let i = 0; i < count; i++) step(engine, cpu)
}

function registers({ cpu }: Bench): bigint[] {
  return [...cpu.state.gpr]
}

/** Steps once and expects a fault: nothing but CR2 may differ afterwards. */
function expectFault(target: Bench, vector: number, errorCode: number, linear?: number): void {
  const { cpu, raised } = target
  const before = { registers: registers(target), rip: cpu.state.rip, flags: readRflags(cpu.state) }
  step(target.engine, cpu)
  expect(raised[0]).toMatchObject({
    vector,
    errorCode,
    ...(linear !== undefined && { linearAddress: BigInt(linear) }),
  })
  expect({ registers: registers(target), rip: cpu.state.rip, flags: readRflags(cpu.state) }).toEqual(before)
}

describe('control transfers', () => {
  test('CALL pushes the address of the next instruction and RET returns to it', () => {
    const target = program(64, 'call callee\n mov ecx, 2\n hlt\ncallee: mov eax, 1\n ret')
    steps(target, 4)
    const { gpr } = target.cpu.state
    expect([gpr[RAX], gpr[RCX], gpr[RSP]]).toEqual([1n, 2n, BigInt(STACK)])
  })

  test('RET imm16 discards the arguments', () => {
    const target = program(64, 'push 7\n call callee\n nop\ncallee: ret 8')
    steps(target, 3)
    expect(target.cpu.state.gpr[RSP]).toBe(BigInt(STACK))
    expect(target.cpu.state.rip).toBe(BigInt(PROGRAM + 7))
  })

  test('CALL through the stack reads its target before it pushes', () => {
    const target = program(64, `mov qword [rsp], ${DATA}\n call [rsp]`)
    steps(target, 2)
    expect(target.cpu.state.rip).toBe(BigInt(DATA))
    expect(target.cpu.memory.read(STACK - 8, 8)).toBe(BigInt(PROGRAM + 8 + 3))
  })

  test('CALL to an address that is not canonical raises #GP and pushes nothing', () => {
    const target = program(64, 'mov rax, 0x800000000000\n call rax')
    step(target.engine, target.cpu)
    expectFault(target, VECTOR.GP, 0)
    expect(target.cpu.memory.read(STACK - 8, 8)).toBe(0n)
  })

  test('with an operand-size prefix a jump target is truncated to 16 bits', () => {
    const target = program(64, 'mov ebx, 0x12345678\n o16 jmp bx')
    steps(target, 2)
    expect(target.cpu.state.rip).toBe(0x5678n)
  })

  test('a 16-bit jump beyond the limit of CS raises #GP', () => {
    const target = program(16, 'jmp eax')
    target.cpu.state.gpr[RAX] = 0x1_0000n
    expectFault(target, VECTOR.GP, 0)
  })

  test.each([
    ['loop', 2n, 0, true],
    ['loop', 1n, 0, false],
    ['loope', 2n, ZF, true],
    ['loope', 2n, 0, false],
    ['loopne', 2n, 0, true],
    ['loopne', 2n, ZF, false],
  ] as const)('%s with rCX = %d and flags %d: taken %s', (mnemonic, count, flags, taken) => {
    const target = program(64, `here: ${mnemonic} here`)
    target.cpu.state.gpr[RCX] = count
    writeRflags(target.cpu.state, flags)
    step(target.engine, target.cpu)
    expect(target.cpu.state.rip).toBe(BigInt(taken ? PROGRAM : PROGRAM + 2))
    expect(target.cpu.state.gpr[RCX]).toBe(count - 1n)
  })

  test('JECXZ looks at ECX only, LOOP with a 32-bit address size counts ECX and clears the upper half of RCX', () => {
    const target = program(64, 'jecxz here\n nop\nhere: a32 loop here')
    target.cpu.state.gpr[RCX] = 0x1_0000_0000n
    step(target.engine, target.cpu)
    expect(target.cpu.state.rip).toBe(BigInt(PROGRAM + 4))
    step(target.engine, target.cpu)
    expect(target.cpu.state.gpr[RCX]).toBe(0xffff_ffffn)
  })
})

describe('faults leave no trace', () => {
  test('an ADD across two pages whose second one is missing', () => {
    const target = program(64, `add [${DATA + 0xffe}], eax`)
    target.cpu.state.gpr[RAX] = 0x0101_0101n
    target.cpu.memory.write(DATA + 0xff8, 8, 0x1122_3344_5566_7788n)
    mapPage(target, DATA + 0x1000, 0n)
    expectFault(target, VECTOR.PF, PF_WRITE, DATA + 0x1000)
    expect(target.cpu.memory.read(DATA + 0xff8, 8)).toBe(0x1122_3344_5566_7788n)
  })

  test('an ADD across two pages whose second one is read-only', () => {
    const target = program(64, `add [${DATA + 0xffe}], eax`)
    target.cpu.state.gpr[RAX] = 0x0101_0101n
    mapPage(target, DATA + 0x1000, BigInt(DATA + 0x1000) | PRESENT)
    expectFault(target, VECTOR.PF, PF_PRESENT | PF_WRITE, DATA + 0x1000)
    expect(target.cpu.memory.read(DATA + 0xff8, 8)).toBe(0n)
  })

  test('a page-crossing ADD on two frames that are not neighbours', () => {
    const target = program(64, `add dword [${DATA + 0xffe}], 0x11223344`)
    mapPage(target, DATA + 0x1000, 0x5_0000n | PRESENT | WRITABLE)
    step(target.engine, target.cpu)
    expect(target.cpu.memory.read(DATA + 0xffe, 2)).toBe(0x3344n)
    expect(target.cpu.memory.read(0x5_0000, 2)).toBe(0x1122n)
  })

  test.each([
    'cmpxchg [rbx], ecx',
    'xchg [rbx], ecx',
    'bts dword [rbx], 3',
    'shl dword [rbx], 0',
    'cmpxchg8b [rbx]',
  ])('%s on a read-only page faults as a write, whatever it would store', (source) => {
    const target = program(64, source)
    target.cpu.state.gpr[RBX] = BigInt(DATA)
    target.cpu.state.gpr[RAX] = 1n
    mapPage(target, DATA, BigInt(DATA) | PRESENT)
    expectFault(target, VECTOR.PF, PF_PRESENT | PF_WRITE, DATA)
  })

  test('PUSH onto a missing page keeps RSP', () => {
    const target = program(64, 'push rax')
    mapPage(target, STACK - 0x1000, 0n)
    expectFault(target, VECTOR.PF, PF_WRITE, STACK - 8)
  })

  test('POP to a missing page keeps RSP', () => {
    const target = program(64, `pop qword [${DATA}]`)
    mapPage(target, DATA, 0n)
    expectFault(target, VECTOR.PF, PF_WRITE, DATA)
  })

  test('PUSHAD that ends beyond the limit of SS stores nothing', () => {
    const target = program(32, 'pushad')
    target.cpu.state.segments[2].limit = 0xf
    target.cpu.state.gpr[RSP] = 0x10n
    // The fifth push would wrap to the top of 4 GB.
    expectFault(target, VECTOR.SS, 0)
    expect(target.cpu.memory.read(0x8, 8)).toBe(0n)
  })

  test('DIV by zero keeps rAX, rDX and the flags', () => {
    const target = program(64, 'div ebx')
    target.cpu.state.gpr[RAX] = 5n
    target.cpu.state.gpr[RDX] = 6n
    writeRflags(target.cpu.state, CF | ZF)
    expectFault(target, VECTOR.DE, -1)
  })

  test('CMPXCHG16B raises #GP when its operand is not 16-byte aligned', () => {
    const target = bench(64)
    // CMPXCHG16B [RBX]
    load(target, [0x48, 0x0f, 0xc7, 0x0b])
    target.cpu.state.gpr[RBX] = BigInt(DATA + 8)
    expectFault(target, VECTOR.GP, 0)
  })
})

describe('repeated strings', () => {
  test('one iteration is one instruction, and rIP moves on after the last', () => {
    const target = program(64, 'rep stosb')
    const { state, memory } = target.cpu
    state.gpr[RCX] = 3n
    state.gpr[RDI] = BigInt(DATA)
    state.gpr[RAX] = 0xabn
    step(target.engine, target.cpu)
    expect([state.gpr[RCX], state.gpr[RDI], state.rip]).toEqual([2n, BigInt(DATA + 1), BigInt(PROGRAM)])
    steps(target, 2)
    expect(state.rip).toBe(BigInt(PROGRAM + 2))
    expect(state.instructions).toBe(3)
    expect(memory.read(DATA, 4)).toBe(0xab_ababn)
  })

  test('with a count of 0 nothing happens', () => {
    const target = program(64, 'rep movsb')
    target.cpu.state.gpr[RSI] = 0x7000_0000_0000n
    step(target.engine, target.cpu)
    expect(target.raised).toEqual([])
    expect(target.cpu.state.rip).toBe(BigInt(PROGRAM + 2))
  })

  test('a fault keeps the iterations that are done', () => {
    const target = program(64, 'std\n rep movsd')
    const { state } = target.cpu
    mapPage(target, DATA, 0n)
    state.gpr[RCX] = 5n
    state.gpr[RSI] = BigInt(DATA + 0x1004)
    state.gpr[RDI] = BigInt(DATA + 0x2004)
    steps(target, 3)
    expect(target.raised).toEqual([])
    expectFault(target, VECTOR.PF, 0, DATA + 0xffc)
    expect([state.gpr[RCX], state.gpr[RDI]]).toEqual([3n, BigInt(DATA + 0x1ffc)])
    expect(readRflags(state) & DF).toBe(DF)
  })
})

describe('addresses', () => {
  test('a 32-bit address size wraps at 4 GB in 64-bit mode', () => {
    const target = program(64, 'mov eax, [ebx+0x30000]')
    target.cpu.state.gpr[RBX] = 0xffff_ffff_ffff_fff0n
    target.cpu.memory.write(DATA - 0x10, 4, 0x1234n)
    step(target.engine, target.cpu)
    expect(target.cpu.state.gpr[RAX]).toBe(0x1234n)
  })

  test('a 16-bit stack pointer wraps to the top of the segment', () => {
    const target = program(16, 'push ax')
    target.cpu.state.gpr[RSP] = 0xabcd_0000n
    target.cpu.state.gpr[RAX] = 0x1234n
    step(target.engine, target.cpu)
    expect(target.cpu.state.gpr[RSP]).toBe(0xabcd_fffen)
    expect(target.cpu.memory.read(0xfffe, 2)).toBe(0x1234n)
  })

  test('a stack access across the limit raises #SS', () => {
    const target = program(16, 'push ax')
    target.cpu.state.gpr[RSP] = 1n
    expectFault(target, VECTOR.SS, 0)
  })

  test('POP counts a memory destination from the RSP after the pop', () => {
    const target = program(64, 'push 5\n push 6\n pop qword [rsp]')
    steps(target, 3)
    expect(target.cpu.memory.read(STACK - 8, 8)).toBe(6n)
  })

  test('an address that is not canonical raises #GP, relative to RSP #SS', () => {
    const target = program(64, 'mov eax, [rbx]')
    target.cpu.state.gpr[RBX] = 0x8000_0000_0000n
    expectFault(target, VECTOR.GP, 0)
    const onStack = program(64, 'mov eax, [rsp]')
    onStack.cpu.state.gpr[RSP] = 0x8000_0000_0000n
    expectFault(onStack, VECTOR.SS, 0)
  })
})

describe('fetch', () => {
  const LAST_BYTES = PROGRAM + 0xffe

  /** A bench at the last two bytes of PROGRAM's page, with a 5-byte MOV EAX, 11223344h there. */
  function acrossPages(): Bench {
    const target = bench(64)
    target.cpu.memory.load(LAST_BYTES, Uint8Array.of(0xb8, 0x44, 0x33, 0x22, 0x11))
    target.cpu.state.rip = BigInt(LAST_BYTES)
    return target
  }

  test('an instruction may cross pages', () => {
    const target = acrossPages()
    step(target.engine, target.cpu)
    expect(target.cpu.state.gpr[RAX]).toBe(0x1122_3344n)
    expect(target.cpu.state.rip).toBe(BigInt(LAST_BYTES + 5))
  })

  test('an instruction whose second page is missing faults with the address of that page', () => {
    const target = acrossPages()
    mapPage(target, PROGRAM + 0x1000, 0n)
    expectFault(target, VECTOR.PF, PF_FETCH, PROGRAM + 0x1000)
  })

  test('a page without permission to execute faults', () => {
    const target = program(64, 'nop')
    mapPage(target, PROGRAM, BigInt(PROGRAM) | PRESENT | NO_EXECUTE)
    expectFault(target, VECTOR.PF, PF_PRESENT | PF_FETCH, PROGRAM)
  })

  test('15 bytes are an instruction, 16 raise #GP', () => {
    const longest = bench(64)
    load(longest, [...new Array<number>(14).fill(0x66), 0x90])
    step(longest.engine, longest.cpu)
    expect(longest.cpu.state.rip).toBe(BigInt(PROGRAM + 15))
    const tooLong = bench(64)
    load(tooLong, [...new Array<number>(15).fill(0x66), 0x90])
    expectFault(tooLong, VECTOR.GP, 0)
  })

  test('bytes beyond the limit of CS raise #GP', () => {
    const target = program(16, 'mov ax, 0x1234')
    target.cpu.state.segments[1].limit = 1
    expectFault(target, VECTOR.GP, 0)
  })

  test('UD2 and an operation that the machine does not have raise #UD', () => {
    expectFault(program(64, 'ud2'), VECTOR.UD, -1)
    expectFault(program(64, 'cpuid'), VECTOR.UD, -1)
  })

  test('an attempt counts, whether it retires or not', () => {
    const target = program(64, 'nop\n ud2')
    steps(target, 2)
    expect(target.cpu.state.instructions).toBe(2)
  })
})

test('VMRUN ends the shadow that the host began with and leaves the one that the guest begins with', () => {
  const enterGuest = ({ state }: Cpu): void => {
    state.guestMode = 1
    state.interruptShadow = 1
  }
  const target = program(64, 'vmrun\n nop', new Map([['vmrun', enterGuest]]))
  const { state } = target.cpu
  state.attention = ATTENTION.shadow
  steps(target, 1)
  expect(state.interruptShadow).toBe(1)
  steps(target, 1)
  expect(state.interruptShadow).toBe(0)
  expect(state.attention).toBe(0)
})
