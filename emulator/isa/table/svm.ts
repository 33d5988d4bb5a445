/** SVM instructions (APM vol 3 chapter 4, vol 2 chapter 15). */
import { ARITHMETIC_FLAGS } from '../registers.ts'
import { define, type Row } from './row.ts'

export const svm: readonly Row[] = [
  ...define('vmrun', 'Run virtual machine', { section: 'APM vol 2 §15.5' })`
    vmrun rAX                  | 0F 01 D8
    vmrun                      | 0F 01 D8 | assembler-only
  `,
  ...define('vmmcall', 'Call virtual machine monitor', { section: 'APM vol 2 §15.9' })`vmmcall | 0F 01 D9`,
  ...define('vmload', 'Load state from VMCB', { section: 'APM vol 2 §15.5.2' })`
    vmload rAX                 | 0F 01 DA
    vmload                     | 0F 01 DA | assembler-only
  `,
  ...define('vmsave', 'Save state to VMCB', { section: 'APM vol 2 §15.5.2' })`
    vmsave rAX                 | 0F 01 DB
    vmsave                     | 0F 01 DB | assembler-only
  `,
  ...define('stgi', 'Set global interrupt flag', { section: 'APM vol 2 §15.17' })`stgi | 0F 01 DC`,
  ...define('clgi', 'Clear global interrupt flag', { section: 'APM vol 2 §15.17' })`clgi | 0F 01 DD`,
  ...define('skinit', 'Secure init and jump with attestation', {
    writes: ARITHMETIC_FLAGS,
    section: 'APM vol 2 §15.27',
  })`
    skinit EAX                 | 0F 01 DE | fixed
    skinit                     | 0F 01 DE | assembler-only
  `,
  ...define('invlpga', 'Invalidate TLB entry of an ASID', { section: 'APM vol 2 §15.16' })`
    invlpga rAX, ECX           | 0F 01 DF
    invlpga                    | 0F 01 DF | assembler-only
  `,
]
