/** SPEC_CTRL virtualization (CPUID 8000_000Ah EDX[20]): the guest has the MSR to itself, at VMCB offset 6E0h. */
import { OFFSET } from '../state/layout.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { offsetOf } from './fields.ts'
import type { VmcbPage } from './vmcb-page.ts'

const AT = offsetOf('save.spec_ctrl')
const WORD = OFFSET.specCtrl >> 2
const HOST = OFFSET.hostSpecCtrl >> 2

/** VMRUN: keeps the host's value and loads the guest's. */
export function enterSpecCtrl({ words }: Vcpu, vmcb: VmcbPage): void {
  words[HOST] = words[WORD]
  words[HOST + 1] = words[WORD + 1]
  vmcb.load(AT, words, WORD)
}

/** #VMEXIT: stores the guest's value and reloads the host's. */
export function leaveSpecCtrl({ words }: Vcpu, vmcb: VmcbPage): void {
  vmcb.store(AT, words, WORD)
  words[WORD] = words[HOST]
  words[WORD + 1] = words[HOST + 1]
}
