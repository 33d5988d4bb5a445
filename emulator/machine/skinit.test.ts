import { expect, test } from 'vitest'
import { assemble } from '../isa/assembler/assemble.ts'
import { EXIT } from '../state/exit-codes.ts'
import { runGuest } from './guest.fixture.ts'
import { machineWith } from './machine.fixture.ts'
import type { Machine, MachineOptions } from './machine.ts'

const SLB = 0x5_0000

/** A secure loader block whose code begins at offset 40h. */
function loadSecureLoader(machine: Machine, code: string): void {
  const text = `bits 32\norg ${SLB}\n    dw 40h, 100h\n    times 3Ch db 0\n${code}`
  const program = assemble({ files: new Map([['slb.asm', text]]), entry: 'slb.asm' })
  expect(program.diagnostics).toEqual([])
  machine.load(SLB, program.bytes)
}

function withLoader(source: string, loader: string, options: Partial<MachineOptions> = {}): Machine {
  const machine = machineWith(source, 'long', options)
  loadSecureLoader(machine, loader)
  return machine
}

const START = `
    mov rbx, -1
    mov rax, 0FFFFFFFF00051234h
    skinit`

test('SKINIT starts the loader in flat 32-bit mode with its stack at the end of the SLB', () => {
  const machine = withLoader(
    START,
    `    mov ecx, cs
    push ss
    pop esi
    mov edi, cr0
    hlt`,
  )
  expect(machine.run(100).reason).toBe('halted-forever')
  const { general } = machine.inspect()
  expect([general.rax, general.rsp, general.rbx]).toEqual([BigInt(SLB), BigInt(SLB + 0x1_0000), 0n])
  expect([general.rcx, general.rsi]).toEqual([0x08n, 0x10n])
  // PE and ET; paging is off.
  expect(general.rdi & 0x8000_0011n).toBe(0x11n)
  expect(general.rdx).toBe(0xa0_0f11n)
})

test('SKINIT clears EFER, sets DPD, R_INIT and DIS_A20M in VM_CR, and keeps the other MSRs', () => {
  const machine = withLoader(
    `    mov ecx, 0C0000082h
    mov eax, 1234h
    xor edx, edx
    wrmsr
    ${START}`,
    `    mov ecx, 0C0000080h
    rdmsr
    mov ebx, eax
    mov ecx, 0C0010114h
    rdmsr
    mov esi, eax
    mov ecx, 0C0000082h
    rdmsr
    hlt`,
  )
  machine.run(100)
  const { general } = machine.inspect()
  expect([general.rbx, general.rsi, general.rax]).toEqual([0n, 7n, 0x1234n])
})

test('SKINIT clears GIF: an SMI waits until the loader sets it, which needs no EFER.SVME', () => {
  const machine = withLoader(
    START,
    `    out 0B2h, al
    stgi
    hlt`,
  )
  const handler = assemble({ files: new Map([['h', 'bits 16\n inc byte [cs:0]\n rsm']]), entry: 'h' })
  machine.load(0x3_8000, handler.bytes)
  expect(machine.run(100).reason).toBe('halted-forever')
  expect(machine.readMemory(0x3_0000, 1)[0]).toBe(1)
  const held = withLoader(START, '    out 0B2h, al\n    hlt')
  held.load(0x3_8000, handler.bytes)
  held.run(100)
  expect(held.readMemory(0x3_0000, 1)[0]).toBe(0)
})

test('SKINIT works with EFER.SVME = 0 and is undefined on a processor without it', () => {
  const noSvme = `
    mov ecx, 0C0000080h
    rdmsr
    and ah, 0EFh
    wrmsr
    ${START}`
  expect(withLoader(noSvme, '    hlt').run(100).reason).toBe('halted-forever')
  const absent = withLoader(START, '    hlt', { cpu: 'default,-skinit' }).run(100)
  expect(absent.reason === 'shutdown' && absent.exceptions[0].vector).toBe(6)
})

test('a guest that executes SKINIT exits before anything happens', () => {
  const { exits, field } = runGuest(
    `    mov eax, ${SLB}
    skinit`,
    { 'control.intercept_vector_4': 0x43n },
  )
  expect(exits.map(({ code }) => code)).toEqual([BigInt(EXIT.SKINIT)])
  expect(field('save.cr0')).toBe(0x8000_0031n)
})

test('a guest at CPL 3 gets #GP, not the exit', () => {
  const { exits } = runGuest('    skinit', {
    'control.intercept_vector_4': 0x43n,
    'control.intercept_vector_2': 1n << 13n,
    'save.cpl': 3n,
    'save.cs.attrib': 0xafbn,
    'save.ss.attrib': 0xcf3n,
  })
  expect(exits.map(({ code }) => code)).toEqual([BigInt(EXIT.EXCEPTION_0 + 13)])
})

test('processors that are started after SKINIT begin with GIF = 0 and VM_CR as SKINIT sets it', () => {
  const machine = withLoader(
    START,
    // rBP goes with SS; the loader has no usable DS.
    `    mov ebp, 0FEE00000h
    mov dword [ebp + 0F0h], 1FFh
    mov dword [ebp + 310h], 1000000h
    mov dword [ebp + 300h], 4500h
    mov dword [ebp + 300h], 4612h
    mov ecx, 2000
    loop $
    mov dword [ebp + 300h], 4200h
    mov ecx, 2000
    loop $
    hlt`,
    { cpus: 2 },
  )
  const started = assemble({
    files: new Map([
      [
        'ap',
        `bits 16
    mov ecx, 0C0010114h
    rdmsr
    mov [600h], al
  again:
    jmp again`,
      ],
    ]),
    entry: 'ap',
  })
  machine.load(0x1_2000, started.bytes)
  const handler = assemble({ files: new Map([['h', 'bits 16\n inc byte [601h]\n rsm']]), entry: 'h' })
  machine.load(0x3_8200, handler.bytes)
  machine.run(50_000)
  expect([...machine.readMemory(0x600, 2)]).toEqual([7, 0])
})
