/** Both executors on the same programs: what a guest cannot tell apart. */
import { describe, expect, test } from 'vitest'
import { machineWith } from './machine.fixture.ts'
import type { Executor } from './machine.ts'
import type { StartKind } from './start.ts'

const EXECUTORS: readonly Executor[] = ['evaluate', 'compile']

function digests(source: string, kind: StartKind = 'long'): string[] {
  return EXECUTORS.map((executor) => {
    const machine = machineWith(source, kind, { executor })
    expect(machine.run(10_000).reason).toBe('halted-forever')
    return machine.digest()
  })
}

describe('a loop over a page border', () => {
  test.each(['loop', 'loope', 'loopne', 'dec ecx\n jnz'])('%s', (branch) => {
    const [evaluated, compiled] = digests(`
      mov ecx, 500
      jmp top
      times 0ff8h - ($ - $$) db 90h
    top:
      inc ebx
      times 1004h - ($ - $$) db 90h
      cmp ${branch === 'loope' ? 'ebx, ebx' : 'ebx, 7fffffffh'}
      ${branch} top
      hlt`)
    expect(compiled).toBe(evaluated)
  })
})

test('an access that crosses 4 GiB wraps to 0 outside 64-bit mode', () => {
  // The boot ROM ends at 4 GiB; FS, with a base, reads its last two bytes and the first two of RAM.
  const source = `
    mov dword [0], 44332211h
    mov word [0ffffeh], 0bbaah
    mov dword [gdt + 18h], 0fff0ffffh
    mov dword [gdt + 1ch], 0ffcf93ffh
    mov ax, 18h
    mov fs, ax
    mov ecx, 200
  again:
    mov eax, [fs:0eh]
    loop again
    hlt
    gdt equ 7000h`
  const machines = EXECUTORS.map((executor) => {
    const machine = machineWith(source, 'protected', { executor })
    machine.run(10_000)
    return machine
  })
  expect(machines.map((machine) => machine.inspect().general.rax)).toEqual([0x2211_bbaan, 0x2211_bbaan])
})

test('an address that becomes non-canonical in hot code raises #GP', () => {
  const source = `
    mov rbx, 11000h
    mov rdi, 0001000000000000h
    mov ecx, 400
  again:
    mov rax, [rbx]
    inc edx
    cmp ecx, 20
    jne next
    add rbx, rdi
  next:
    loop again
    hlt`
  for (const executor of EXECUTORS) {
    const machine = machineWith(source, 'long', { executor })
    expect(machine.run(10_000)).toMatchObject({ reason: 'shutdown', exceptions: [{ vector: 13 }, {}, {}] })
    expect(machine.inspect().general.rdx).toBe(381n)
  }
})
