; L1 runs L2, changes four things in vmcb12, and runs it again. Each time L2 brings back what it finds.
%include "svm.inc"
        org 0x10000
start:  mov rax, vmcb
        vmrun

        mov qword [rax + VMCB_SAVE_CR2], 0x2222
        mov qword [rax + VMCB_SAVE_DR7], 0x403
        mov qword [rax + VMCB_SAVE_IDTR_BASE], 0x30000
        mov byte [rax + VMCB_SAVE_G_PAT], 0     ; PA0 is UC
        mov qword [rax + VMCB_SAVE_RIP], guest
%include "clean.asm"
        vmrun

        mov [found], rbx
        mov [found + 8], rbp
        mov [found + 16], rsi
        mov [found + 24], rdi
        hlt

guest:  mov rbx, cr2
        mov rbp, dr7
        sidt [table]
        mov rsi, [table + 2]
        mov ecx, 0x277
        rdmsr
        mov edi, eax
        vmmcall

        align 8
found:  times 4 dq 0
table:  dw 0
        dq 0

        align 4096
vmcb:   resb 4096
