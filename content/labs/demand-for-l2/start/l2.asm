; L2 writes to three pages and reads them again.
l2:     mov qword [0x200000], 0x0001
        mov qword [0x203000], 0x0010
        mov qword [0x2ff000], 0x0100
        mov rax, [0x200000]
        add rax, [0x203000]
        add rax, [0x2ff000]
        vmmcall
