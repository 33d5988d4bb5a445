; L1 with two vCPUs. While vCPU 0 is in L2, vCPU 1 moves a page of L2.
%include "svm.inc"
        org 0x10000
start:  mov qword [0x400000], 0x1111
        mov qword [0x600000], 0x2222
        call take_interrupts
        mov eax, 0xfee00000
        mov dword [rax + 0x300], 0xc4611        ; STARTUP: 11000h
        jmp vcpu0

vcpu1:  pause
        cmp dword [l2_runs], 1
        jne vcpu1
        mov qword [pd + 8], 0x600087            ; moved
        mov eax, 0xfee00000
        mov dword [rax + 0x310], 0              ; to vCPU 0
        mov dword [rax + 0x300], 0x4050         ; vector 50h
        hlt

%include "vcpu0.asm"
%include "core1.asm"

        align 4096
tables: dq pdpt + 7
        times 511 dq 0
pdpt:   dq pd + 7
        times 511 dq 0
pd:     dq 0x000087, 0x400087
        times 510 dq 0
vmcb:   resb 4096
