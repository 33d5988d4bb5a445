import { expect, test } from 'vitest'
import { machineWith } from './machine.fixture.ts'
import { START } from './start.ts'

/** Offsets from the start of the program, of LastBranchFromIP, LastBranchToIP, LastIntFromIP and LastIntToIP. */
function recordedBy(body: string, executor: 'compile' | 'evaluate' = 'compile'): bigint[] {
  const machine = machineWith(
    `
    mov ecx, 1D9h
    mov eax, 1
    xor edx, edx
    wrmsr
    mov ebx, 3
    nop
    ${body}
  done:
    mov ecx, 1D9h
    xor eax, eax
    wrmsr
    mov ecx, 1DBh
    rdmsr
    mov r8, rax
    inc ecx
    rdmsr
    mov r9, rax
    inc ecx
    rdmsr
    mov r10, rax
    inc ecx
    rdmsr
    mov r11, rax
    cli
    hlt
  align 16
  idtr:
    dw 0FFFh
    dq 80000h
  `,
    'long',
    { executor },
  )
  machine.run(1000)
  const { r8, r9, r10, r11 } = machine.inspect().general
  return [r8, r9, r10, r11].map((address) => (address === 0n ? 0n : address - BigInt(START.program)))
}

/** Length of the instructions before `body`. */
const BODY = 5n + 5n + 2n + 2n + 5n + 1n

test('the latest taken branch is recorded, and one that is not taken is not', () => {
  const loop = `again: dec ebx
    jnz again
    test ebx, ebx
    jnz again`
  for (const executor of ['compile', 'evaluate'] as const)
    expect(recordedBy(loop, executor)).toEqual([BODY + 2n, BODY, 0n, 0n])
})

test('a repeated string instruction is no branch', () => {
  expect(recordedBy('mov edi, 70000h\nmov ecx, 5\nrep stosb')).toEqual([0n, 0n, 0n, 0n])
})

test('an exception is recorded, and the branch before it is kept apart', () => {
  const recorded = recordedBy(`lidt [idtr]
    mov dword [80060h], (handler & 0FFFFh) | (8 << 16)
    mov dword [80064h], 8E00h | (handler & 0FFFF0000h)
    jmp fault
    nop
  fault: ud2
  handler: nop`)
  const [from, to, intFrom, intTo] = recorded
  expect(to - from).toBe(2n)
  expect(intTo).toBe(from)
  expect(intFrom).toBe(from - 3n)
})
