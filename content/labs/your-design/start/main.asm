; L1 and L2 each read PAT, write it, and look at what is left of it.
%include "svm.inc"
        org 0x10000
start:  mov ecx, 0x277
        mov eax, 0x00070404     ; L1: WT in slot 0
        mov edx, 0x00070406
        wrmsr
        mov rbx, vmcb
        mov rax, rbx
        vmrun
        mov ecx, 0x277
        rdmsr
        mov [l1_pat], eax
        mov [l1_pat + 4], edx
        hlt

guest:  mov ecx, 0x277
        rdmsr
        mov [l2_first], eax
        mov [l2_first + 4], edx
        mov eax, 0x06060604     ; L2: WT in slot 0, WB elsewhere
        mov edx, 0x06060606
        wrmsr
        rdmsr
        mov [l2_second], eax
        mov [l2_second + 4], edx
        vmmcall

        align 8
l1_pat: dq 0
l2_first:
        dq 0
l2_second:
        dq 0

        align 4096
vmcb:   resb 4096
