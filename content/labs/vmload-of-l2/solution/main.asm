; L1. A page of its own, a page of L2's, and a guest that uses VMLOAD.
%include "svm.inc"
        org 0x10000
start:  mov qword [0x200000 + VMCB_SAVE_KERNEL_GS_BASE], 0x1111 ; L1's
        mov qword [0x400000 + VMCB_SAVE_KERNEL_GS_BASE], 0x2222 ; L2's
again:  mov rax, vmcb
        vmrun
        cmp qword [rax + VMCB_CONTROL_EXIT_CODE], VMEXIT_VMLOAD
        jne done

        ; L2's rAX is an address of L2. Where is that in L1's memory?
        mov rdx, [rax + VMCB_SAVE_RAX]
        cmp rdx, 0x400000
        jae done                ; nowhere: L2 does not go on
        mov rsi, rdx
        shr rsi, 21
        mov rsi, [pd + rsi * 8]
        and rsi, ~0x1fffff
        and edx, 0x1fffff
        lea rax, [rsi + rdx]
        vmload                  ; VMRUN leaves this state alone

        mov rax, vmcb
        mov rdx, [rax + VMCB_CONTROL_N_RIP]
        mov [rax + VMCB_SAVE_RIP], rdx
        jmp again
done:   hlt

%include "l2.asm"
vmcb:   resb 4096
