; Runs the vCPU with number EDI until it exits. RAX is then the VMCB. All other registers stay as they are.
run:    mov eax, edi            ; each processor has a VMCB of its own
        shl eax, 12
        add eax, own
        vmrun
        ret
