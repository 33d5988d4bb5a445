; L2 does seven things that somebody may want to see.
l2:     mov ecx, 0xc0000082
        rdmsr                   ; reads LSTAR
        wrmsr                   ; writes LSTAR
        mov ecx, 0x277
        rdmsr                   ; reads PAT
        in al, 0x71
        out 0x80, al
        mov eax, page
        vmload
        xor eax, eax
        cpuid
        vmmcall
