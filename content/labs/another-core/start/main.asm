; One guest on two cores: twice on core 0, then on core 1, then on
; core 0 again. The host edits nothing but RIP.
%include "svm.inc"
        org 0x10000
start:  mov qword [0x200000], 0x1111
        mov qword [0x400000], 0x2222
        xor edi, edi
        call run                ; the guest reads address 200000h
        mov [found], rdx
        xor edi, edi
        call run                ; and again
        mov [found + 8], rdx

        mov eax, 0xfee00000     ; STARTUP to the other core, at 11000h
        mov dword [rax + 0x300], 0xc4611
other:  pause
        cmp dword [done], 1
        jne other

        xor edi, edi
        call run                ; and reads it through its own tables
        mov [found + 16], rdx
        hlt

; Core 1 comes here.
second_core:
        mov edi, 1
        call run                ; the guest loads CR3 with other tables
        mov dword [done], 1
        hlt

; Runs the guest on this core, whose number is in EDI; RDX is what
; the guest brings back. Its last stay on this core may have left
; translations in the TLB, so they are flushed.
run:    mov rax, vmcb
        mov byte [rax + VMCB_CONTROL_TLB_CONTROL], 3
        vmrun
        mov dword [rax + VMCB_CONTROL_CLEAN_BITS], 0x1fff
        mov rcx, [rax + VMCB_CONTROL_N_RIP]
        mov [rax + VMCB_SAVE_RIP], rcx
        mov rdx, [rax + VMCB_SAVE_RAX]
        ret

guest:  mov rax, [0x200000]
        vmmcall
        mov rax, [0x200000]
        vmmcall
        mov eax, tables
        mov cr3, rax
        vmmcall
        mov rax, [0x200000]
        vmmcall

        align 8
found:  times 3 dq 0
done:   dd 0

%include "core1.asm"

; The guest's own tables: the second 2 MB are at 400000h.
        align 4096
tables: dq pdpt + 7
        times 511 dq 0
pdpt:   dq pd + 7
        times 511 dq 0
pd:     dq 0x000087, 0x400087
        times 510 dq 0
vmcb:   resb 4096
