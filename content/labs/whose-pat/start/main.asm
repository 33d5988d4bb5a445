; L1 and L2 have a PAT each. The user of L0 moves the vCPU after L2 has written its own.
        org 0x10000
start:  mov ecx, 0x277
        mov eax, 0x00070404     ; L1: WT in slot 0
        mov edx, 0x00070406
        wrmsr
        mov rax, vmcb
        vmrun
        mov ecx, 0x277
        rdmsr
        mov [l1_pat], eax
        mov [l1_pat + 4], edx
        hlt

guest:  mov ecx, 0x277
        mov eax, 0x06060604     ; L2: WT in slot 0, WB elsewhere
        mov edx, 0x06060606
        wrmsr                   ; the vCPU is moved here
        rdmsr
        mov [l2_pat], eax
        mov [l2_pat + 4], edx
        vmmcall

        align 8
l1_pat: dq 0
l2_pat: dq 0

        align 4096
vmcb:   resb 4096
