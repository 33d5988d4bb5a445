; RAX is the VMCB. What has not changed since L2 ran last?
        mov dword [rax + VMCB_CONTROL_CLEAN_BITS], 0x1fff
