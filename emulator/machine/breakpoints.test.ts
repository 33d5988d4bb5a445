/** Breakpoints of the debug registers, in programs (APM vol 2 §13.1.1, §13.1.3; rFLAGS.RF §3.1.6). */
import { describe, expect, test } from 'vitest'
import type { Machine } from './machine.ts'
import { machineWith } from './machine.fixture.ts'

/** DR7: breakpoint 0, global, and its R/W and LEN fields. */
const ON = 2
const WRITE = 1 << 16
const IO = 2 << 16
const READ_WRITE = 3 << 16
const BYTES_4 = 3 << 18
const BYTES_8 = 2 << 18

/**
 * A program whose #DB handler counts in EBX, keeps DR6 in R12 and what it returns to in R13, and clears DR6. `watched` is a
 * doubleword on a page of its own.
 */
function watching(body: string, dr7: number, address = 'watched'): string {
  return `
    lidt [table]
    mov rax, ${address}
    mov dr0, rax
    mov eax, ${dr7}
    mov dr7, rax
    xor eax, eax
    ${body}
    hlt
  handler:
    inc ebx
    mov r12, dr6
    mov r13, [rsp]
    mov r14, [rsp + 16]
    push rax
    xor eax, eax
    mov dr6, rax
    pop rax
    iretq
    align 16
  idt:
    dq 0, 0
    dw handler - 10000h, 8, 8e00h, 1
    dq 0
  table: dw 31
    dq idt
    align 4096
  watched: dq 0, 0`
}

function run(source: string, executor: 'compile' | 'evaluate' = 'compile'): Machine {
  const machine = machineWith(source, 'long', { executor })
  expect(machine.run(20_000).reason).toBe('halted-forever')
  return machine
}

/** How often the handler ran, and the DR6 that it saw last. */
function hits(body: string, dr7: number, address?: string): { count: bigint; causes: bigint } {
  const { rbx, r12 } = run(watching(body, dr7, address)).inspect().general
  return { count: rbx, causes: r12 & 0xe00fn }
}

test('a breakpoint on a repeated instruction hits once, not before each iteration', () => {
  const machine = machineWith(`
    lidt [table]
    mov eax, repeated
    mov dr0, rax
    mov eax, 1
    mov dr7, rax
    mov edi, 20000h
    mov ecx, 5
  repeated:
    rep stosb
    nop
    hlt
  handler:
    inc ebx
    or dword [rsp + 16], 10000h
    iretq
    align 16
  idt:
    dq 0, 0
    dw handler - 10000h, 8, 8e00h, 1
    dq 0
  table: dw 31
    dq idt`)
  expect(machine.run(1000).reason).toBe('halted-forever')
  expect(machine.inspect().general).toMatchObject({ rbx: 1n, rcx: 0n, rdi: 0x2_0005n })
})

describe('a breakpoint on data', () => {
  test.each([
    ['a store to a watched byte', 'mov [watched], al', ON | WRITE, 1n],
    ['a load, with R/W = 1', 'mov al, [watched]', ON | WRITE, 0n],
    ['a load, with R/W = 3', 'mov al, [watched]', ON | READ_WRITE, 1n],
    ['a read-modify-write, once', 'inc dword [watched]', ON | READ_WRITE, 1n],
    ['a store beside it', 'mov [watched + 1], al', ON | WRITE, 0n],
    ['a store that ends in it', 'mov [watched - 3], eax', ON | WRITE, 1n],
    ['a store that ends before it', 'mov [watched - 4], eax', ON | WRITE, 0n],
    ['the last of four bytes', 'mov [watched + 3], al', ON | WRITE | BYTES_4, 1n],
    ['the byte behind four', 'mov [watched + 4], al', ON | WRITE | BYTES_4, 0n],
    ['the last of eight bytes', 'mov [watched + 7], al', ON | WRITE | BYTES_8, 1n],
    ['a push', 'mov rsp, watched + 8\npush rax\nmov rsp, 10000h', ON | WRITE, 1n],
    ['the operand of a system instruction', 'smsw [watched]', ON | WRITE, 1n],
    ['a store while it is disabled', 'mov [watched], al', WRITE, 0n],
  ])('%s', (_, body, dr7, count) => {
    expect(hits(body, dr7).count).toBe(count)
  })

  test('traps behind the instruction, with RF = 0', () => {
    const { general } = run(watching('mov [watched], al\nbehind: nop\nmov r15, behind', ON | WRITE)).inspect()
    expect(general.r13).toBe(general.r15)
    expect(general.r14 & 0x1_0000n).toBe(0n)
  })

  test('LEN makes low bits of the address meaningless', () => {
    expect(hits('mov [watched], al', ON | WRITE | BYTES_4, 'watched + 2').count).toBe(1n)
  })

  test('is one #DB with the single step of the same instruction', () => {
    const step =
      'pushfq\nor dword [rsp], 100h\npopfq\nmov [watched], al\npushfq\nand dword [rsp], ~100h\npopfq'
    const machine = machineWith(watching(step, ON | WRITE), 'long')
    const seen: bigint[] = []
    for (let i = 0; i < 200; i++) {
      machine.step()
      const { r12 } = machine.inspect().general
      if (r12 !== 0n && seen.at(-1) !== (r12 & 0xe00fn)) seen.push(r12 & 0xe00fn)
    }
    expect(seen).toEqual([0x4001n, 0x4000n])
  })

  test('traps after each iteration of a REP that touches it, with RF = 1 until the last', () => {
    const fill = (count: number) => `mov edi, watched - 8\nmov ecx, ${count}\nrep stosd\nnop`
    const inside = run(watching(fill(6), ON | WRITE | BYTES_8)).inspect().general
    expect(inside.rbx).toBe(2n)
    expect(inside.rdi).toBe(run(watching(fill(6), 0)).inspect().general.rdi)
    expect(inside.r14 & 0x1_0000n).toBe(0x1_0000n)
    const last = run(watching(fill(3), ON | WRITE | BYTES_4)).inspect().general
    expect(last.rbx).toBe(1n)
    expect(last.r14 & 0x1_0000n).toBe(0n)
  })

  test('waits behind the instruction after a load of SS', () => {
    const body = 'mov word [watched], 10h\nmov ss, [watched]\nnop\nbehind: nop\nmov r15, behind'
    const { general } = run(watching(body, ON | READ_WRITE)).inspect()
    expect(general.rbx).toBe(2n)
    expect(general.r13).toBe(general.r15)
  })

  test('is forgotten when the instruction faults after the access', () => {
    // The load of MOVS hits, the store to an address that is not canonical faults: #GP is the end of the run.
    const machine = machineWith(
      watching('mov rsi, watched\nmov rdi, 8000000000000000h\nmovsb', ON | READ_WRITE),
    )
    expect(machine.run(1000).reason).toBe('shutdown')
    expect(machine.inspect().general.rbx).toBe(0n)
  })

  test('hits in a compiled loop, which goes on as without it, and both executors agree', () => {
    const loop =
      'mov ecx, 500\nagain: add [watched + 4], ecx\ntest ecx, 63\njnz skip\nmov [watched], ecx\nskip: dec ecx\njnz again'
    const [compiled, evaluated] = (['compile', 'evaluate'] as const).map((executor) =>
      run(watching(loop, ON | WRITE | BYTES_4), executor),
    )
    expect(compiled.inspect().general.rbx).toBe(7n)
    expect(compiled.digest()).toBe(evaluated.digest())
  })
})

describe('a breakpoint on a port', () => {
  const enable = 'mov rax, cr4\nor eax, 8\nmov cr4, rax'

  test.each([
    ['needs CR4.DE', 'in al, 80h', 0n],
    ['hits IN', `${enable}\nin al, 80h`, 1n],
    ['hits a wider OUT that touches it', `${enable}\nmov dx, 7fh\nout dx, ax`, 1n],
    ['does not hit data at its number', `${enable}\nmov al, [80h]`, 0n],
  ])('%s', (_, body, count) => {
    expect(hits(body, ON | IO, '80h').count).toBe(count)
  })
})

describe('DebugCtl.BTF', () => {
  test('traps after a taken branch instead of after each instruction, and is cleared by the #DB', () => {
    const body = `
      mov ecx, 1d9h
      mov eax, 2
      xor edx, edx
      wrmsr
      pushfq
      or dword [rsp], 100h
      popfq
      nop
      cmp eax, eax
      jne never
      jmp there
    never: nop
    there:`
    const stop = '\nmov rdi, rbx\npushfq\nand dword [rsp], ~100h\npopfq\nmov ecx, 1d9h\nrdmsr\nmov r15, there'
    const machine = machineWith(watching(body + stop, 0))
    let first: bigint | undefined
    for (let i = 0; i < 60 && first === undefined; i++) {
      machine.step()
      const { rbx, r13 } = machine.inspect().general
      if (rbx === 1n && r13 !== 0n) first = r13
    }
    expect(machine.run(1000).reason).toBe('halted-forever')
    const { general } = machine.inspect()
    expect(first).toBe(general.r15)
    expect(general.rax).toBe(0n)
  })
})
