/**
 * What L0 does instead of the processor: the SVM instructions and the MSRs of SVM, for L1 and for an L2 whose hypervisor does not
 * intercept them. The processor has made its own checks before it exits (APM vol 2 table 15-7): operands are page-aligned and the
 * CPL is 0. Only EFER.SVME is L0's to check, because the hardware's is always 1.
 */
import { EXIT, VECTOR } from '../svm/index.ts'
import { registers, type Handler } from './effects.ts'
import { emulateMsr } from './emulate-msrs.ts'
import { isL1Ram } from './memory-map.ts'
import { nestedVmrun } from './nested-vmrun.ts'
import { giveUp, retire, type Context } from './context.ts'
import { translateForL2 } from './shadow.ts'
import { currentVmcb, type VcpuState } from './state.ts'
import { addressInRax, get, injectException, signedExitCode } from './vmcb-image.ts'

type Emulation = (context: Context, vcpu: VcpuState) => Handler<void>

const RCX = 1

/** An SVM instruction: #UD while EFER.SVME is 0. */
function instruction(execute: Emulation): Emulation {
  return function* (context, vcpu) {
    if (!vcpu.svme) injectException(currentVmcb(vcpu), VECTOR.UD)
    else yield* execute(context, vcpu)
  }
}

const clgi: Emulation = function* (_, vcpu) {
  vcpu.gif = false
  retire(currentVmcb(vcpu))
}

const stgi: Emulation = function* (_, vcpu) {
  vcpu.gif = true
  retire(currentVmcb(vcpu))
}

/** Without their virtualization rAX is an address of L1, also in L2; with it, one of L2 (§15.33.1). */
function moveHiddenState(kind: 'vmload' | 'vmsave'): Emulation {
  return function* (context, vcpu) {
    const image = currentVmcb(vcpu)
    const address = addressInRax(image)
    const vmcb = yield* translateForL2(context, vcpu, address, kind === 'vmsave')
    if (vmcb === undefined) return
    if (!isL1Ram(context.map, vmcb, 4096)) return yield* giveUp(vcpu)
    yield { kind, vmcb }
    retire(image)
  }
}

/** L1's ASID 0 is ASID 1 here; those that L1 gives its guests share one, which each nested VMRUN flushes. */
const invlpga: Emulation = function* (_, vcpu) {
  const image = currentVmcb(vcpu)
  const general = yield* registers()
  const asid = Number(general[RCX] & 0xffff_ffffn)
  if (asid === 0) yield { kind: 'invalidate', linear: get(image, 'save.rax'), asid: 1 }
  retire(image)
}

const EMULATIONS: ReadonlyMap<number, Emulation> = new Map([
  [EXIT.VMRUN, instruction(nestedVmrun)],
  [EXIT.VMLOAD, instruction(moveHiddenState('vmload'))],
  [EXIT.VMSAVE, instruction(moveHiddenState('vmsave'))],
  [EXIT.CLGI, instruction(clgi)],
  [EXIT.STGI, instruction(stgi)],
  [EXIT.INVLPGA, instruction(invlpga)],
  [EXIT.MSR, emulateMsr],
])

/** Does what the guest that runs wanted when it exited with this code. Exits that L0 does not expect end L1. */
export function* emulate(context: Context, vcpu: VcpuState): Handler<void> {
  const emulation = EMULATIONS.get(signedExitCode(currentVmcb(vcpu)))
  if (emulation === undefined) yield* giveUp(vcpu)
  else yield* emulation(context, vcpu)
}
