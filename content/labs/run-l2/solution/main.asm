; L1: a hypervisor like those of the earlier chapters.
%include "svm.inc"
        org 0x10000
start:  mov rax, vmcb
again:  vmrun
        cmp qword [rax + VMCB_CONTROL_EXIT_CODE], VMEXIT_CPUID
        jne done
        mov qword [rax + VMCB_SAVE_RAX], 42
        mov rcx, [rax + VMCB_CONTROL_N_RIP]
        mov [rax + VMCB_SAVE_RIP], rcx
        jmp again
done:   hlt

; L2.
guest:  mov ecx, 0x277          ; PAT
        rdmsr
        xor ecx, ecx
        mov eax, 0x40000000
        cpuid
        vmmcall

        align 4096
vmcb:   resb 4096
