; How core 1 gets from real mode to 64-bit mode, on the tables and the GDT of core 0. It begins here, at 11000h.
        align 4096
        bits 16
core1:  lgdt [cs:gdt_of_core_0 - core1]
        mov eax, 0x20           ; CR4.PAE
        mov cr4, eax
        mov eax, 0x1000
        mov cr3, eax
        mov ecx, 0xc0000080     ; EFER: SVME, LME
        mov eax, 0x1100
        xor edx, edx
        wrmsr
        mov eax, 0x80000011
        mov cr0, eax
        jmp dword 8:core1_long
gdt_of_core_0:
        dw 0x1f
        dd 0x7000
        bits 64
core1_long:
        mov ax, 0x10
        mov ss, ax
        mov esp, 0x18000
        mov ecx, 0xc0010117     ; VM_HSAVE_PA
        mov eax, 0x1a000
        xor edx, edx
        wrmsr
        jmp second_core
