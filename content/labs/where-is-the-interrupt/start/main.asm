; L1 has an interrupt for L2, vector 40h, and a watchdog of its own, which is an NMI. The watchdog fires while L2 is in a section
; that it has protected against interrupts.
%include "svm.inc"
        org 0x10000
ICR     equ 0xfee00300          ; the interrupt command register of the local APIC

start:  lidt [idtr]
        mov eax, watchdog
        lea rdi, [idt + 2 * 16]
        call gate
        mov eax, handler        ; L2's IDT is at 200000h
        mov edi, 0x200000 + 0x40 * 16
        call gate
        mov eax, foreign
        mov edi, 0x200000 + 2 * 16
        call gate
        mov rax, vmcb
        clgi

again:  vmrun
        mov rcx, [rax + VMCB_CONTROL_EXIT_CODE]
        cmp rcx, VMEXIT_NMI
        je nmi
        cmp rcx, VMEXIT_NPF
        je missing
        hlt                     ; L2 has reported that it is done

%include "exits.asm"

; L1's handler of its NMI.
watchdog:
        inc dword [barks]
        iretq

; L2. Its APIC is L1's; it sends the NMI here for want of a device that could.
guest:  cli                     ; the section begins
        mov edi, ICR
        mov dword [rdi], 0x4400
        nop
        sti                     ; the section ends, behind the next instruction
        nop
behind: nop
        vmmcall

; L2's handlers of vector 40h, and of an NMI that it does not expect.
handler:
        mov rcx, [rsp]
        mov [came_from], rcx
        inc dword [taken]
        iretq
foreign:
        inc dword [stolen]
        iretq

; A gate at RDI that leads to EAX.
gate:   mov [rdi], ax
        mov word [rdi + 2], 8
        mov word [rdi + 4], 0x8e00
        shr eax, 16
        mov [rdi + 6], ax
        ret

barks:  dd 0
taken:  dd 0
stolen: dd 0
        align 8
came_from:
        dq 0
idtr:   dw 3 * 16 - 1
        dq idt
        align 16
idt:    times 3 * 16 db 0

; L1's nested tables: the first 4 MB but for the page with L2's IDT, and the GB with the APIC, mapped to themselves.
        align 4096
tables: dq pointers + 7
        times 511 dq 0
pointers:
        dq directory + 7, 0, 0, 0xc0000087
        times 508 dq 0
directory:
        dq 0x87, 0
        times 510 dq 0
vmcb:   resb 4096
