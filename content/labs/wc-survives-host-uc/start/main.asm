; The host maps two device pages for its guest, a frame buffer and some registers. Both are UC: PCD and PWT select slot PA3
; of the host's own PAT, which has its value after reset.
        org 0x10000
frame_buffer equ 0x200000
registers    equ 0x400000

start:  mov rax, vmcb
        vmrun
        hlt

        %include "guest.asm"

; 7 is present, writable, user: nested walks are user accesses. 80h is PS: 2 MB pages.
        align 4096
nested_pml4: dq nested_pdpt + 7
        align 4096
nested_pdpt: dq nested_pd + 7
        align 4096
nested_pd:   dq 0x87
        dq frame_buffer + 0x87 + 0x18   ; 10h is PCD, 8 is PWT
        dq registers + 0x87 + 0x18

        align 4096
vmcb:   resb 4096
