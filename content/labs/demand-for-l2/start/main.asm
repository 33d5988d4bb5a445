; L1 gives L2 a page when L2 needs one, from a stock at 400000h.
%include "svm.inc"
        org 0x10000
start:  mov rax, vmcb
        mov rdi, log
next:   vmrun
        cmp dword [rax + VMCB_CONTROL_EXIT_CODE], VMEXIT_NPF
        jne done

        mov rsi, [rax + VMCB_CONTROL_EXIT_INFO_1]
        mov [rdi], rsi
        add rdi, 8
        mov rsi, [rax + VMCB_CONTROL_EXIT_INFO_2]
        sub rsi, 0x200000
        shr rsi, 12             ; the entry of the page in pt
        cmp rsi, 512
        jae done                ; not of the memory on demand
        cmp qword [pt + rsi * 8], 0
        jne next                ; it is there
        mov rdx, [stock]
        add qword [stock], 4096
        or rdx, 3               ; present, writable
        mov [pt + rsi * 8], rdx
        jmp next
done:   hlt

%include "l2.asm"

        align 8
stock:  dq 0x400000
log:    times 512 dq 0

        align 4096
tables: dq pdpt + 7
        times 511 dq 0
pdpt:   dq pd + 7
        times 511 dq 0
pd:     dq 0x000087
        dq pt + 7
        times 510 dq 0
pt:     times 512 dq 0
vmcb:   resb 4096
