; L1 notes EXITCODE and EXITINFO1 of each exit that it gets, and lets
; L2 go on behind the instruction, until VMMCALL. What L2 has in its
; registers is left alone.
%include "svm.inc"
        org 0x10000
start:  mov rax, vmcb
        mov rdi, log
        or byte [msrpm + 0x820], 0x20   ; LSTAR, the write
        or byte [iopm + 0x10], 1        ; port 80h

next:   vmrun
        mov rbx, [rax + VMCB_CONTROL_EXIT_CODE]
        mov [rdi], rbx
        add rdi, 16
        cmp ebx, VMEXIT_VMMCALL
        je done
        cmp ebx, VMEXIT_CPUID
        je skip                 ; it has no EXITINFO1
        mov rsi, [rax + VMCB_CONTROL_EXIT_INFO_1]
        mov [rdi - 8], rsi
skip:   mov rsi, [rax + VMCB_CONTROL_N_RIP]
        mov [rax + VMCB_SAVE_RIP], rsi
        jmp next
done:   hlt

%include "l2.asm"

        align 16
log:    times 32 dq 0

        align 4096
msrpm:  resb 2 * 4096
iopm:   resb 3 * 4096
vmcb:   resb 4096
page:   resb 4096
