; The first processor starts the second one. Both add to one number, each a hundred times.
        org 0x10000
APIC    equ 0xfee00000

start:  mov edi, APIC
        mov dword [rdi + 0x300], 0xc4500        ; INIT to all others
        mov dword [rdi + 0x300], 0xc4611        ; STARTUP: they begin at 11000h
        call work
both:   pause
        cmp dword [done], 2
        jne both
        hlt

; With LOCK the sum comes out right. Without it some additions are lost: try it.
work:   mov ecx, 100
.add:   lock inc dword [sum]
        loop .add
        lock inc dword [done]
        ret

sum:    dd 0
done:   dd 0

; The second processor, from real mode to 64-bit mode with the first one's tables.
        times 0x1000 - ($ - $$) db 0
bits 16
second: lgdt [cs:gdtr - second]
        mov eax, 0x20                           ; CR4.PAE
        mov cr4, eax
        mov eax, 0x1000
        mov cr3, eax
        mov ecx, 0xc0000080                     ; EFER: LME, SVME
        mov eax, 0x1100
        xor edx, edx
        wrmsr
        mov eax, 0x80000011                     ; CR0: PG, ET, PE
        mov cr0, eax
        jmp dword 8:long
gdtr:   dw 0x1f
        dd 0x7000
bits 64
long:   mov esp, 0x60000
        call work
        hlt
