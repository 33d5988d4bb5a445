; A hypervisor: it enters its guest, and answers each VMMCALL until the guest has had enough.
%include "svm.inc"
        org 0x10000
start:  mov rax, vmcb           ; VMRUN takes the VMCB's physical address in RAX
again:  vmrun
        ; #VMEXIT continues here. RAX is the host's again; the guest's is in the VMCB.
        cmp qword [rax + VMCB_CONTROL_EXIT_CODE], VMEXIT_VMMCALL
        jne done
        mov rcx, [rax + VMCB_SAVE_RAX]
        test rcx, rcx
        jz done
        dec rcx
        mov [rax + VMCB_SAVE_RAX], rcx
        add qword [rax + VMCB_SAVE_RIP], 3      ; behind VMMCALL, which has three bytes
        jmp again
done:   hlt

; The guest.
guest:  mov eax, 5
ask:    vmmcall
        jmp ask

        align 4096
vmcb:   resb 4096
