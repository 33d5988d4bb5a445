/** Whole programs that NASM must turn into the same bytes. */

/** A program and what it shows. */
export interface SampleProgram {
  readonly about: string
  readonly source: string
}

export const samplePrograms: readonly SampleProgram[] = [
  {
    about: 'a boot sector that switches from 16-bit to protected to long mode',
    source: String.raw`
        bits 16
        org 0x7c00
%define STACK 0x7c00
%macro outb 2
        mov dx, %1
        mov al, %2
        out dx, al
%endmacro
start:  cli
        xor ax, ax
        mov ds, ax
        mov ss, ax
        mov sp, STACK
        outb 0x3f8, 'A'
        mov cx, 10
.wait:  dec cx
        jnz .wait
        lgdt [gdt_pointer]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp 8:protected
align 4
gdt:    dq 0
        dq 0x00cf9a000000ffff
.data   equ $ - gdt
        dq 0x00cf92000000ffff
.code64 equ $ - gdt
        dq 0x00af9a000000ffff
.end:
gdt_pointer:
        dw gdt.end - gdt - 1
        dd gdt
        bits 32
protected:
        mov ax, gdt.data
        mov ds, ax
        mov esp, STACK
        mov edi, 0x1000
        mov ecx, 1024*3
        xor eax, eax
        rep stosd
        mov dword [0x1000], 0x2003
        mov dword [0x2000], 0x3003
        mov dword [0x3000], 0x83
        mov eax, cr4
        or eax, 1 << 5
        mov cr4, eax
        mov eax, 0x1000
        mov cr3, eax
        mov ecx, 0xc0000080
        rdmsr
        or eax, 1 << 8 | 1 << 12
        wrmsr
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax
        jmp gdt.code64:long_mode
        bits 64
        default rel
long_mode:
        lea rsi, [message]
        mov rdi, message
        mov rax, vmcb
        mov ecx, 0xc0010117
        vmsave
        vmrun
.next:  mov al, [rsi]
        inc rsi
        test al, al
        jz .done
        mov dx, 0x3f8
        out dx, al
        jmp .next
.done:  hlt
        jmp .done
message: db 'hello', 13, 10, 0
        times 510-($-$$) db 0
        dw 0xaa55
vmcb    equ 0x9000
`,
  },
  {
    about: 'operands of 64-bit code, tables and sections',
    source: String.raw`
        bits 64
        default rel
longmode:   mov rsp, stack_top
        lea rdi, [message]
        mov rsi, message
        mov eax, [message]
        mov eax, [abs message]
        mov eax, [fs:message]
        mov [rbx+message], eax
.loop:  mov al, [rdi]
        inc rdi
        test al, al
        jz .done
        mov dx, 0x3f8
        out dx, al
        add ecx, message_end - message
        add ecx, message
        push message
        push 5
        push -200
        push qword 5
        mov qword [rbx], message
        jmp .loop
        jmp far_away
        call far_away
        call .loop
        loop .loop
        jmp 0x8000
        es movsb
        rep fs movsb
        lock inc dword [rax]
        mov eax, [rax+rbx*2+8]
        mov eax, [rax*2]
        mov eax, [rax*3+8]
        mov eax, [rsp+rax]
        mov eax, [byte rax]
        mov eax, [dword rax+1]
        mov eax, [ebx]
        mov rax, [abs qword 0x123456789abc]
        mov eax, [rax+rsp]
        mov eax, strict dword 5
        add eax, strict dword 5
        mov rax, strict qword 5
        push strict dword 5
        mov rax, -1
        mov rax, 0xffffffff
        mov rax, 0x123456789
        cmp al, 'x'
        mov eax, 'abcd'
.done:  hlt
        times 200 nop
far_away:
        ret
message: db 'hello', 13, 10, 0, "it's", '\n', -1, 255
        dw 'ab', 'abc', 0xffff, -1
message_end:
table:
%assign i 0
%rep 4
        dd i * i, table, $-$$
%assign i i+1
%endrep
times 4 dw $-$$
align 16, db 0xcc
stack_top equ 0x9000
        section .data
x:      dd 1, y
        section .bss
y:      resb 16
        section .text
        jmp y
        times 1024-($-$$) db 0
`,
  },
  {
    about: 'address forms and operand sizes in all three code sizes',
    source: String.raw`
        bits 64
        mov eax, [rbp+rax]
        mov eax, [rax+rbp]
        mov eax, [r13+rax]
        mov eax, [rax*1+rbp]
        mov eax, [rbp*1+rax]
        mov eax, [rbp+rax*1]
        mov eax, [rsp*1+rax]
        mov eax, [rbp*2]
        mov eax, [nosplit rax*2]
        mov eax, [rbp+rbp]
        mov eax, [rax+rbx+rax]
        mov eax, [rax*2+rax]
        mov eax, [rax+rbx-5]
        mov eax, [5+rbx*4]
        mov eax, [rax+4*(rbx+2)]
        mov eax, [rbx+8*1]
        mov eax, [a32 5]
        mov eax, [dword 5]
        mov al, [5]
        mov al, [0x12345678]
        jmp far dword [rax]
        jmp far word [rax]
        jmp [rax]
        jmp qword [rax]
        call rax
        o16 nop
        o64 nop
        a32 lodsb
        rep
        lock
        retf
        o64 retf
        iretq
        in al, 5
        in al, dx
        out 0x80, al
        push word 5
        push fs
        xchg rax, rbx
        xchg ebx, eax
        imul rax, 5
        imul eax, ebx, 1000
        shl eax, 1
        shl eax, cl
        shl byte [rax], 5
        mov [rax], eax
        mov byte [rax], -1
        test eax, [rbx]
        mov cr3, rax
        mov rax, cr8
        mov dr7, rax
        lgdt [rax]
        sgdt [rel x]
        int 0x80
        int3
        enter 5, 0
        ret 8
        vmmcall
        invlpga rax, ecx
        invlpg [rax]
        sldt ax
        str eax
        movzx eax, byte [rax]
        movsx rax, dword [rbx]
        movsxd rax, ebx
        mov rax, dword -1
        mov rax, qword -1
        mov ax, ds
        mov ds, eax
        and rax, 0xfffffffffffffff0
        and eax, 0xfffffff0
        and rax, -16
        mov eax, -1
        cmp ax, 0xffff
        add ax, 0xffff
        sub eax, 128
        sub eax, -128
x:
        bits 16
        mov ax, [si+bx]
        mov ax, [di+bp]
        mov ax, [bp]
        mov ax, [eax]
        mov ax, [bp+di+5]
        mov ax, [0x1234]
        mov ax, [dword 0x1234]
        mov eax, [es:bx]
        es mov eax, [bx]
        jmp far [bx]
        jmp far dword [bx]
        call 5:6
        jmp dword 8:x
        push 5
        push dword 5
        push 500
        o32 push 5
        o32 iret
        o32 lgdt [bx]
        movsd
        jcxz x
        jecxz x
        loop x, ecx
        a32 loop x
        retf
        o32 retf
        pushad
        pusha
        bits 32
        jmp 5:x
        jmp word 5:x
        mov ax, [bx+si]
        mov eax, [word 0x1234]
        a16 lodsb
        call x
        jmp near x
        jmp short x
`,
  },
  {
    about: 'macros, definitions, repetitions and conditions',
    source: String.raw`
; macros
bits 32
org 0x100000
%macro handler 1-2 0
isr_%1:
%if %2
        push dword 0
%else
        nop
%endif
        push dword %1
        jmp shared
%endmacro
%macro each 1-*
%rep %0
        dd %1
%rotate 1
%endrep
%endmacro
%macro log 1+
        jmp %%over
%%text: db %1
%%over: mov esi, %%text
%endmacro
%macro save 1-*
  %rep %0
        push %1
  %rotate 1
  %endrep
%endmacro
%macro restore 1-*
  %rep %0
  %rotate -1
        pop %1
  %endrep
%endmacro
%macro two 2
        db %1
        dw %2
%endmacro
%macro two 3
        db %1, %2, %3
%endmacro
%macro retn 0
        ret
%endmacro
%macro outer 1
        two %1, %{1}+1
        inner %1
%endmacro
%macro inner 1
%%l: loop %%l
        db %1
%endmacro
%define ENTRY(base, flags) (((base) << 8) | (flags))
%define A B
%define B 5
%define twice(x) x, x
%xdefine C A
%undef B
%define B 6
%assign n 3
%assign n n*2+1
handler 8
handler 14, 1
handler 0x20 , 0
shared: save eax, ebx, ecx
        restore eax, ebx, ecx
        log "hi", 13, 10, 0
        each 1, 2, 3+4, isr_8
        dd ENTRY(0x1000, 7)
        db A, B, C, n, twice(9)
        two 1, 2
        two 1, 2, 3
        two {1, 7}, 2
lbl:    outer 3
lbl2    outer 4
        retn
%ifdef A
        db 'A'
%elifdef Z
        db 'Z'
%else
        db 'N'
%endif
%ifndef A
        db 'n'
%elif n == 7 && 1
        db 'seven'
%else
        db 'other'
%endif
%ifidn a, a
        db 1
%endif
%ifidni abc, ABC
        db 2
%endif
%ifnum 5
        db 3
%endif
%ifid foo
        db 4
%endif
%ifstr 'x'
        db 5
%endif
%ifempty
        db 6
%endif
%ifnidn a, b
        db 7
%endif
%assign i 0
%rep 100
  %if i * i > 50
  %exitrep
  %endif
        dw i*i
  %assign i i+1
%endrep
%rep 2
%rep 3
        db 0xee
%endrep
        db 0xff
%endrep
x %+ 5: db 1
        dd x5
%define cat(a,b) a %+ b
        dd cat(x,5)
        db 1, \
        2, \
        3
%ifmacro two
        db 9
%endif
`,
  },
  {
    about: 'numbers, operators, data, alignment, local labels and sections',
    source: String.raw`
; arithmetic, sections
        org 0x1234
        bits 64
msg: db 'abc'
len equ $ - msg
        db len, $-msg, -5 // 2, -5 %% 3, 17 % 5, 7/2, 1<<3, 0xf0 >> 4, 5 ^ 3, 5 | 8, ~0 & 0xff, !5, !0, -1 & 0x7f
        db 0ffh, 0x0f, $0f, 0b101, 101b, 0o17, 17o, 17q, 1_000 & 0xff, 0d10, 10d, 0h1f, 0y11, 11y, 0q7, 0t9, 0bh
        dq -1, 0xffffffffffffffff, 'abcdefgh', -1 >> 60, -1 >>> 60, -9 / 2
        dd 'ab', 2+3*4-1, (2+3)*4, 1 | 2 ^ 3 & 4 << 1, -(-3), + 4, 3 < 4, 3 = 3, 3 <> 3, 1 && 0, 1 || 0, 1 ^^ 1
        dw forward, forward-msg, $, $$, $-$$
        db "a", 'b', '\n'
        times 5 db 1, 2
        times len*2 nop
        align 8
        db 1
        align 16, db 0xff
        dd 1
        alignb 8
        db 5
        align 4
forward:
        resb 3
        resw 2
        resq 1
        db ?, 5
        dw ?
a:
.x: jmp .y
.y: jmp .x
b:
.x: jmp .x
        jmp a.x
        jmp b.x
        mov eax, [rel a.y]
        section .data
d1: dd 5, a, b.x, d1
        align 32
d2: dq d2, bss1
        section .bss
bss1: resb 5
        alignb 64
bss2: resq 1
        section .text
        mov eax, [bss2]
        mov eax, bss2 - bss1
        add eax, bss2 - bss1
        cmp eax, d2-d1
        mov rdx, d2
        section .data
        db 9
        section .bss
        resb 1
last:
        section .text
        dq last
`,
  },
]
