; RAX is the VMCB. What has not changed since L2 ran last?
        ; Changed are NP (4), DRx (6), DT (7) and CR2 (9).
        mov dword [rax + VMCB_CONTROL_CLEAN_BITS], 0x1fff & ~(1 << 4 | 1 << 6 | 1 << 7 | 1 << 9)
