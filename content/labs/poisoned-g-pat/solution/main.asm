; LBR virtualization is off, so the five last-branch fields are the host's to use: it marks them with a pattern, to see later
; whether anybody wrote there.
        org 0x10000
start:  mov rdi, vmcb + 0x670
        mov rax, 0x5A5A5A5A5A5A5A5A
        mov ecx, 5
        cld
        rep stosq

        mov rax, vmcb
        vmrun
        hlt

guest:  vmmcall

        align 4096
vmcb:   resb 4096
