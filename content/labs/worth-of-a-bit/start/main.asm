; L1 executes VMRUN three times: with an illegal G_PAT, without VMRUN's intercept, and with a good VMCB.
%include "svm.inc"
        org 0x10000
start:  mov rax, vmcb
        mov byte [rax + VMCB_SAVE_G_PAT], 2
        vmrun
        mov byte [rax + VMCB_SAVE_G_PAT], 6

        mov byte [rax + VMCB_CONTROL_INTERCEPT_VECTOR_4], 2     ; VMMCALL only
        vmrun
        mov byte [rax + VMCB_CONTROL_INTERCEPT_VECTOR_4], 3     ; VMRUN and VMMCALL

        mov qword [rax + VMCB_SAVE_RIP], third
        vmrun
        mov byte [l1_came_back], 1
        hlt

; L2 would be a hypervisor, too.
guest:  mov rax, vmcb3
        vmrun
        mov byte [l2_went_on], 1
        hlt

third:  vmmcall

l1_came_back: db 0
l2_went_on:   db 0

        align 4096
vmcb:   resb 4096
vmcb3:  resb 4096
