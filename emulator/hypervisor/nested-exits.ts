/** An exit of L2: whether L1 gets it or L0 deals with it, and what L0 does then (KVM: nested_svm_exit_handled). */
import { EXIT, VECTOR } from '../svm/index.ts'
import { read, registers, take, type Handler } from './effects.ts'
import { emulate } from './emulate.ts'
import { holdBack } from './gif.ts'
import { nestedVmexit } from './nested-vmexit.ts'
import { msrPosition } from './permission-maps.ts'
import type { Context } from './context.ts'
import { nestedPageFault } from './shadow.ts'
import type { VcpuState } from './state.ts'
import { EVENT, EVENT_TYPE, get, intercepts, put, signedExitCode } from './vmcb-image.ts'

export function* exitOfL2(context: Context, vcpu: VcpuState): Handler<void> {
  const { vmcb02 } = vcpu
  const code = signedExitCode(vmcb02)
  if (code === EXIT.NPF) return yield* ownAffair(vcpu, nestedPageFault(context, vcpu))
  if (yield* belongsToL1(vcpu, code)) return yield* reflect(context, vcpu, code)
  switch (code) {
    case EXIT.NMI:
    case EXIT.SMI:
    case EXIT.INIT:
      return yield* ownAffair(vcpu, holdBack(context, vcpu, code))
    default:
      yield* ownAffair(vcpu, emulate(context, vcpu))
      return yield* reflectRaised(context, vcpu)
  }
}

/** L1 gets the exit as the processor reported it. Its INIT is used up; an SMI waits for L1's STGI. */
function* reflect(context: Context, vcpu: VcpuState, code: number): Handler<void> {
  if (code === EXIT.SMI) vcpu.smiPending = yield* take('smi')
  const { vmcb02 } = vcpu
  yield* nestedVmexit(context, vcpu, {
    code,
    info1: get(vmcb02, 'control.exit_info_1'),
    info2: get(vmcb02, 'control.exit_info_2'),
  })
}

/** Failures of VMRUN always; events only while L1's GIF lets them through; everything else if L1 intercepts it. */
function* belongsToL1(vcpu: VcpuState, code: number): Handler<boolean> {
  const { controls } = vcpu.nested
  if (code === EXIT.INVALID) return true
  if (!intercepts(controls, code)) return false
  if (code === EXIT.NMI || code === EXIT.INIT || code === EXIT.SMI) return vcpu.gif
  return code === EXIT.MSR ? yield* msrBelongsToL1(vcpu) : true
}

const RCX = 1

/** L1's map is read live: it is one of the things that L0 does not copy. */
function* msrBelongsToL1({ nested, vmcb02 }: VcpuState): Handler<boolean> {
  const general = yield* registers()
  const position = msrPosition(Number(general[RCX] & 0xffff_ffffn))
  if (position < 0) return true
  const bit = position + Number(get(vmcb02, 'control.exit_info_1') & 1n)
  const base = Number(get(nested.controls, 'control.msrpm_base_pa') & ~0xfffn)
  const byte = yield* read(base + (bit >> 3), 1, 'MSRPM')
  return byte === undefined || ((byte[0] >> (bit & 7)) & 1) !== 0
}

/** L0 deals with the exit; L2 goes on, and with it the event whose delivery was interrupted (§15.7.2). */
function* ownAffair(vcpu: VcpuState, handling: Handler<void>): Handler<void> {
  const interrupted = get(vcpu.vmcb02, 'control.exit_int_info')
  put(vcpu.vmcb02, 'control.event_inj', 0n)
  yield* handling
  if (vcpu.nested.guestMode && interrupted & EVENT.valid) injectAgain(vcpu, interrupted)
}

/**
 * An exception that L0 raised while it executed L2's instruction. What is injected is not intercepted (§15.20), so L0 looks for L1's
 * intercept itself. After a VMRUN, EVENTINJ has what L1 wants injected, which is no exception of L2's.
 */
function* reflectRaised(context: Context, vcpu: VcpuState): Handler<void> {
  const { nested, vmcb02 } = vcpu
  const event = get(vmcb02, 'control.event_inj')
  if (!nested.guestMode || nested.runPending || !(event & EVENT.valid)) return
  const code = EXIT.EXCEPTION_0 + Number(event & EVENT.vector)
  if ((event & EVENT.type) !== EVENT_TYPE.exception || !intercepts(nested.controls, code)) return
  put(vmcb02, 'control.n_rip', 0n)
  yield* nestedVmexit(context, vcpu, { code, info1: event >> 32n, info2: 0n })
}

/** INTn, INT3 and INTO execute again by themselves, unless L1 had injected them. */
function injectAgain({ nested, vmcb02 }: VcpuState, event: bigint): void {
  const ofInstruction =
    (event & EVENT.type) === EVENT_TYPE.software ||
    ((event & EVENT.type) === EVENT_TYPE.exception &&
      [VECTOR.BP, VECTOR.OF].some((vector) => BigInt(vector) === (event & EVENT.vector)))
  if (ofInstruction && nested.injected !== event) return
  put(vmcb02, 'control.event_inj', event)
  if (!ofInstruction) return
  put(vmcb02, 'control.n_rip', nested.injectedNextRip)
  put(vmcb02, 'save.rip', nested.injectedRip)
}
