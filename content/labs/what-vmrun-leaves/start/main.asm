; The host keeps things in RBX, RBP and behind FS, and looks at them after the guest ran.
        org 0x10000
start:  mov ebx, 0x1111
        mov ebp, 0x2222
        mov ecx, 0xC0000100     ; the MSR that holds FS.base
        mov eax, host_data
        xor edx, edx
        wrmsr

        mov rax, vmcb
        vmrun

        mov [kept_rbx], rbx
        mov [kept_rbp], rbp
        mov rax, [fs:0]
        mov [seen], rax
        hlt

; The guest uses the same registers for its own purposes.
guest:  mov ebx, 0xBAD
        mov [guest_rbx], rbx
        xor ebp, ebp
        mov ecx, 0xC0000100
        mov eax, guest_data
        xor edx, edx
        wrmsr
        vmmcall

        align 8
host_data:  dq "HOST"
guest_data: dq "GUEST"
kept_rbx:   dq 0
kept_rbp:   dq 0
seen:       dq 0
guest_rbx:  dq 0

        align 4096
vmcb:       resb 4096
host_page:  resb 4096           ; free for the host's use
