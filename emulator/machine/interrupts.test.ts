import { expect, test } from 'vitest'
import { machineWith } from './machine.fixture.ts'
import type { Machine } from './machine.ts'

/** The local APIC enabled, its timer with vector 40h ready to start, and a handler that counts in RBX. */
function timerProgram(mode: 'one-shot' | 'periodic', body: string): string {
  return `
    mov dword [idt + 40h * 16], (handler & 0FFFFh) | (8 << 16)
    mov dword [idt + 40h * 16 + 4], (handler & 0FFFF0000h) | 8E00h
    lidt [idtr]
    mov ebp, 0FEE00000h
    mov dword [rbp + 0F0h], 1FFh
    mov dword [rbp + 3E0h], 0Bh
    mov dword [rbp + 320h], ${mode === 'periodic' ? '20040h' : '40h'}
    ${body}
  handler:
    inc ebx
    mov dword [rbp + 0B0h], 0
    iretq
  idtr:
    dw 0FFFh
    dq idt
  align 16
  idt:
    times 256 * 16 db 0
  `
}

const HALT_TWICE = timerProgram(
  'one-shot',
  `mov dword [rbp + 380h], 100000
   sti
   hlt
   rdtsc
   cli
   hlt`,
)

const COUNT_IN_A_LOOP = timerProgram(
  'periodic',
  `mov dword [rbp + 380h], 777
   sti
   again: inc rcx
   mov [counter], rcx
   cmp ebx, 50
   jb again
   cli
   hlt
   counter: dq 0`,
)

function end(machine: Machine): { reason: string; digest: string; ticks: bigint } {
  const { reason } = machine.run(1_000_000)
  return { reason, digest: machine.digest(), ticks: machine.inspect().general.rbx }
}

test('HLT sleeps until the timer expires, and time goes on without instructions', () => {
  const machine = machineWith(HALT_TWICE)
  const result = machine.run(1000)
  expect(result.reason).toBe('halted-forever')
  expect(result.instructions).toBeLessThan(30)
  expect(machine.inspect().general.rbx).toBe(1n)
  expect(machine.inspect().general.rax).toBeGreaterThan(1_600_000n)
  expect(machine.inspect().general.rax).toBeLessThan(1_601_000n)
})

test('HLT with interrupts off is for ever, however often the timer expires', () => {
  const machine = machineWith(timerProgram('periodic', 'mov dword [rbp + 380h], 10\ncli\nhlt'))
  expect(machine.run(1000).reason).toBe('halted-forever')
})

test('the timer interrupts at the same instruction in both executors and in slices of any length', () => {
  const whole = machineWith(COUNT_IN_A_LOOP)
  const expected = end(whole)
  expect(expected.reason).toBe('halted-forever')
  expect(expected.ticks).toBe(50n)
  expect(end(machineWith(COUNT_IN_A_LOOP, 'long', { executor: 'evaluate' }))).toEqual(expected)
  for (const slice of [1, 100, 1000]) {
    const machine = machineWith(COUNT_IN_A_LOOP, 'long', { executor: slice === 1 ? 'evaluate' : 'compile' })
    let reason = 'budget'
    while (reason === 'budget') ({ reason } = machine.run(slice))
    expect(machine.digest()).toBe(expected.digest)
  }
})

test('a machine that goes back to before an interrupt takes it again', () => {
  const machine = machineWith(COUNT_IN_A_LOOP)
  const expected = end(machine)
  machine.goTo(5000)
  const ticks = machine.inspect().general.rbx
  expect(ticks).toBeLessThan(10n)
  machine.goTo(4000)
  expect(end(machine)).toEqual(expected)
})

test('the registers of the local APIC move with APIC_BAR and vanish with AE', () => {
  const machine = machineWith(`
    mov esi, 0FEE00030h
    mov edi, 00080030h
    mov r8d, [rsi]
    mov ecx, 1Bh
    rdmsr
    mov ebx, eax
    mov eax, 80900h
    wrmsr
    mov r9d, [rsi]
    mov r10d, [rdi]
    mov eax, 80100h
    wrmsr
    mov r11d, [rdi]
    mov eax, 1
    cpuid
    mov r12d, edx
    mov eax, 0FEE00900h
    xor edx, edx
    mov ecx, 1Bh
    wrmsr
    mov r13d, [rsi]
    cli
    hlt`)
  machine.run(1000)
  const { general: gpr } = machine.inspect()
  const version = 0x0005_0010n
  expect([gpr.r8, gpr.r9, gpr.r10, gpr.r11, gpr.r13]).toEqual([version, 0xffff_ffffn, version, 0n, version])
  expect(gpr.r12 & 0x200n).toBe(0n)
})

test('a restored machine has its local APIC where the saved one had it', () => {
  const source = `
    mov ecx, 1Bh
    mov eax, 80900h
    xor edx, edx
    wrmsr
    mov r8d, [80030h]
    cli
    hlt`
  const machine = machineWith(source)
  machine.run(4)
  const saved = machine.save()
  const other = machineWith(source)
  other.restore(saved)
  other.run(100)
  expect(other.inspect().general.r8).toBe(0x0005_0010n)
})

test.each(['compile', 'evaluate'] as const)(
  'an interrupt between two iterations of a REP pushes RF = 1, one between two instructions RF = 0 (%s)',
  (executor) => {
    const flagsSeenBy = (body: string): bigint => {
      const source = timerProgram('one-shot', body).replace('inc ebx', 'inc ebx\nmov r14, [rsp + 16]')
      const machine = machineWith(source, 'long', { executor })
      expect(machine.run(100_000).reason).toBe('halted-forever')
      expect(machine.inspect().general.rbx).toBe(1n)
      return machine.inspect().general.r14 & 0x1_0000n
    }
    const start = 'mov dword [rbp + 380h], 300\nsti\n'
    expect(flagsSeenBy(`${start}mov edi, 80000h\nmov ecx, 1000\nrep stosb\ncli\nhlt`)).toBe(0x1_0000n)
    expect(flagsSeenBy(`${start}mov ecx, 1000\nagain: dec ecx\njnz again\ncli\nhlt`)).toBe(0n)
  },
)
