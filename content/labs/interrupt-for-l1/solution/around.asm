; RAX is the VMCB.
        clgi                    ; nothing is taken before L2 runs
        sti                     ; and while it runs, L1's IF counts
        vmrun
        stgi                    ; here L1 takes the interrupt
