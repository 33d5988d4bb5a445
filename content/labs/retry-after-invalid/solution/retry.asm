; RAX is the VMCB. The field that was wrong has been mended, and VMRUN comes next.
        mov rcx, [wanted]
        mov [rax + VMCB_CONTROL_EVENT_INJ], rcx
