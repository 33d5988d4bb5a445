; A hypervisor that has only ever run under L0. It moves a page of its
; guest, and the guest finds it where it is now. On the bare machine?
%include "svm.inc"
        org 0x10000
start:  mov qword [0x400000], 0x1111
        mov qword [0x600000], 0x2222
        call run
        mov [found], edx
        mov qword [pd + 8], 0x600087    ; the page lies elsewhere now
        call run
        mov [found + 4], edx
        call run                        ; nothing has moved
        mov [found + 8], edx
        hlt

; Runs the guest from its beginning; RDX is what it finds.
run:    mov rax, vmcb
        mov qword [rax + VMCB_SAVE_RIP], guest
        vmrun
        mov rdx, [rax + VMCB_SAVE_RAX]
        ret

guest:  mov rax, [0x200000]
        vmmcall

        align 4
found:  times 3 dd 0

        align 4096
tables: dq pdpt + 7
        times 511 dq 0
pdpt:   dq pd + 7
        times 511 dq 0
pd:     dq 0x000087, 0x400087
        times 510 dq 0
vmcb:   resb 4096
