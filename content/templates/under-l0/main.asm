; This hypervisor is L1: another one, L0, lies below it and decides what l0.yaml says. L1 cannot tell.
        org 0x10000
start:  mov rax, vmcb
        vmrun
        hlt

; L2.
guest:  mov ecx, 0x277          ; PAT: L0 answers in the processor's place
        rdmsr
        vmmcall

        align 4096
vmcb:   resb 4096
