; L1 runs L2 as its authors learned it on the bare machine: for each
; exit the whole of the world switch, out and back.
%include "svm.inc"
        org 0x10000
start:  mov ecx, 0xc0000102     ; L1's own KernelGsBase
        mov eax, 0x1111
        xor edx, edx
        wrmsr
        mov rax, host_page
        vmsave

run:    clgi
        mov rax, vmcb
        vmload
        vmrun
        vmsave
        mov rax, host_page
        vmload
        stgi

        mov rax, vmcb
        cmp qword [rax + VMCB_CONTROL_EXIT_CODE], VMEXIT_CPUID
        jne done
        mov qword [rax + VMCB_SAVE_RAX], 42
        mov rsi, [rax + VMCB_CONTROL_N_RIP]
        mov [rax + VMCB_SAVE_RIP], rsi
        jmp run

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
