/**
 * L1's system-management mode (APM vol 2 §10.3, §15.22; KVM: svm_enter_smm, svm_leave_smm). L0 intercepts SMIs, and L1's handler runs in
 * vmcb01, whoever was interrupted:
 *
 *   L1 runs   its registers go to the state-save area, as on the bare machine
 *   L2 runs   its registers go there, too. Then L2 leaves as at a #VMEXIT, with an exit code that no processor has: vmcb12 gets what
 *             L2 was, vmcb01 has L1 again. As the handler needs vmcb01, L1's registers go to the host save area, L1's page at
 *             VM_HSAVE_PA. The state-save area says that L2 ran, and where vmcb12 is.
 *
 * RSM, which L0 intercepts while the handler runs, undoes it: L1's registers come from the host save area, and L2 is entered from vmcb12
 * as L1's VMRUN would, copies, checks and all. So there is nothing to save of L2 when a vCPU is moved in SMM.
 */
import { CR0, EFER, EXIT, isIllegalArea, SMM_ENTRY, STATE_SAVE, vmcbField } from '../svm/index.ts'
import type { Context } from './context.ts'
import {
  decided,
  nmiMask,
  read,
  readMsr,
  readOwn,
  registers,
  setRegister,
  write,
  writeMsr,
  writeOwn,
  type Handler,
} from './effects.ts'
import { isL1Ram } from './memory-map.ts'
import { leaveForSmm } from './nested-vmexit.ts'
import { copyAndCheck, enterGuestMode } from './nested-vmrun.ts'
import {
  areaOf,
  generalOf,
  HIDDEN_SEGMENTS,
  loadArea,
  loadHandlerState,
  readRow,
  SMM_REVISION,
  writeRow,
} from './smm-area.ts'
import { currentVmcb, type VcpuState } from './state.ts'
import { bytesOf, change, copySpan, get, markAllDirty, spansOf } from './vmcb-image.ts'

const MSR_SMBASE = 0xc001_0111
const PAGE = 4096

/** What a #VMEXIT to L1 saves of it in the host save area: what VMRUN and #VMEXIT move. */
const HOST_STATE = spansOf(
  [
    ...['es', 'cs', 'ss', 'ds'].flatMap((name) =>
      ['selector', 'attrib', 'limit', 'base'].map((part) => `save.${name}.${part}`),
    ),
    ...['gdtr', 'idtr'].flatMap((name) => [`save.${name}.limit`, `save.${name}.base`]),
    ...['cpl', 'efer', 'cr4', 'cr3', 'cr0', 'rflags', 'rip', 'rsp', 'rax'].map((name) => `save.${name}`),
  ]
    .map(vmcbField)
    .sort((a, b) => a.offset - b.offset),
)

/** The fields that VMLOAD and VMSAVE move and the state-save area has. */
const HIDDEN_STATE = spansOf(
  HIDDEN_SEGMENTS.flatMap((name) =>
    ['selector', 'attrib', 'limit', 'base'].map((part) => vmcbField(`save.${name}.${part}`)),
  ).sort((a, b) => a.offset - b.offset),
)

const RSM_INTERCEPT = 1n << BigInt(EXIT.RSM - 96)

/** RSM of L1 is L0's to execute in an SMI handler, and undefined anywhere else. */
export function interceptRsm({ smm, vmcb01 }: VcpuState): void {
  const others = get(vmcb01, 'control.intercept_vector_3') & ~RSM_INTERCEPT
  change(vmcb01, 'control.intercept_vector_3', smm ? others | RSM_INTERCEPT : others)
}

function* smbaseOf(): Handler<bigint> {
  return (yield* readMsr(MSR_SMBASE)) ?? 0n
}

/** L1 takes an SMI, which L0 has taken from the processor. */
export function* enterSmm(context: Context, vcpu: VcpuState): Handler<void> {
  const { nested } = vcpu
  const smbase = yield* smbaseOf()
  const image = currentVmcb(vcpu)
  yield* fetchHiddenState(context, vcpu, image)
  const area = areaOf(image, yield* registers(), smbase)
  if (!nested.guestMode && !vcpu.svme) writeRow(area, 'efer', get(image, 'save.efer') & ~EFER.SVME)
  if (nested.guestMode) {
    writeRow(area, 'svm_guest', 1n)
    writeRow(area, 'svm_guest.vmcb', BigInt(nested.vmcb12))
    if (!(yield* leaveL2(context, vcpu))) return
  }
  const bytes = new Uint8Array(area.buffer)
  if (!(yield* write(Number(smbase) + STATE_SAVE.offset, bytes, 'SMRAM'))) return yield* shutDown(vcpu)
  vcpu.smm = true
  interceptRsm(vcpu)
  vcpu.smmInsideNmi = yield* nmiMask()
  yield { kind: 'set-nmi-mask', masked: true }
  // EFER becomes 0, and without SVM there is no GIF that could be 0.
  vcpu.svme = false
  vcpu.gif = true
  loadHandlerState(vcpu.vmcb01, smbase, SMM_ENTRY)
  yield* putHiddenState(context, vcpu, vcpu.vmcb01)
  markAllDirty(vcpu.vmcb01)
}

/** L2 leaves for L1's handler, and L1's registers are put aside. False when L1 has no memory for it, and shuts down. */
function* leaveL2(context: Context, vcpu: VcpuState): Handler<boolean> {
  if (!(yield* leaveForSmm(context, vcpu))) return false
  yield* decided('smi-leaves-l2', 'save.rip', get(vcpu.vmcb02, 'save.rip'))
  const hsave = Number(vcpu.vmHsavePa)
  if (yield* write(hsave, bytesOf(vcpu.vmcb01), 'host save area', HOST_STATE)) return true
  yield* shutDown(vcpu)
  return false
}

/** RSM in L1's handler. What the processor would not take, or L2 cannot be entered with, shuts L1 down. */
export function* leaveSmm(context: Context, vcpu: VcpuState): Handler<void> {
  const smbase = yield* smbaseOf()
  const bytes = yield* read(Number(smbase) + STATE_SAVE.offset, STATE_SAVE.bytes, 'SMRAM')
  if (bytes === undefined) return yield* shutDown(vcpu)
  const area = new DataView(bytes.slice().buffer)
  const toL2 = readRow(area, 'svm_guest') !== 0n
  if (isIllegalArea(area, context.model, toL2, SMM_REVISION)) return yield* shutDown(vcpu)
  vcpu.smm = false
  interceptRsm(vcpu)
  yield { kind: 'set-nmi-mask', masked: vcpu.smmInsideNmi }
  vcpu.smmInsideNmi = false
  vcpu.svme = (readRow(area, 'efer') & EFER.SVME) !== 0n
  if (toL2 && !(yield* returnToL2(context, vcpu, area))) return yield* shutDown(vcpu)
  const image = currentVmcb(vcpu)
  loadArea(area, image)
  for (const { register, value } of generalOf(area)) yield* setRegister(register, value)
  yield* putHiddenState(context, vcpu, image)
  markAllDirty(image)
  yield* writeMsr(MSR_SMBASE, readRow(area, 'smbase'))
}

/** L2 is entered from vmcb12 as it is now. False when that cannot be. */
function* returnToL2(context: Context, vcpu: VcpuState, area: DataView): Handler<boolean> {
  const { vmcb01 } = vcpu
  const vmcb12 = Number(readRow(area, 'svm_guest.vmcb')) & -PAGE
  if (!vcpu.svme || !isL1Ram(context.map, vmcb12, PAGE)) return false
  const host = yield* read(Number(vcpu.vmHsavePa), PAGE, 'host save area')
  if (host === undefined) return false
  const saved = new DataView(host.slice().buffer)
  for (const span of HOST_STATE) copySpan(saved, vmcb01, span)
  markAllDirty(vmcb01)
  const hostPaging = (get(vmcb01, 'save.cr0') & CR0.PG) !== 0n
  const failed = yield* copyAndCheck(context, vcpu, vmcb12, hostPaging)
  if (failed.length > 0) return false
  yield* enterGuestMode(context, vcpu)
  yield* decided('rsm-returns-to-l2', 'save.rip', readRow(area, 'rip'))
  return vcpu.nested.guestMode
}

function* shutDown(vcpu: VcpuState): Handler<void> {
  vcpu.started = false
  yield { kind: 'shutdown', rip: get(currentVmcb(vcpu), 'save.rip') }
}

/** FS, GS, LDTR and TR, which stay in the processor at world switches, come into `image`. */
function* fetchHiddenState({ map }: Context, { index }: VcpuState, image: DataView): Handler<void> {
  const page = map.vcpus[index].vmcb01
  yield { kind: 'vmsave', vmcb: page }
  const stored = new DataView((yield* readOwn(page, PAGE)).slice().buffer)
  for (const span of HIDDEN_STATE) copySpan(stored, image, span)
}

/** They go from `image` into the processor, and what else VMLOAD loads is as it was. */
function* putHiddenState({ map }: Context, { index }: VcpuState, image: DataView): Handler<void> {
  const page = map.vcpus[index].vmcb01
  yield { kind: 'vmsave', vmcb: page }
  for (const { offset, bytes } of HIDDEN_STATE)
    yield* writeOwn(page + offset, bytesOf(image).subarray(offset, offset + bytes))
  yield { kind: 'vmload', vmcb: page }
}
