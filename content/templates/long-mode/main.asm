; Writes a line to the serial port at 3F8h.
        org 0x10000
start:  lea rsi, [rel text]
        mov edx, 0x3f8
next:   lodsb
        test al, al
        jz done
        out dx, al
        jmp next
done:   hlt

text:   db "Hello from 64-bit mode.", 10, 0
