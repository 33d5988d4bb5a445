; vCPU 0 of L1 runs L2. An interrupt ends L2's turn; L1 takes it, and
; L2 goes on with fresh translations.
vcpu0:  mov rax, vmcb
        mov byte [rax + VMCB_CONTROL_TLB_CONTROL], 3
        clgi
again:  vmrun
        cmp qword [rax + VMCB_CONTROL_EXIT_CODE], VMEXIT_INTR
        jne done
        stgi
        sti                     ; the interrupt is taken behind NOP
        nop
        cli
        clgi
        jmp again
done:   mov dword [finished], 1
        hlt

; L2 reads the page until its contents change.
l2:     mov dword [l2_runs], 1
        mov rax, [0x200000]
        cmp rax, 0x1111
        je l2
        vmmcall

; The handler of vector 50h.
handler:
        inc dword [interrupts]
        push rax
        mov eax, 0xfee00000
        mov dword [rax + 0xb0], 0       ; end of interrupt
        pop rax
        iretq

; Points vector 50h to it, and turns the local APIC of vCPU 0 on.
take_interrupts:
        mov eax, 0xfee00000
        mov dword [rax + 0xf0], 0x1ff
        mov rax, handler
        mov rdi, idt + 0x50 * 16
        mov [rdi], ax
        mov dword [rdi + 2], 0x8e000008
        shr rax, 16
        mov [rdi + 6], ax
        lidt [idtr]
        ret

l2_runs:        dd 0
interrupts:     dd 0
finished:       dd 0
idtr:   dw 0x51 * 16 - 1
        dq idt
        align 8
idt:    times 0x51 * 2 dq 0
