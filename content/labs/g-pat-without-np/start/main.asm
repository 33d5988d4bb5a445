; The guest sets every slot of its PAT to WB. The host looks at its own PAT afterwards.
        org 0x10000
start:  mov rax, vmcb
        vmrun
        mov ecx, 0x277
        rdmsr
        mov [host_pat], eax
        mov [host_pat + 4], edx
        hlt

guest:  mov ecx, 0x277
        mov eax, 0x06060606
        mov edx, eax
        wrmsr
        vmmcall

        align 8
host_pat: dq 0

        align 4096
vmcb:   resb 4096
