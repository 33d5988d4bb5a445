; A guest whose code, stack and data lie on one page, as readers like to write them: every store is to a page that holds
; translated code.
bits 64
org 10000h
start:
    mov rsp, stack_end
    mov ecx, ITERATIONS
.next:
    inc qword [counter]
    push rcx
    call add_counter
    pop rcx
    dec ecx
    jnz .next
    xor eax, eax
    out 0f4h, al
add_counter:
    mov rax, [counter]
    add [sum], rax
    ret
align 64
counter: dq 0
sum: dq 0
align 64
    times 256 db 0
stack_end:
