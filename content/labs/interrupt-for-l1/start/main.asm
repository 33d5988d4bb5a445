; L1 wants L2's processor back after 2000 instructions. Its timer is set; L2 runs with interrupts off.
%include "svm.inc"
        org 0x10000
APIC    equ 0xfee00000
start:  lidt [idtr]
        mov eax, tick
        mov [gate], ax
        shr eax, 16
        mov [gate + 6], ax
        mov edi, APIC
        mov dword [rdi + 0xf0], 0x1ff           ; APIC on
        mov dword [rdi + 0x3e0], 0xb            ; divide by 1
        mov dword [rdi + 0x320], 0x30           ; one shot, vector 30h
        mov dword [rdi + 0x380], 2000
        mov rax, vmcb
%include "around.asm"
        hlt

tick:   inc dword [ticks]
        mov edi, APIC
        mov dword [rdi + 0xb0], 0               ; EOI
        iretq

; L2 never gives the processor back by itself.
guest:  cli
        jmp $

ticks:  dd 0
        align 8
idt:    times 0x30 * 16 db 0
gate:   dw 0, 8, 0x8e00, 0, 0, 0, 0, 0
idtr:   dw 0x31 * 16 - 1
        dq idt

        align 4096
vmcb:   resb 4096
