; The host: a multiboot kernel that runs every case of its module through VMRUN and sends what became of it to the serial port.
;
; The module: dword 0 the longest a guest may run, in ticks of the APIC timer; 4 number of cases; 8 number of the first case;
; 1000h the arena (arena.asm); behind it the cases, each 8 bytes that RAX holds at VMRUN, 8 bytes of zero and the VMCB.
;
; A line for each case: its number, then "offset:value" for each quadword of the VMCB that is not as it was, 1xxx for the stack
; of the guest, and FFF0 for an exception of the host: the vector, and the error code in bits 63:32. All numbers are hexadecimal.
bits 32
org HOST

    align 4
    dd 0x1badb002, 0, -0x1badb002

start:
    cli
    cld
    mov esp, stack_top
    mov esi, [ebx + 24]             ; mods_addr
    mov esi, [esi]                  ; mod_start of the first
    mov [module], esi
    mov eax, cr4
    or eax, 1 << 5                  ; PAE
    mov cr4, eax
    mov eax, pml4
    mov cr3, eax
    mov ecx, 0xc0000080             ; EFER: NXE, SVME, LME
    rdmsr
    or eax, 0x1900
    wrmsr
    mov eax, 0x80010031             ; PG, WP, NE, ET, PE
    mov cr0, eax
    lgdt [gdtr]
    jmp 8:long_mode

bits 64
default rel

%define APIC 0xfee00000
%define APIC_EOI 0xb0
%define APIC_SVR 0xf0
%define APIC_TIMER 0x320
%define APIC_INITIAL_COUNT 0x380
%define APIC_DIVIDE 0x3e0
%define TIMER_VECTOR 0x40

long_mode:
    mov eax, 16
    mov ds, ax
    mov es, ax
    mov ss, ax
    xor eax, eax
    mov fs, ax
    mov gs, ax
    call make_idt
    mov eax, 24
    ltr ax
    mov ecx, 0xc0010117             ; VM_HSAVE_PA
    mov eax, host_save
    xor edx, edx
    wrmsr

    mov al, 0xff                    ; no interrupts but the APIC's
    out 0x21, al
    out 0xa1, al
    mov ebx, APIC
    mov dword [rbx + APIC_SVR], 0x1ff
    mov dword [rbx + APIC_TIMER], TIMER_VECTOR
    mov dword [rbx + APIC_DIVIDE], 0xb

    mov rax, 0xf4f4f4f4f4f4f4f4     ; HLT, which every guest intercepts, around the arena and up to here
    xor edi, edi
    mov ecx, 0x9f000 / 8
    rep stosq
    mov edi, 0x100000
    mov ecx, (HOST - 0x100000) / 8
    rep stosq
    xor eax, eax                    ; permission maps that intercept nothing and everything
    mov edi, ZEROS
    mov ecx, 0x8000 / 8
    rep stosq
    dec rax
    mov edi, ONES
    mov ecx, 0x8000 / 8
    rep stosq

    mov eax, host_vmcb
    vmsave
    mov r15d, [module]
    mov r14d, [r15 + 4]
    mov r12d, [r15 + 8]
    lea r13, [r15 + 0x1000 + ARENA_BYTES]

next_case:
    test r14d, r14d
    jz done
    lea rsi, [r15 + 0x1000]
    mov edi, ARENA
    mov ecx, ARENA_BYTES / 8
    rep movsq
    lea rsi, [r13 + 16]
    mov edi, vmcb
    mov ecx, IMAGE_BYTES / 8
    rep movsq
    mov eax, r12d
    mov ecx, 8
    call send_hex

    mov [registers], r12
    mov [registers + 8], r13
    mov [registers + 16], r14
    mov [registers + 24], r15
    mov rax, [r13]
    mov [operand], rax
    mov eax, [r15]
    mov ebx, APIC
    mov [rbx + APIC_INITIAL_COUNT], eax
    mov eax, vmcb
    vmload
    ; What the guest finds in the registers that VMRUN does not load.
    xor ebx, ebx
    xor ecx, ecx
    xor edx, edx
    xor esi, esi
    xor edi, edi
    xor ebp, ebp
    mov r8, rbx
    mov r9, rbx
    mov r10, rbx
    mov r11, rbx
    mov r12, rbx
    mov r13, rbx
    mov r14, rbx
    mov r15, rbx
    ; IF is set so that the timer's interrupt ends a guest that has V_INTR_MASKING.
    mov rax, [operand]
    clgi
    sti
    nop
    vmrun
    cli
    mov eax, vmcb
    vmsave
    call restore_host
    jmp compare

; An exception of the host, most likely of VMRUN. On the stack: the vector, then the error code or what would be behind it.
exception:
    mov rbp, [rsp]
    mov rbx, [rsp + 8]
    shl rbx, 32
    or rbp, rbx
    mov rsp, stack_top
    call restore_host
    mov edx, 0xfff0
    mov rax, rbp
    call send_difference

compare:
    mov esi, vmcb
    lea rdi, [r13 + 16]
    mov ecx, IMAGE_BYTES / 8
    xor edx, edx
    call send_differences
    mov esi, GUEST_STACK
    lea rdi, [r15 + 0x1000 + GUEST_STACK - ARENA]
    mov ecx, 0x2000 / 8
    mov edx, 0x1000
    call send_differences
    mov al, 10
    call send
    add r13, 16 + IMAGE_BYTES
    inc r12d
    dec r14d
    jmp next_case

done:
    mov al, '.'
    call send
    mov al, 10
    call send
    xor eax, eax
    out 0xf4, al
    hlt

restore_host:
    mov eax, host_vmcb
    vmload
    mov r12, [registers]
    mov r13, [registers + 8]
    mov r14, [registers + 16]
    mov r15, [registers + 24]
    mov ebx, APIC
    mov dword [rbx + APIC_INITIAL_COUNT], 0
    stgi
    sti                             ; an interrupt that is still pending
    nop
    nop
    cli
    ret

timer:
    push rax
    mov eax, APIC
    mov dword [rax + APIC_EOI], 0
    pop rax
    iretq

; ecx quadwords at rsi and rdi; edx: the number of the first.
send_differences:
    mov rax, [rsi]
    cmp rax, [rdi]
    je .same
    call send_difference
.same:
    add rsi, 8
    add rdi, 8
    add edx, 8
    dec ecx
    jnz send_differences
    ret

; " edx:rax"
send_difference:
    push rcx
    push rax
    mov al, ' '
    call send
    mov eax, edx
    mov ecx, 4
    call send_hex
    mov al, ':'
    call send
    pop rax
    mov ecx, 16
    call send_hex
    pop rcx
    ret

; The low ecx digits of rax.
send_hex:
    mov rbx, rax
    lea r8d, [rcx * 4]
    mov r9d, ecx
    mov ecx, 64
    sub ecx, r8d
    shl rbx, cl
.digit:
    rol rbx, 4
    mov eax, ebx
    and eax, 15
    lea r8, [digits]
    mov al, [r8 + rax]
    call send
    dec r9d
    jnz .digit
    ret

; Sends al as soon as the transmitter is empty.
send:
    push rdx
    push rax
    mov edx, 0x3fd
.wait:
    in al, dx
    test al, 0x20
    jz .wait
    pop rax
    mov edx, 0x3f8
    out dx, al
    pop rdx
    ret

digits: db '0123456789abcdef'

make_idt:
    lea rbx, [stubs]
    mov edi, idt
    mov ecx, 32
.gate:
    call make_gate
    add rbx, 16
    dec ecx
    jnz .gate
    lea rbx, [timer]
    mov edi, idt + TIMER_VECTOR * 16
    call make_gate
    lidt [idtr]
    ret

; A 64-bit interrupt gate at rdi to rbx, which lies below 4 GiB; rdi goes on to the next.
make_gate:
    mov [rdi], bx
    mov word [rdi + 2], 8
    mov word [rdi + 4], 0x8e00
    mov eax, ebx
    shr eax, 16
    mov [rdi + 6], ax
    mov qword [rdi + 8], 0
    add rdi, 16
    ret

    align 16
stubs:
%assign vector 0
%rep 32
    push vector
    jmp exception
    align 16
%assign vector vector + 1
%endrep

    align 8
gdt:
    dq 0, 0x00af9b000000ffff, 0x00cf93000000ffff
    dw 0x67, tss - HOST              ; base 31:24 and 23:16 are those of HOST
    db HOST >> 16, 0x89, 0, HOST >> 24
    dq 0
gdtr: dw $ - gdt - 1
    dd gdt, 0
idtr: dw 0xfff
    dq idt
tss: times 104 db 0
module: dq 0
operand: dq 0
registers: times 4 dq 0

    align 4096
pml4: dq pdpt + 7
    times 511 dq 0
pdpt: dq 0x87, 0x40000087, 0x80000087, 0xc0000087
    times 508 dq 0
host_save: times 4096 db 0
host_vmcb: times 4096 db 0
vmcb: times 4096 db 0
idt: times 4096 db 0
    times 4096 db 0
stack_top:
