; The host. It runs the guest once and stops.
        org 0x10000
start:  mov rax, vmcb           ; VMRUN takes the VMCB's physical address in RAX
        vmrun
        hlt                     ; #VMEXIT continues here

; The guest.
guest:  mov eax, 42
        vmmcall

        align 4096
vmcb:   resb 4096               ; guest.vmcb is placed here on Reset
