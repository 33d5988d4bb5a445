/** Where the registers that both VMRUN and #VMEXIT move lie in the VMCB (APM vol 2 appendix B, table B-2). */
import { offsetOf } from './fields.ts'

export const REGISTERS_AT = {
  gdtrLimit: offsetOf('save.gdtr.limit'),
  gdtrBase: offsetOf('save.gdtr.base'),
  idtrLimit: offsetOf('save.idtr.limit'),
  idtrBase: offsetOf('save.idtr.base'),
  cpl: offsetOf('save.cpl'),
  efer: offsetOf('save.efer'),
  cr4: offsetOf('save.cr4'),
  cr3: offsetOf('save.cr3'),
  cr0: offsetOf('save.cr0'),
  dr7: offsetOf('save.dr7'),
  dr6: offsetOf('save.dr6'),
  rflags: offsetOf('save.rflags'),
  rip: offsetOf('save.rip'),
  rsp: offsetOf('save.rsp'),
  rax: offsetOf('save.rax'),
  cr2: offsetOf('save.cr2'),
  gPat: offsetOf('save.g_pat'),
} as const
