; L1 has two processors and a guest with two vCPUs, one on each. A vCPU asks L1 for its number with CPUID, then it is done.
; EDI is the number of the processor and of its vCPU throughout; VMRUN leaves it alone, and so does the guest.
%include "svm.inc"
        org 0x10000
ROUNDS  equ 1                   ; how often a vCPU asks
start:  mov edi, own            ; two copies of the VMCB, for whoever needs them
        call copy
        call copy
        mov eax, 0xfee00000     ; STARTUP to the other processor, at 11000h
        mov dword [rax + 0x300], 0xc4611
        xor edi, edi
        jmp processor

; Processor 1 comes here. vCPU 1 is started by vCPU 0.
second_core:
        pause
        cmp byte [entered], 1
        jne second_core
        mov edi, 1

processor:
        call run                ; RAX is the VMCB after the exit
        mov byte [left + rdi], 1
        call lose_time
        mov rcx, [rax + VMCB_CONTROL_EXIT_CODE]
        cmp rcx, VMEXIT_CPUID
        jne over
        inc dword [asked + rdi * 4]
        lea ecx, [rdi + 100h]   ; the answer
        mov [rax + VMCB_SAVE_RAX], rcx
        mov rcx, [rax + VMCB_CONTROL_N_RIP]
        mov [rax + VMCB_SAVE_RIP], rcx
        jmp processor
over:   mov [last + rdi * 8], rcx
        mov byte [finished + rdi], 1
        hlt

copy:   mov esi, vmcb
        mov ecx, 4096 / 8
        rep movsq
        ret

; Processor 0 belongs to somebody else for a while. A hypervisor below L1 can take it away between any two instructions.
lose_time:
        test edi, edi
        jnz .back
.wait:  pause
        cmp byte [finished + 1], 1
        jne .wait
.back:  ret

%include "run.asm"

; A vCPU. It waits until both of them run; vCPU 1 leaves after vCPU 0 has left.
guest:  mov esp, edi            ; a stack of its own
        shl esp, 12
        add esp, 0x22000
        mov r12d, ROUNDS
        mov byte [entered + rdi], 1
.both:  pause
        cmp word [entered], 0x0101
        jne .both
        test edi, edi
        jz .ask
.after: pause
        cmp byte [left], 1
        jne .after
.ask:   lea rax, [rdi + 10]
        push rax
        cpuid
        add [answers + rdi * 8], rax
        pop rax
        add [popped + rdi * 8], rax
        dec r12d
        jnz .ask
        vmmcall

entered:
        db 0, 0
left:   db 0, 0
finished:
        db 0, 0
        align 8
asked:  dd 0, 0
last:   dq 0, 0
answers:
        dq 0, 0
popped: dq 0, 0

%include "core1.asm"

        align 4096
vmcb:   resb 4096
own:    resb 2 * 4096
