; What the other processor of L1 stores while L0 deals with VMRUN: four bytes at an offset in vmcb12.
FIRST_AT        equ VMCB_CONTROL_INTERCEPT_VECTOR_4
FIRST_IS        equ 2                   ; VMMCALL only

SECOND_AT       equ VMCB_SAVE_G_PAT
SECOND_IS       equ 0x02020202          ; no memory type has this number
