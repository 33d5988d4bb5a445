; L1: a hypervisor like those of the earlier chapters.
%include "svm.inc"
        org 0x10000
start:  mov rax, vmcb
        vmrun
        ; Your turn: if L2 came back for its CPUID, answer 42 in its RAX and let it go on.
        hlt

; L2.
guest:  mov ecx, 0x277          ; PAT
        rdmsr
        xor ecx, ecx
        mov eax, 0x40000000
        cpuid
        vmmcall

        align 4096
vmcb:   resb 4096
