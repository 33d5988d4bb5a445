/**
 * L1 executes VMRUN: L0 copies vmcb12, checks the copy, and makes vmcb02 of it (APM vol 2 §15.5; KVM: nested_svm_vmrun). Each step
 * is a function of its own, in the order in which they happen.
 */
import type { CpuModel } from '../machine/index.ts'
import { type Check, type CleanGroup, CR0, EXIT, VECTOR } from '../svm/index.ts'
import { checkVmcb12, copyVmcb12, mustLoadGroup, settleControls, useSaveArea, valueToUse } from './copies.ts'
import { type Decisions } from './decisions.ts'
import { INTERCEPT_VECTORS, mergeIntercepts } from './merge.ts'
import { loadGPat } from './pat.ts'
import { decided, read, write, writeOwn, type Handler } from './effects.ts'
import { MSRS_OF_L2 } from './emulate-msrs.ts'
import { ASID, FLUSH_ASID, giveUp, L0_INTERCEPTS, type Context } from './context.ts'
import { isL1Ram } from './memory-map.ts'
import { nestedVmexit, reportNestedVmexit } from './nested-vmexit.ts'
import { hasLegalPdpes } from './pdpes.ts'
import { IOPM_BYTES, mergeMaps, MSRPM_BYTES, permissionMap } from './permission-maps.ts'
import { startShadow } from './shadow.ts'
import { currentVmcb, emptyImage, type VcpuState } from './state.ts'
import { enterTimeOfL2 } from './tsc.ts'
import {
  addressInRax,
  bytesOf,
  change,
  get,
  injectException,
  intercepts,
  put,
  skipInstruction,
  VIRTUAL_INTERRUPT,
} from './vmcb-image.ts'

export function* nestedVmrun(context: Context, vcpu: VcpuState): Handler<void> {
  const caller = currentVmcb(vcpu)
  if (vcpu.smm) {
    injectException(caller, VECTOR.UD)
    return
  }
  if (!hasHostSaveArea(vcpu)) {
    injectException(caller, VECTOR.GP, 0)
    return
  }
  const address = addressInRax(caller)
  if (!isL1Ram(context.map, address, 4096)) return yield* giveUp(vcpu)
  yield { kind: 'nested', event: { kind: 'vmrun', vmcb: address } }
  const hostPaging = (get(caller, 'save.cr0') & CR0.PG) !== 0n
  const failed = yield* copyAndCheck(context, vcpu, address, hostPaging)
  skipInstruction(caller)
  if (failed.length > 0) return yield* refuse(vcpu, failed)
  keepL1(vcpu, caller)
  yield* enterGuestMode(context, vcpu)
}

/** Copies vmcb12 from L1's RAM, and returns which checks the copy fails. `hostPaging`: L1 has CR0.PG set. */
export function* copyAndCheck(
  { decisions, facts }: Context,
  { nested }: VcpuState,
  vmcb12: number,
  hostPaging: boolean,
): Handler<readonly Check[]> {
  nested.vmcb12 = vmcb12
  yield* copyVmcb12(nested, decisions)
  return yield* checkVmcb12(nested, decisions, { ...facts, hostPaging })
}

/** L2 becomes what runs, with a vmcb02 made of the copies. */
export function* enterGuestMode(context: Context, vcpu: VcpuState): Handler<void> {
  const { decisions } = context
  yield* settleControls(vcpu, decisions)
  enterL2(vcpu)
  yield* prepareSave(vcpu, decisions)
  yield* enterVmcb02(context, vcpu)
  vcpu.nested.last = vcpu.nested.vmcb12
}

/**
 * Makes vmcb02 of the cached controls, and points it to tables that L2 can run on. L2's registers are in it already. The late failure,
 * of what lies in L1's memory, is a nested #VMEXIT, which writes vmcb12's save area too.
 */
export function* enterVmcb02(context: Context, vcpu: VcpuState): Handler<void> {
  prepareControls(context, vcpu)
  yield* startShadow(context, vcpu)
  yield* enterTimeOfL2(vcpu)
  if (!(yield* hasLegalPdpes(context, vcpu)) || !(yield* mergeMsrpm(context, vcpu))) {
    put(vcpu.vmcb02, 'control.exit_code', BigInt(EXIT.INVALID))
    yield* nestedVmexit(context, vcpu, { code: EXIT.INVALID, info1: 0n, info2: 0n })
  }
}

/** KVM's own rule: without VM_HSAVE_PA no VMRUN. */
function hasHostSaveArea({ vmHsavePa }: VcpuState): boolean {
  return vmHsavePa !== 0n
}

/** The early failure: L1 sees an immediate #VMEXIT, and of vmcb12 only the exit is written. */
function* refuse(vcpu: VcpuState, failed: readonly Check[]): Handler<void> {
  const { vmcb12 } = vcpu.nested
  const exit = emptyImage()
  put(exit, 'control.exit_code', BigInt(EXIT.INVALID))
  vcpu.gif = false
  yield* decided('refused-early', 'control.exit_code', BigInt(EXIT.INVALID))
  yield* write(vmcb12, bytesOf(exit), 'vmcb12', REFUSAL)
  const ids = failed.map(({ id }) => id)
  yield* reportNestedVmexit(vcpu, exit, get(vcpu.vmcb01, 'save.rip'), ids)
}

/** EXITCODE, EXITINFO1, EXITINFO2 and EXITINTINFO; EVENTINJ. */
const REFUSAL = [
  { offset: 0x70, bytes: 0x20 },
  { offset: 0xa8, bytes: 8 },
] as const

const OF_L1 = ['save.efer', 'save.cr0', 'save.cr4', 'save.rflags', 'save.rip']

/**
 * Where L1 goes on after the nested #VMEXIT is kept in vmcb01. Whoever executed VMRUN is taken for L1, whose own state is there already:
 * it is the VMRUN intercept, which every vmcb12 must have, that keeps L2 from getting here and becoming L1.
 */
function keepL1({ vmcb01 }: VcpuState, caller: DataView): void {
  for (const key of OF_L1) change(vmcb01, key, get(caller, key))
}

/** From here on the vCPU is in guest mode: VMRUN has set GIF, and what exits is L2. */
function enterL2(vcpu: VcpuState): void {
  vcpu.nested.guestMode = true
  vcpu.nested.runPending = true
  vcpu.gif = true
}

/** Fields of the control area that vmcb02 has from vmcb12 as they are. */
const FROM_VMCB12 = [
  ...['control.pause_filter_threshold', 'control.pause_filter_count'],
  ...['control.virtual_interrupt', 'control.interrupt_shadow', 'control.event_inj', 'control.n_rip'],
  'control.bus_lock_counter',
] as const

const NP_ENABLE = 1n
const LBR_VIRTUALIZATION = 1n

/** vmcb02's control area: L1's wishes, and what L0 insists on. L2 always runs on L0's nested paging. */
function prepareControls({ map, model }: Context, { index, nested, vmcb02 }: VcpuState): void {
  const { controls } = nested
  mergeIntercepts(l0InterceptsInL2(model, controls), controls).forEach((vector, i) =>
    change(vmcb02, INTERCEPT_VECTORS[i], vector),
  )
  for (const key of FROM_VMCB12) change(vmcb02, key, get(controls, key))
  // L1's map can be used as it is, because L0 intercepts no port: the processor reads it live.
  const iopm = Number(get(controls, 'control.iopm_base_pa') & ~0xfffn)
  change(vmcb02, 'control.iopm_base_pa', BigInt(isL1Ram(map, iopm, IOPM_BYTES) ? iopm : map.iopm))
  const ownMap = intercepts(controls, EXIT.MSR)
  change(vmcb02, 'control.msrpm_base_pa', BigInt(ownMap ? map.vcpus[index].msrpm : map.msrpm02))
  change(vmcb02, 'control.asid', ASID.l2)
  put(vmcb02, 'control.tlb_control', FLUSH_ASID)
  put(vmcb02, 'control.nested_control', NP_ENABLE)
  const extensions = get(controls, 'control.virtualization_extensions') & LBR_VIRTUALIZATION
  change(vmcb02, 'control.virtualization_extensions', extensions)
}

/** With a virtual GIF of its own, CLGI and STGI of L2 do not touch L1's (§15.33.2). */
function l0InterceptsInL2(model: CpuModel, controls: DataView): readonly bigint[] {
  const hasOwnGif = (get(controls, 'control.virtual_interrupt') & VIRTUAL_INTERRUPT.gifEnable) !== 0n
  if (!hasOwnGif || !model.has('vgif')) return L0_INTERCEPTS
  const ofGif = [EXIT.CLGI, EXIT.STGI].reduce((mask, code) => mask | (1n << BigInt(code - 128)), 0n)
  return L0_INTERCEPTS.map((vector, i) => (i === 4 ? vector & ~ofGif : vector))
}

const ALWAYS_LOADED: readonly (CleanGroup | undefined)[] = [undefined, 'cr2', 'crx']

/** vmcb02's save area: what L1 says that it has not changed counts as unchanged, if vmcb12 is where it was (§15.15). */
function* prepareSave(vcpu: VcpuState, decisions: Decisions): Handler<void> {
  const mustLoad = (group: CleanGroup | undefined) =>
    ALWAYS_LOADED.includes(group) || mustLoadGroup(vcpu.nested, group!)
  yield* useSaveArea(vcpu, decisions, mustLoad)
  yield* loadGPat(vcpu, decisions)
  // A second use of rIP: where L2 goes on if the delivery of what L1 injects is interrupted.
  vcpu.nested.injectedRip = yield* valueToUse(vcpu, decisions, 'save.rip')
}

/** What L0 intercepts in L2: the map at msrpm02. */
const L0_MAP = permissionMap(MSRS_OF_L2)

/** What L0 or L1 intercepts. False where L1 has no RAM at its map. */
function* mergeMsrpm({ map }: Context, { index, nested }: VcpuState): Handler<boolean> {
  if (!intercepts(nested.controls, EXIT.MSR)) return true
  const address = Number(get(nested.controls, 'control.msrpm_base_pa') & ~0xfffn)
  const wanted = yield* read(address, MSRPM_BYTES, 'MSRPM')
  if (wanted === undefined) return false
  yield* writeOwn(map.vcpus[index].msrpm, mergeMaps(wanted, L0_MAP))
  return true
}
