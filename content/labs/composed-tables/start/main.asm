; L1 and the nested tables that it has made for L2.
%include "svm.inc"
        org 0x10000
start:  mov qword [0x400000], 0x0001
        mov qword [0x400008], 0x1000
        mov qword [0x401000], 0x0010
        mov qword [0x600000], 0x0100
        mov rax, vmcb
        vmrun
        hlt

%include "l2.asm"

        align 4096
tables: dq pdpt + 7
        times 511 dq 0
pdpt:   dq pd + 7
        times 511 dq 0
pd:     dq 0x000087             ; L2 0        = L1 0,       2 MB
        dq 0x400087             ; L2 200000h  = L1 400000h, 2 MB
        dq 0                    ; L2 400000h: your turn. One page of 4 KB,
                                ; at L1 600000h, and nothing beside it
        times 509 dq 0
pt:     times 512 dq 0
vmcb:   resb 4096
