/** The bits of VMCB offset 090h that nested paging heeds, as VMRUN keeps them in the vCPU block (APM vol 2 §15.25.3). */
export const NESTED_CONTROL = {
  /** NP_ENABLE; while it is 0 the others are too. */
  enable: 1,
  /** Guest mode execute trap (§15.25.13). */
  executeTrap: 1 << 3,
  /** Read-only guest page tables (§15.25.5). */
  readOnlyTables: 1 << 6,
} as const
