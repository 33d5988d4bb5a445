; RAX is the VMCB. The field that was wrong has been mended, and VMRUN comes next.
