; What the other processor of L1 stores while L0 deals with VMRUN: four bytes at an offset in vmcb12.
FIRST_AT        equ VMCB_SAVE_CR0
FIRST_IS        equ 0x80000031          ; without WP

SECOND_AT       equ VMCB_SAVE_CR0
SECOND_IS       equ 0x80000031
