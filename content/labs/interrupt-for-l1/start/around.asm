; RAX is the VMCB.
        vmrun
        stgi
