/** Instruction breakpoints of the debug registers, in programs (APM vol 2 §13.1.3, rFLAGS.RF §3.1.6). */
import { expect, test } from 'vitest'
import { machineWith } from './machine.fixture.ts'

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
