; The host runs the guest twice and puts both exit codes on record. The second time RAX is off by 8.
        %include "svm.inc"

        org 0x10000
start:  mov rax, gp             ; an interrupt gate for #GP, vector 13
        mov rdi, idt + 13 * 16
        mov [rdi], ax
        mov word [rdi + 2], 8
        mov word [rdi + 4], 0x8e00
        shr rax, 16
        mov [rdi + 6], ax
        lidt [idtr]

        mov rdi, vmcb
        mov rsi, vmcb
        call run
        mov [codes], rax
        mov rsi, vmcb + 8
        call run
        mov [codes + 8], rax
        hlt

; Runs the VMCB at RDI, with RSI as the operand of VMRUN. Returns its exit code in RAX.
run:
        mov qword [rdi + VMCB_CONTROL_EXIT_CODE], 0
        mov rax, rsi
        vmrun
        mov rax, [rdi + VMCB_CONTROL_EXIT_CODE]
        ret

; #GP: counts the fault and goes on behind VMRUN, which is 3 bytes long.
gp:     inc qword [faults]
        add rsp, 8              ; the error code
        add qword [rsp], 3
        iretq

guest:  vmmcall

        align 8
codes:  dq -1, -1
faults: dq 0
idtr:   dw 32 * 16 - 1
        dq idt
        align 16
idt:    times 32 * 16 db 0

        align 4096
vmcb:   resb 4096
