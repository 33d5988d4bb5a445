; L1 injects interrupt 30h into L2. VMRUN fails twice, and each time L1 mends what it knows to be wrong and tries again.
%include "svm.inc"
        org 0x10000
start:  mov eax, interrupt
        mov [gate], ax
        shr eax, 16
        mov [gate + 6], ax
        mov eax, 0x1111
        mov cr2, rax
        lea rbx, [cr2_after]
        lea rdi, [seen]
        mov rax, vmcb
        mov rcx, [wanted]
        mov [rax + VMCB_CONTROL_EVENT_INJ], rcx

again:  vmrun
        mov rcx, [rax + VMCB_CONTROL_EXIT_CODE]
        cmp rcx, VMEXIT_INVALID
        je failed
        cmp rcx, VMEXIT_VMMCALL
        jne done
        mov rcx, [rax + VMCB_SAVE_RAX]          ; what L2 reports: 0 from its program, which is the end
        mov [rdi], rcx
        add rdi, 8
        mov rdx, [rax + VMCB_CONTROL_N_RIP]
        mov [rax + VMCB_SAVE_RIP], rdx
        test rcx, rcx
        jnz again
done:   hlt

failed: mov rdx, cr2
        mov [rbx], rdx
        add rbx, 8
        cmp dword [rax + VMCB_CONTROL_ASID], 0
        jne maps
        mov dword [rax + VMCB_CONTROL_ASID], 1
        jmp retry
maps:   mov qword [rax + VMCB_CONTROL_MSRPM_BASE_PA], msrpm
retry:
%include "retry.asm"
        jmp again

guest:  nop
        xor eax, eax
        vmmcall

interrupt:
        mov eax, 0x30
        vmmcall
        iretq

        align 8
wanted:    dq 0x80000030                        ; type 0, vector 30h
seen:      times 3 dq 0
cr2_after: times 2 dq 0
idt:       times 0x30 * 16 db 0
gate:      dw 0, 8, 0x8e00, 0, 0, 0, 0, 0

        align 4096
vmcb:   resb 4096
msrpm:  resb 8192
