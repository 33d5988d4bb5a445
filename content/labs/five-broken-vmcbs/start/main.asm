; The host runs five VMCBs, one after the other. They share the guest.
        org 0x10000
start:
%macro run 1
        mov rax, %1
        vmrun
%endmacro
        run cache
        run paging
        run extended
        run mode
        run event
        hlt

guest:  mov eax, 42
        vmmcall

        align 4096
cache:    resb 4096
paging:   resb 4096
extended: resb 4096
mode:     resb 4096
event:    resb 4096
