; A machine with caches, write combining and a framebuffer: 160 x 100 pixels of 32 bits at E0000000h. The PAT and the page table decide
; how the stores of the picture get there; the panel Devices shows the picture, Memory types how the type came about.
        org 0x10000
FRAME   equ 0xe0000000
PD3     equ 0x6000              ; the start state's tables for 3 GB..4 GB

start:  mov ecx, 0x277          ; PAT: slot PA1 becomes write-combining
        rdmsr
        mov ah, 1
        wrmsr
        ; The first 2 MB of the framebuffer take slot PA1: PWT.
        or qword [PD3 + 256 * 8], 8
        mov edi, FRAME
        invlpg [rdi]

        xor edx, edx            ; row
row:    xor ecx, ecx            ; column
pixel:  mov eax, ecx
        shl eax, 8
        or eax, edx
        imul eax, eax, 2
        stosd
        inc ecx
        cmp ecx, 160
        jb pixel
        inc edx
        cmp edx, 100
        jb row
        sfence                  ; what still waits in the write-combining buffers
        hlt
