; L1 gives itself a PAT and enters L2 twice. Both look at PAT on their way, and L2 writes it.
%include "svm.inc"
        org 0x10000
start:  mov ecx, 0x277
        mov eax, 0x00070106     ; L1: WB in slot 0, WC in slot 1
        mov edx, 0x00070406
        wrmsr
        mov rbx, vmcb
        mov rax, rbx
        vmrun
        mov rcx, [rbx + VMCB_CONTROL_N_RIP]
        mov [rbx + VMCB_SAVE_RIP], rcx
        mov rax, rbx
        vmrun
        mov ecx, 0x277
        rdmsr
        mov rcx, cr3            ; so that L1's pages get their types anew
        mov cr3, rcx
        mov [l1_pat], eax
        mov [l1_pat + 4], edx
        hlt

; L2.
guest:  mov ecx, 0x277
        rdmsr
        mov [l2_first], eax
        mov [l2_first + 4], edx
        mov eax, 0x06060604     ; L2: WT in slot 0
        mov edx, 0x06060606
        wrmsr
        vmmcall
        mov ecx, 0x277          ; the second VMRUN begins here
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
