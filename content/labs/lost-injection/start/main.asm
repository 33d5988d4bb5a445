; L1 injects two events into L2, one after the other. The page with L2's IDT is missing from L1's nested tables each time, and
; again when the handler has reported: L2's program reads a word of that page.
%include "svm.inc"
        org 0x10000
start:  call make_idt
        lea rbx, [events]
        lea rdi, [seen]
        mov rax, vmcb
next:   mov rcx, [rbx]                          ; the next event, 0 after the last
        add rbx, 8
        test rcx, rcx
        jz done
        mov [rax + VMCB_CONTROL_EVENT_INJ], rcx
        mov qword [rax + VMCB_SAVE_RIP], guest

absent: mov qword [directory + 8], 0            ; the page with the IDT is gone
        mov byte [rax + VMCB_CONTROL_TLB_CONTROL], 3

again:  vmrun
        mov rcx, [rax + VMCB_CONTROL_EXIT_CODE]
        cmp rcx, VMEXIT_NPF
        je missing
        cmp rcx, VMEXIT_VMMCALL
        jne done
        mov rcx, [rax + VMCB_SAVE_RAX]          ; what L2 reports: 0 when it is back in its program
        mov [rdi], rcx
        add rdi, 8
        mov rdx, [rax + VMCB_CONTROL_N_RIP]
        mov [rax + VMCB_SAVE_RIP], rdx
        test rcx, rcx
        jnz absent
        jmp next

missing:
        mov qword [directory + 8], 0x200087     ; present, writable, user, 2 MB
%include "missing.asm"
        jmp again

done:   hlt

; L2: a program that reads the page with the IDT, and a handler for either event.
guest:  mov ecx, [0x200000]
        xor eax, eax
        vmmcall

interrupt:
        mov eax, 0x30
        vmmcall
        iretq

protection:
        pop rax                                 ; the error code
        vmmcall
        iretq

; Gates for vectors 30h and 13 in the IDT at 200000h.
make_idt:
        mov eax, interrupt
        mov edi, 0x200000 + 0x30 * 16
        call gate
        mov eax, protection
        mov edi, 0x200000 + 13 * 16
gate:   mov [rdi], ax
        mov word [rdi + 2], 8
        mov word [rdi + 4], 0x8e00
        shr eax, 16
        mov [rdi + 6], ax
        ret

; Type 0, vector 30h; type 3, vector 13 with error code 1234h.
events: dq 0x80000030, 0x123480000b0d, 0
seen:   times 4 dq 0

; L1's nested tables: two pages of 2 MB, mapped to themselves. The second one comes and goes.
        align 4096
tables: dq tables + 0x1000 + 7
        times 511 dq 0
        dq directory + 7
        times 511 dq 0
directory:
        dq 0x87, 0
        times 510 dq 0
vmcb:   resb 4096
