; The guest: its code, and the tables that its CR3 points to.
guest:  mov al, 0x55
        mov [frame_buffer], al
        mov [registers], al
        vmmcall

; 3 is present, writable. 80h is PS: 2 MB pages.
        align 4096
pml4:   dq pdpt + 3
        align 4096
pdpt:   dq pd + 3
        align 4096
pd:     dq 0x83
        dq frame_buffer + 0x83 + 8        ; PWT: slot PA1
        dq registers + 0x83
