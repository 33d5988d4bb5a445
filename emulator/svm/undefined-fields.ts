/** The fields of the VMCB that the manual leaves undefined after a #VMEXIT, for machines that are strict about them. */
import type { Cpu } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import type { Exit } from '../state/faults.ts'
import { vmcbField, type VmcbField } from './fields.ts'
import { SAVE_FIELDS } from './save-fields.ts'

const EXIT_INFO_1 = vmcbField('control.exit_info_1')
const EXIT_INFO_2 = vmcbField('control.exit_info_2')
const EXIT_FIELDS: readonly VmcbField[] = [EXIT_INFO_1, EXIT_INFO_2]

/** After VMEXIT_SHUTDOWN the state of the guest is undefined (APM vol 2 §15.14.3). */
const AFTER_SHUTDOWN = SAVE_FIELDS.filter(({ moved }) => moved.includes('vmexit'))

/** Fields that the exit does not define: EXITINFO1 and EXITINFO2 unless it has something to say there (§15.6). */
function undefinedAfter({ code, info1, info2 }: Exit): readonly VmcbField[] {
  return [
    ...(info1 === undefined ? [EXIT_INFO_1] : []),
    ...(info2 === undefined ? [EXIT_INFO_2] : []),
    ...(code === EXIT.SHUTDOWN ? AFTER_SHUTDOWN : []),
  ]
}

/** Says which bytes of the VMCB at `vmcb` the exit defined and which not. After everything else is stored. */
export function leaveUndefined({ undefinedBytes }: Cpu, vmcb: number, exit: Exit): void {
  if (undefinedBytes === undefined) return
  for (const { offset, bytes } of EXIT_FIELDS) undefinedBytes.define(vmcb + offset, bytes)
  if (exit.code !== EXIT.INVALID)
    for (const { offset, bytes } of AFTER_SHUTDOWN) undefinedBytes.define(vmcb + offset, bytes)
  for (const { offset, bytes } of undefinedAfter(exit)) undefinedBytes.leave(vmcb + offset, bytes)
}
