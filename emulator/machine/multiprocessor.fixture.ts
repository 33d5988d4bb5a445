/** Test set-up: programs for several processors. Processor 0 begins in 64-bit mode and brings the others there. */
import { machineWith } from './machine.fixture.ts'
import type { Machine, MachineOptions } from './machine.ts'

/** Sends INIT and STARTUP to all other processors, which begin at 11000h. RDI is the APIC's address from then on. */
export const START_OTHERS = `
    mov edi, 0fee00000h
    mov dword [rdi + 300h], 0c4500h
    mov dword [rdi + 300h], 0c4611h`

/** From real mode to 64-bit mode with the tables of the start state; EBX is then the processor's number. */
const TRAMPOLINE = `
  bits 16
  trampoline:
    lgdt [cs:gdtr - trampoline]
    mov eax, 20h
    mov cr4, eax
    mov eax, 1000h
    mov cr3, eax
    mov ecx, 0c0000080h
    mov eax, 1100h
    xor edx, edx
    wrmsr
    mov eax, 80000011h
    mov cr0, eax
    jmp dword 8:other
  gdtr:
    dw 1fh
    dd 7000h
  bits 64
  other:
    mov ax, 10h
    mov ds, ax
    mov ss, ax
    mov eax, 1
    cpuid
    shr ebx, 24
    mov edi, 0fee00000h
    mov esp, ebx
    shl esp, 12
    add esp, 60000h`

/**
 * A machine in which processor 0 executes `first` at 10000h. Those that it starts execute `others`, with their number in EBX, the
 * APIC's address in RDI and a stack of their own. Three processors unless `options` say otherwise.
 */
export function multiprocessor(
  first: string,
  others: string,
  options: Partial<MachineOptions> = {},
): Machine {
  const source = `${first}\n times 1000h - ($ - $$) db 0\n${TRAMPOLINE}\n${others}`
  return machineWith(source, 'long', { cpus: 3, ...options })
}
