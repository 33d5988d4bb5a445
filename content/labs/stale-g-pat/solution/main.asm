; Four runs of one guest. Before each, the host writes another
; G_PAT; the guest brings back the low half of what it finds.
%include "svm.inc"
%define KNOWN 0x1fff    ; the bits that the manual defines
        org 0x10000
start:  mov rax, vmcb
        mov rsi, pats
        mov rdi, found
        mov ebx, 4
next:   mov rdx, [rsi]
        mov [rax + VMCB_SAVE_G_PAT], rdx
        mov qword [rax + VMCB_SAVE_RIP], guest
        vmrun
        mov edx, [rax + VMCB_SAVE_RAX]
        mov [rdi], edx
        ; From here on only G_PAT changes:
        mov dword [rax + VMCB_CONTROL_CLEAN_BITS], KNOWN & ~CLEAN_NP
        add rsi, 8
        add rdi, 4
        dec ebx
        jnz next
        hlt

guest:  mov ecx, 0x277
        rdmsr
        vmmcall

        align 8
pats:   dq 0x0606060606060606   ; WB in all slots
        dq 0x0101010101010101   ; WC
        dq 0x0404040404040404   ; WT
        dq 0x0505050505050505   ; WP
found:  times 4 dd 0

        align 4096
vmcb:   resb 4096
