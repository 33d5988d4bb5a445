; A nested page fault in L1's tables. RAX is the VMCB. The page is there again; L2 goes on behind this.
