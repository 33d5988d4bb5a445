; The guest reads its PAT with RDMSR; the low half comes back in its RAX.
        org 0x10000
start:  mov rax, vmcb
        vmrun
        mov ecx, 0x277          ; the host's PAT
        rdmsr
        mov [host_pat], eax
        mov [host_pat + 4], edx
        hlt

guest:  mov ecx, 0x277          ; with nested paging on, this is gPAT
        rdmsr
        vmmcall

        align 8
host_pat: dq 0

        align 4096
vmcb:   resb 4096
