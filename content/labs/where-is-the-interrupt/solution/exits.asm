; L1's part after an exit. RAX is the VMCB, and GIF is 0.

nmi:                            ; the NMI ended L2's stay
        stgi                    ; here L1 takes it
        clgi
        jmp again

missing:                        ; the page with L2's IDT was missing
        mov qword [directory + 8], 0x200087
        mov rcx, [rax + VMCB_CONTROL_EXIT_INT_INFO]
        mov [rax + VMCB_CONTROL_EVENT_INJ], rcx
        jmp again
