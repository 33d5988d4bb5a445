; L2 writes its PAT, and is interrupted by an SMI. L1 does not intercept SMIs, so its handler runs.
        org 0x10000
start:  mov esi, handler        ; to SMBASE + 8000h
        mov edi, 0x38000
        mov ecx, handler_end - handler
        rep movsb
        mov ecx, 0x277
        mov eax, 0x00070404     ; L1: WT in slot 0
        mov edx, 0x00070406
        wrmsr
        mov rax, vmcb
        vmrun
        mov ecx, 0x277
        rdmsr
        mov [l1_pat], eax
        mov [l1_pat + 4], edx
        hlt

guest:  mov ecx, 0x277
        mov eax, 0x06060604     ; L2: WT in slot 0, WB elsewhere
        mov edx, 0x06060606
        wrmsr
        out 0xb2, al            ; the chipset answers with an SMI
        rdmsr
        mov [l2_pat], eax
        mov [l2_pat + 4], edx
        vmmcall

        bits 16                 ; an SMI handler begins like a real-mode program
handler:
        inc byte [0x600]
        mov ecx, 0xc0000080     ; EFER: an exit to L0
        rdmsr
        rsm
handler_end:
        bits 64

        align 8
l1_pat: dq 0
l2_pat: dq 0

        align 4096
vmcb:   resb 4096
