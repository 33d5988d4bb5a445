; A nested page fault in L1's tables. RAX is the VMCB. The page is there again; L2 goes on behind this.
        mov rcx, [rax + VMCB_CONTROL_EXIT_INT_INFO]
        mov [rax + VMCB_CONTROL_EVENT_INJ], rcx
