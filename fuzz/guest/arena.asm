; The arena: everything that guests see, ten pages of programs and tables and ten of page tables. The host restores it for
; each case. Programs run through what can be intercepted and end with VMMCALL; so does each handler of an exception, with the
; vector in AL.
org ARENA

%macro fill_to 1
    times ARENA + %1 - $ db 0x90
%endmacro

; XOR of a register with itself, with both operand sizes: an edit can make code run with another than it was made for.
%macro clear 1-*
%rep %0
    db 0x31, %1, 0x66, 0x31, %1
%rotate 1
%endrep
%endmacro
%define EAX_BYTE 0xc0
%define ECX_BYTE 0xc9
%define EDX_BYTE 0xd2
%define EBX_BYTE 0xdb

; What the programs of all modes have in common. CX, or what it is part of, may change; results that differ between processors
; are overwritten.
%macro instructions 0
    pushf
    popf
    sidt [esp - 64]
    sgdt [esp - 64]
    clear ECX_BYTE
    mov cl, 0x74                    ; SYSENTER_CS, 174h
    mov ch, 1
    rdmsr
    wrmsr
    clear EDX_BYTE
    in al, 0x80
    clear EAX_BYTE
    out 0x80, al
    cpuid
    clear EAX_BYTE
    rdtsc
    clear EAX_BYTE
    rdtscp
    clear EAX_BYTE, EBX_BYTE, ECX_BYTE, EDX_BYTE
    pause
    wbinvd
    int 0x30
    push eax_or_rax
    pop eax_or_rax
    vmmcall
    hlt
%endmacro

%macro registers 1
    clts
    smsw cx
    lmsw cx
    mov %1, cr0
    mov cr0, %1
    mov %1, cr2
    mov cr2, %1
    mov %1, cr3
    mov cr3, %1
    mov %1, cr4
    mov cr4, %1
    mov %1, dr6
    mov dr6, %1
    mov %1, dr0
    mov dr0, %1
    mov %1, dr7
    mov dr7, %1
%endmacro

; Handlers of vectors 0 to 31, four bytes apart and more: mov al, vector; vmmcall.
%macro handlers 0
%assign vector 0
%rep 32
    mov al, vector
    vmmcall
    hlt
    align 8
%assign vector vector + 1
%endrep
%endmacro

; --- page 0: 64-bit ---
bits 64
%define eax_or_rax rax
program64:
    nop
    registers rcx
    mov rcx, cr8
    mov cr8, rcx
    instructions
memory64:
    mov rbx, PAGES
    mov rcx, [rbx]
    mov [rbx], rcx
    invlpg [rbx]
    vmmcall
branches64:
    call .there
    jmp .end
.there:
    ret
.end:
    vmmcall
traps64:
    int3
    vmmcall
divide64:
    xor ecx, ecx
    div ecx
    vmmcall
undefined64:
    ud2
privileged64:
    hlt
    vmmcall
svm64:
    mov rax, rsp
    vmload
    vmmcall
    align 8
return64: iretq
    align 8
handlers64:
    handlers

fill_to 0x1000
; --- page 1: 32-bit ---
bits 32
%define eax_or_rax eax
program32:
    nop
    registers ecx
    instructions
memory32:
    mov ebx, PAGES
    mov ecx, [ebx]
    mov [ebx], ecx
    invlpg [ebx]
    vmmcall
traps32:
    int3
    vmmcall
overflow32:
    mov al, 0x7f
    add al, al
    into
    vmmcall
segments32:
    push ds
    pop es
    mov ecx, 0x10
    mov ds, cx
    vmmcall
far32:
    jmp 0x18:.there
.there:
    vmmcall
    align 8
return32: iretd
    align 8
handlers32:
    handlers

fill_to 0x2000
; --- page 2: 16-bit; CS holds ARENA + 2000h, offsets count from there ---
bits 16
program16:
    nop
    registers ecx
    instructions
memory16:
    mov bx, 0x4000
    mov cx, [bx]
    mov [bx], cx
    vmmcall
traps16:
    int3
    vmmcall
flags16:
    cli
    sti
    nop
    vmmcall
    align 8
return16: iret
    align 8
handlers16:
    handlers

fill_to 0x3000
; --- page 3: descriptors ---
gdt:
    dq 0
    dq 0x00af9b000000ffff           ; 08 64-bit code
    dq 0x00cf93000000ffff           ; 10 data
    dq 0x00cf9b000000ffff           ; 18 32-bit code
    dq 0x00009b020000ffff           ; 20 16-bit code
    dq 0x00affb000000ffff           ; 28 64-bit code, CPL 3
    dq 0x00cff3000000ffff           ; 30 data, CPL 3
    dq 0x00cffb000000ffff           ; 38 32-bit code, CPL 3
    dq 0x00cf93000000ffff & ~(1 << 47) ; 40 data, not present
gdt_end:

fill_to 0x4000
; --- page 4: IDT of 64-bit guests ---
%macro gate64 2                     ; handler, access byte
    dw (%1 - ARENA) & 0xffff
    dw 8
    db 0, %2
    dw ARENA >> 16
    dq 0
%endmacro
idt64:
%assign vector 0
%rep 32
    gate64 handlers64 + vector * 8, 0x8e + (vector >= 3 && vector <= 4) * 0x60
%assign vector vector + 1
%endrep
%rep 0x20
    gate64 return64, 0xee
%endrep
    gate64 return64, 0x6e           ; 40 not present
    gate64 return64, 0xef           ; 41 trap gate
    gate64 return64, 0x8e           ; 42 for CPL 0 only
%rep 256 - 0x43
    gate64 return64, 0xee
%endrep

; --- page 5: IDT of 32-bit guests, interrupt vectors of real mode ---
%macro gate32 2
    dw (%1 - ARENA) & 0xffff
    dw 0x18
    db 0, %2
    dw ARENA >> 16
%endmacro
idt32:
%assign vector 0
%rep 32
    gate32 handlers32 + vector * 8, 0x8e + (vector >= 3 && vector <= 4) * 0x60
%assign vector vector + 1
%endrep
%rep 0x20
    gate32 return32, 0xee
%endrep
    gate32 return32, 0x6e
    gate32 return32, 0xef
    gate32 return32, 0x8e
%rep 256 - 0x43
    gate32 return32, 0xee
%endrep
ivt:
%assign vector 0
%rep 32
    dw handlers16 - program16 + vector * 8, (ARENA >> 4) + 0x200
%assign vector vector + 1
%endrep
%rep 256 - 32
    dw return16 - program16, (ARENA >> 4) + 0x200
%endrep

fill_to 0x6000
; --- pages 6 and 7: stack ---
    times 0x2000 db 0
; --- page 8: task-state segments ---
tss64:
    dd 0
    dq ARENA + 0x7f00               ; RSP0
    times 102 - 12 db 0
    dw 104
    align 256
tss32:
    dd 0, ARENA + 0x7f00, 0x10      ; ESP0, SS0
    times 102 - 12 db 0
    dw 104

fill_to 0x9000
; --- page 9 on: page tables, the same in each mode: they map the arena to itself ---
%define PRESENT 7
pml4: dq pdpt + PRESENT
    times 511 dq 0
pdpt: dq directory + PRESENT
    times 511 dq 0
directory: dq table + PRESENT
    times 511 dq 0
%macro identity 2                   ; directive, entries in a table
    times ARENA >> 12 %1 0
%assign page 0
%rep ARENA_BYTES >> 12
    %1 ARENA + page * 0x1000 + PRESENT
%assign page page + 1
%endrep
    %1 ARENA + PRESENT - 4          ; supervisor page
    %1 ARENA + PRESENT - 2          ; read-only page
    %1 0                            ; not present
    times %2 - 3 - (ARENA >> 12) - (ARENA_BYTES >> 12) %1 0
%endmacro
table: identity dq, 512
pae: dq directory + 1, 0, 0, 0      ; bits 2:1 of a PDPE are reserved
pae_reserved_2: dq directory + 3, 0, 0, 0
pae_reserved_8: dq directory + 1, 0, 0x101, 0
    times 512 - 12 dq 0
directory32: dd table32 + PRESENT
    times 1023 dd 0
table32: identity dd, 1024
nested: dq nested_pdpt + PRESENT
    times 511 dq 0
nested_pdpt: dq nested_directory + PRESENT
    times 511 dq 0
nested_directory: dq nested_table + PRESENT
    times 511 dq 0
nested_table: identity dq, 512
