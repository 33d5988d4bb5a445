; L2 asks three times, adds the answers up, and changes KernelGsBase.
l2:     xor ebp, ebp
        mov edi, 3
ask:    xor eax, eax
        cpuid
        add ebp, eax
        dec edi
        jnz ask
        mov ecx, 0xc0000102
        rdmsr
        inc eax
        wrmsr
        mov eax, ebp
        vmmcall
