; L1. What its other vCPU stores meanwhile is in the list of races.
        org 0x10000
start:  mov rax, vmcb
        vmrun
        hlt

; L2 brings the low half of its PAT back.
guest:  mov ecx, 0x277
        rdmsr
        vmmcall

        align 4096
vmcb:   resb 4096
