; L1. A page of its own, a page of L2's, and a guest that uses VMLOAD.
%include "svm.inc"
        org 0x10000
start:  mov qword [0x200000 + VMCB_SAVE_KERNEL_GS_BASE], 0x1111 ; L1's
        mov qword [0x400000 + VMCB_SAVE_KERNEL_GS_BASE], 0x2222 ; L2's
        mov rax, vmcb
        vmrun
        hlt

%include "l2.asm"
vmcb:   resb 4096
