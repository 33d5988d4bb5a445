; L1 gives L2 no nested paging: the two share a PAT, and L2 changes it.
        org 0x10000
start:  mov rax, vmcb
        vmrun
        mov ecx, 0x277
        rdmsr
        mov [l1_pat], eax
        mov [l1_pat + 4], edx
        hlt

guest:  mov ecx, 0x277
        mov eax, 0x00070404     ; WT in slot 0
        mov edx, 0x00070406
        wrmsr
        vmmcall

        align 8
l1_pat: dq 0

        align 4096
vmcb:   resb 4096
