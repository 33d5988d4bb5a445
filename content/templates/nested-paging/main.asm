; A hypervisor with nested paging. The guest's page at 4 MB has no nested translation: its first access exits, the host maps a page
; of its own there, and the guest goes on.
%include "svm.inc"
        org 0x10000
start:  mov rax, vmcb
again:  vmrun
        cmp qword [rax + VMCB_CONTROL_EXIT_CODE], VMEXIT_NPF
        jne done
        ; EXITINFO2 has the guest-physical address.
        mov rcx, [rax + VMCB_CONTROL_EXIT_INFO_2]
        shr rcx, 21
        mov qword [nested_pd + rcx * 8], page + 0x87
        jmp again
done:   hlt

; The guest, on page tables of its own.
guest:  mov byte [0x400000], 0x55
        mov al, [0x400000]
        vmmcall

; 3 is present, writable. 80h is PS: 2 MB pages.
        align 4096
pml4:   dq pdpt + 3
        align 4096
pdpt:   dq pd + 3
        align 4096
pd:     dq 0x83, 0x200083, 0x400083

; Nested tables; 7 is present, writable, user: nested walks are user accesses.
        align 4096
nested_pml4: dq nested_pdpt + 7
        align 4096
nested_pdpt: dq nested_pd + 7
        align 4096
nested_pd:   dq 0x87
             times 511 dq 0

        align 4096
vmcb:   resb 4096

; The host's page for the guest.
page    equ 0x200000
