; L2 names a page of its own to VMLOAD and brings back what it has then.
l2:     mov eax, 0x200000
        vmload
        mov ecx, 0xc0000102     ; KernelGsBase
        rdmsr
        vmmcall

; L1's tables for L2's memory: 4 MB, and nothing else.
        align 4096
tables: dq pdpt + 7
        times 511 dq 0
pdpt:   dq pd + 7
        times 511 dq 0
pd:     dq 0x000087, 0x400087
        times 510 dq 0
