; Runs the vCPU with number EDI until it exits. RAX is then the VMCB. All other registers stay as they are.
run:    mov rax, vmcb
        vmrun
        ret
