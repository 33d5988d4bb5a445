; guest.vmcb is locked. Mend it from here, before VMRUN reads it.
        %include "svm.inc"

        org 0x10000
start:  mov rax, vmcb
        mov dword [rax + VMCB_CONTROL_ASID], 1
        mov dword [rax + VMCB_SAVE_DR7 + 4], 0
        vmrun
        hlt

guest:  mov eax, 42
        vmmcall

        align 4096
vmcb:   resb 4096
