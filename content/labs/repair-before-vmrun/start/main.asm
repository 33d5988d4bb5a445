; guest.vmcb is locked. Mend it from here, before VMRUN reads it.
        %include "svm.inc"

        org 0x10000
start:  mov rax, vmcb
        vmrun
        hlt

guest:  mov eax, 42
        vmmcall

        align 4096
vmcb:   resb 4096
