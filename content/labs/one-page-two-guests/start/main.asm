; A host with many guests and one page for VMRUN. A guest that waits
; is kept in a copy of its VMCB elsewhere.
%include "svm.inc"
        org 0x10000
start:  mov qword [0x400000], 0x1111    ; the first guest's
        mov qword [0x600000], 0x2222    ; the second guest's

        mov rsi, first
        call switch_to
        call run
        mov [found], rdx
        mov rdi, first
        call put_away
        mov rsi, second
        call switch_to
        call run                        ; twice the second guest
        mov [found + 8], rdx
        call run
        mov [found + 16], rdx
        mov rdi, second
        call put_away
        mov rsi, first
        call switch_to
        call run
        mov [found + 24], rdx
        hlt

; The VMCB kept at RSI is the next to run.
switch_to:
        mov rdi, page
        mov ecx, 4096 / 8
        cld
        rep movsq
        ret

; The guest in the page is put away at RDI: its state, and what is
; clean. The other controls are there already.
put_away:
        mov ecx, [page + VMCB_CONTROL_CLEAN_BITS]
        mov [rdi + VMCB_CONTROL_CLEAN_BITS], ecx
        mov rsi, page + 0x400
        add rdi, 0x400
        mov ecx, 0xc00 / 8
        cld
        rep movsq
        ret

; Runs the VMCB in the page from its beginning; RDX is what the guest
; found. Only RIP has changed when it runs again.
run:    mov rax, page
        mov qword [rax + VMCB_SAVE_RIP], guest
        vmrun
        mov dword [rax + VMCB_CONTROL_CLEAN_BITS], 0x1fff
        mov rdx, [rax + VMCB_SAVE_RAX]
        ret

guest:  mov rax, [0x200000]
        vmmcall

        align 8
found:  times 4 dq 0

        align 4096
first_tables:   dq first_pdpt + 7
                times 511 dq 0
first_pdpt:     dq first_pd + 7
                times 511 dq 0
first_pd:       dq 0x000087, 0x400087
                times 510 dq 0
second_tables:  dq second_pdpt + 7
                times 511 dq 0
second_pdpt:    dq second_pd + 7
                times 511 dq 0
second_pd:      dq 0x000087, 0x600087
                times 510 dq 0
first:  resb 4096
second: resb 4096
page:   resb 4096
