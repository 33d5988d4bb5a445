; L2 adds up four quadwords of its memory, and reads where it has none.
l2:     mov rax, [0x200000]
        add rax, [0x201000]
        add rax, [0x400000]
        add rax, [0x200008]
        mov rbx, [0x401000]
        vmmcall
