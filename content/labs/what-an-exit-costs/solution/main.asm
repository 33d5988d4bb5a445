; L1 runs L2, and answers its CPUIDs before it goes all the way back.
%include "svm.inc"
        org 0x10000
start:  mov ecx, 0xc0000102     ; L1's own KernelGsBase
        mov eax, 0x1111
        xor edx, edx
        wrmsr
        mov rax, host_page
        vmsave

        clgi
        mov rax, vmcb
        vmload
again:  vmrun
        cmp qword [rax + VMCB_CONTROL_EXIT_CODE], VMEXIT_CPUID
        jne back
        mov qword [rax + VMCB_SAVE_RAX], 42
        mov rsi, [rax + VMCB_CONTROL_N_RIP]
        mov [rax + VMCB_SAVE_RIP], rsi
        jmp again

back:   vmsave
        mov rax, host_page
        vmload
        stgi

done:   mov ecx, 0xc0000102
        rdmsr
        mov [own], eax
        hlt

%include "l2.asm"

own:    dd 0
        align 4096
vmcb:   resb 4096
host_page:
        resb 4096
