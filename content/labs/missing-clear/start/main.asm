; The guest asks once, with VMMCALL, to go on as a program: at CPL 3,
; on tables of its own, with a breakpoint, in another time.
; The host changes what it takes, and clears the bits.
%include "svm.inc"
%define KNOWN 0x1fff
        org 0x10000
start:  mov qword [0x200000], 0x1111
        mov qword [0x400000], 0x2222
        mov rax, vmcb
        vmrun

        mov rcx, [rax + VMCB_CONTROL_N_RIP]
        mov [rax + VMCB_SAVE_RIP], rcx
        mov byte [rax + VMCB_SAVE_CPL], 3
        mov qword [rax + VMCB_SAVE_CR3], tables
        mov byte [rax + VMCB_CONTROL_TLB_CONTROL], 3    ; for CR3
        mov rcx, 0x0000010000000000
        mov [rax + VMCB_CONTROL_TSC_OFFSET], rcx
        mov qword [rax + VMCB_SAVE_DR7], 0x402
%define CHANGED (CLEAN_CRX | CLEAN_DRX | CLEAN_SEG)
        mov dword [rax + VMCB_CONTROL_CLEAN_BITS], KNOWN & ~CHANGED
        vmrun
        hlt

guest:  vmmcall
        rdtsc                   ; EDX is the upper half
        mov eax, edx
        mov rbx, [0x200000]
        vmmcall

        ; Tables for the first 4 MB, the second 2 MB of which lie at 400000h.
        align 4096
tables: dq pdpt + 7
        times 511 dq 0
pdpt:   dq pd + 7
        times 511 dq 0
pd:     dq 0x000087, 0x400087
        times 510 dq 0

        align 4096
vmcb:   resb 4096
