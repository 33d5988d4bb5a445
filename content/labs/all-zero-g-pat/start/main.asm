; The guest adds sixteen numbers and writes to a mailbox twice, which somebody outside of the processor reads.
        org 0x10000
numbers equ 0x200000
mailbox equ 0x400000

start:  mov ecx, 16             ; the host writes the numbers 1 to 16, and sends its line back to memory
fill:   mov [numbers - 4 + rcx * 4], ecx
        loop fill
        wbinvd
        mov rax, vmcb
        vmrun
        hlt

guest:  mov dword [mailbox], 1  ; "I begin"
        xor eax, eax
        mov ecx, 16
sum:    add eax, [numbers - 4 + rcx * 4]
        loop sum
        mov dword [mailbox], 2  ; "I have the sum"
        vmmcall

; The guest's tables. 3 is present, writable. 80h is PS: 2 MB pages. 10h is PCD, 8 is PWT.
        align 4096
pml4:   dq pdpt + 3
        align 4096
pdpt:   dq pd + 3
        align 4096
pd:     dq 0x83
        dq numbers + 0x83
        dq mailbox + 0x83 + 0x18

        align 4096
vmcb:   resb 4096
