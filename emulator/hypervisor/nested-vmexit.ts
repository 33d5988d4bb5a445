/**
 * The nested #VMEXIT: vmcb12 gets what L2 was and why it left, and vmcb01 runs again (APM vol 2 §15.6; KVM: nested_svm_vmexit).
 */
import { CR0, EXIT, VMCB_FIELDS } from '../svm/index.ts'
import { write, type Handler } from './effects.ts'
import type { Context } from './context.ts'
import { decisionFor, perDesign, type Decisions } from './decisions.ts'
import { virtualInterruptForL1 } from './merge.ts'
import { gPatToWriteBack } from './pat.ts'
import { emptyImage, type VcpuState } from './state.ts'
import { leaveTimeOfL2 } from './tsc.ts'
import { bytesOf, change, get, put, RFLAGS, spansOf, trapIfStepping, type Span } from './vmcb-image.ts'

export interface NestedExit {
  /** As a signed number. */
  readonly code: number
  readonly info1: bigint
  readonly info2: bigint
}

export function* nestedVmexit(context: Context, vcpu: VcpuState, exit: NestedExit): Handler<void> {
  const image = yield* writeVmcb12(context, vcpu, exit)
  if (image === undefined) return
  const last = exit.code === EXIT.INVALID ? vcpu.vmcb01 : image
  yield* reportNestedVmexit(vcpu, image, get(last, 'save.rip'))
  yield* leaveTimeOfL2(vcpu)
  leaveL2(vcpu)
  trapIfStepping(vcpu.vmcb01)
}

/** L2 leaves for L1's SMI handler: as at a #VMEXIT, but L1 does not come to see it. False when L1 has shut down over it. */
export function* leaveForSmm(context: Context, vcpu: VcpuState): Handler<boolean> {
  if ((yield* writeVmcb12(context, vcpu, { code: EXIT_SW, info1: 0n, info2: 0n })) === undefined) return false
  yield* leaveTimeOfL2(vcpu)
  leaveL2(vcpu)
  return true
}

/** An exit code that is the host software's to use (APM vol 2 appendix C): this is KVM's. */
const EXIT_SW = 0xf000_0000

/** What vmcb12 got; undefined where L1 has no RAM any more, and shuts down. */
function* writeVmcb12(
  { decisions }: Context,
  vcpu: VcpuState,
  exit: NestedExit,
): Handler<DataView | undefined> {
  const image = imageForVmcb12(vcpu, exit)
  if (yield* write(vcpu.nested.vmcb12, bytesOf(image), 'vmcb12', writtenSpans(vcpu, decisions))) return image
  yield* losesVmcb12(vcpu)
  return undefined
}

/** Tells of the #VMEXIT that L1 sees; `image` has what vmcb12 got, `rip` is where the guest was, or L1 where none ran. For VMEXIT_INVALID with the checks that failed. */
export function* reportNestedVmexit(
  { nested }: VcpuState,
  image: DataView,
  rip: bigint,
  failedChecks: readonly string[] = [],
): Handler<void> {
  yield {
    kind: 'nested',
    event: {
      kind: 'vmexit',
      vmcb: nested.vmcb12,
      asid: Number(get(nested.controls, 'control.asid')),
      code: get(image, 'control.exit_code'),
      info1: get(image, 'control.exit_info_1'),
      info2: get(image, 'control.exit_info_2'),
      rip,
      nextRip: get(image, 'control.n_rip'),
      failedChecks,
    },
  }
}

/** vmcb12 cannot be written any more: L1 shuts down. */
function* losesVmcb12(vcpu: VcpuState): Handler<void> {
  vcpu.started = false
  yield { kind: 'shutdown', rip: get(vcpu.vmcb02, 'save.rip') }
}

const EVENTINJ = 'control.event_inj'

/** What the processor writes at #VMEXIT. */
const WRITTEN = VMCB_FIELDS.filter(
  ({ key, moved, feature }) => moved.includes('vmexit') && key !== 'save.spec_ctrl' && feature !== 'cet_ss',
)

/** vmcb12 as it will be where writtenSpans() says. */
function imageForVmcb12(vcpu: VcpuState, { code, info1, info2 }: NestedExit): DataView {
  const { vmcb02, nested } = vcpu
  const image = emptyImage()
  bytesOf(image).set(bytesOf(vmcb02))
  put(image, 'control.exit_code', BigInt(code))
  put(image, 'control.exit_info_1', info1)
  put(image, 'control.exit_info_2', info2)
  put(image, EVENTINJ, 0n)
  if (code === EXIT.INVALID) put(image, 'control.exit_int_info', 0n)
  const [wanted, word] = [nested.controls, vmcb02].map((from) => get(from, 'control.virtual_interrupt'))
  put(image, 'control.virtual_interrupt', virtualInterruptForL1(wanted, word))
  return image
}

/** What decides besides the design which fields are written. */
interface Writing {
  /** Most exits leave the old bytes as they are (§15.8.4). */
  readonly instructionBytes: boolean
  readonly lastBranches: boolean
  readonly gPat: boolean
}

function spansWritten(
  decisions: Decisions,
  { instructionBytes, lastBranches, gPat }: Writing,
): readonly Span[] {
  const written = WRITTEN.filter(({ key, when, moved }) => {
    if (key === 'control.instruction_bytes') return instructionBytes
    if (key === 'save.g_pat') return gPat
    if (when === 'LBR virtualization' && !lastBranches) return false
    return !moved.includes('vmrun') || decisionFor(decisions, key).write_back === 'as-hardware'
  })
  return spansOf(written)
}

/** spansWritten() of each combination, as far as they have occurred. */
const knownSpans = perDesign(() => new Map<string, readonly Span[]>())

/** The bytes of vmcb12 that change: what the processor writes, as far as the decisions do not keep L0 from it. */
function writtenSpans(vcpu: VcpuState, decisions: Decisions): readonly Span[] {
  const extensions = get(vcpu.nested.controls, 'control.virtualization_extensions')
  const writing: Writing = {
    instructionBytes: get(vcpu.vmcb02, 'control.instruction_bytes_fetched') !== 0n,
    lastBranches: (extensions & LBR_VIRTUALIZATION) !== 0n,
    gPat: gPatToWriteBack(vcpu, decisions) !== undefined,
  }
  const known = knownSpans(decisions)
  const name = Object.values(writing).join()
  let spans = known.get(name)
  if (spans === undefined) known.set(name, (spans = spansWritten(decisions, writing)))
  return spans
}

const LBR_VIRTUALIZATION = 1n

const DR7_DISABLED = 0x400n

/** vmcb01 runs again: what #VMEXIT does to the host (§15.6). CR2 and DR6 stay the guest's. */
function leaveL2(vcpu: VcpuState): void {
  const { vmcb01, vmcb02, nested } = vcpu
  nested.guestMode = false
  nested.runPending = false
  vcpu.gif = false
  change(vmcb01, 'save.cr2', get(vmcb02, 'save.cr2'))
  change(vmcb01, 'save.dr6', get(vmcb02, 'save.dr6'))
  change(vmcb01, 'save.dr7', DR7_DISABLED)
  change(vmcb01, 'save.cr0', get(vmcb01, 'save.cr0') | CR0.PE)
  change(vmcb01, 'save.rflags', get(vmcb01, 'save.rflags') & ~(RFLAGS.VM | RFLAGS.RF))
  put(vmcb01, 'control.interrupt_shadow', 0n)
}
