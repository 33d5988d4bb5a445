; L1 and L2 each write their PAT. L0 executes L2's WRMSR, and then its user moves the vCPU.
        org 0x10000
start:  mov ecx, 0x277
        mov eax, 0x00070404
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
        mov eax, 0x06060604
        mov edx, 0x06060606
        wrmsr
        rdmsr                   ; what is left of it after the move
        vmmcall

        align 8
l1_pat: dq 0

        align 4096
vmcb:   resb 4096
