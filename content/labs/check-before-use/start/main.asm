; L1 runs L2. If VMRUN fails, L1 puts the upper half of G_PAT right and tries again.
%include "svm.inc"
        org 0x10000
start:  mov rbx, vmcb
        mov rax, rbx
        vmrun
        mov rcx, [rbx + VMCB_CONTROL_EXIT_CODE]
        mov [code], rcx
        cmp rcx, -1
        jne done
        mov dword [rbx + VMCB_SAVE_G_PAT + 4], 0x00070406
        mov rax, rbx
        vmrun
done:   hlt

; L2.
guest:  mov ecx, 0x277
        rdmsr
        vmmcall

        align 8
code:   dq 0

        align 4096
vmcb:   resb 4096
