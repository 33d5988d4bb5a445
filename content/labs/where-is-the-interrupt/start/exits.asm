; L1's part after an exit. RAX is the VMCB, and GIF is 0.

nmi:                            ; the NMI ended L2's stay
        jmp again

missing:                        ; the page with L2's IDT was missing
        mov qword [directory + 8], 0x200087
        jmp again
