; L1, on its first processor. What the second one stores is in store.asm.
%include "svm.inc"
%include "store.asm"
        org 0x10000
start:  mov rax, vmcb
        vmrun
        hlt

guest:  vmmcall

        align 4096
vmcb:   resb 4096
