; 64-bit code at CPL 0. The first 4 GB are mapped to themselves, and EFER.SVME is set.
        org 0x10000
start:  hlt
