; L1. What its other processor stores meanwhile is in the list of races.
        org 0x10000
start:  mov rax, vmcb
        vmrun
        hlt

guest:  nop
        mov eax, 42
        vmmcall

        align 4096
vmcb:   resb 4096
