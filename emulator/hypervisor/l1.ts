/**
 * The loop of a vCPU, as turns: a turn begins with the #VMEXIT of what ran last, and ends with the next VMRUN. While L1 runs,
 * vmcb01 is the current VMCB; while L2 runs, vmcb02.
 */
import { EFER, EXIT } from '../svm/index.ts'
import { emulate } from './emulate.ts'
import { noting, readMsr, readOwn, writeOwn, type Handler } from './effects.ts'
import { beforeRunning, holdBack, returnTaskPriority } from './gif.ts'
import { ASID, FLUSH_ASID, giveUp, L0_INTERCEPTS, type Context } from './context.ts'
import type { MemoryMap } from './memory-map.ts'
import { isOccasion, readUserState, writeUserState, type Migration } from './migration.ts'
import { get, markAllClean, markAllDirty, put, bytesOf, signedExitCode } from './vmcb-image.ts'
import { inPieces } from './pieces.ts'
import { enterVmcb02 } from './nested-vmrun.ts'
import { interceptRsm, leaveSmm } from './smm.ts'
import { exitOfL2 } from './nested-exits.ts'
import { currentVmcb, type VcpuState } from './state.ts'
import { beginTime } from './tsc.ts'

/** MSRs that L0 keeps for L1 (APM vol 2 §7.8.1, §15.30). */
const MSR = { pat: 0x277, vmCr: 0xc001_0114, vmHsavePa: 0xc001_0117 } as const

/** From the exit of what ran to the next VMRUN. */
export function turn(context: Context, vcpu: VcpuState): Handler<void> {
  const whole = wholeTurn(context, vcpu)
  return context.cuts === undefined ? whole : inPieces(whole, context.cuts)
}

function* wholeTurn(context: Context, vcpu: VcpuState): Handler<void> {
  if (!vcpu.started) yield* begin(context, vcpu)
  else yield* handleExit(onItsHost(context, vcpu), vcpu)
  if (vcpu.started) yield* run(onItsHost(context, vcpu), vcpu)
}

/** What L0 goes by where the vCPU is: on the other host the two sides of a move are exchanged. */
function onItsHost(context: Context, { elsewhere }: VcpuState): Context {
  const { decisions, migration } = context
  if (!elsewhere || migration?.to === undefined) return context
  return { ...context, decisions: migration.to, migration: { ...migration, to: decisions } }
}

/** What RESET, INIT or a loader left in the processor becomes L1's state in vmcb01. */
function* begin({ map, tscRatio }: Context, vcpu: VcpuState): Handler<void> {
  const page = map.vcpus[vcpu.index].vmcb01
  if (!vcpu.known) {
    vcpu.hostTscRatio = tscRatio ?? vcpu.hostTscRatio
    vcpu.pat = (yield* readMsr(MSR.pat)) ?? vcpu.pat
    vcpu.vmCr = (yield* readMsr(MSR.vmCr)) ?? 0n
    vcpu.vmHsavePa = (yield* readMsr(MSR.vmHsavePa)) ?? 0n
  }
  yield { kind: 'capture', vmcb: page }
  const image = vcpu.vmcb01
  yield* loadVmcb(page, image)
  vcpu.svme = (get(image, 'save.efer') & EFER.SVME) !== 0n
  put(image, 'save.efer', get(image, 'save.efer') | EFER.SVME)
  put(image, 'save.g_pat', vcpu.pat)
  initControls(map, image)
  yield* beginTime(vcpu)
  vcpu.gif = true
  vcpu.started = true
  vcpu.known = true
}

/** vmcb01's control area, the same for every vCPU that runs L1. */
function initControls(map: MemoryMap, image: DataView): void {
  put(image, 'control.intercept_vector_3', L0_INTERCEPTS[3])
  put(image, 'control.intercept_vector_4', L0_INTERCEPTS[4])
  put(image, 'control.iopm_base_pa', BigInt(map.iopm))
  put(image, 'control.msrpm_base_pa', BigInt(map.msrpm01))
  put(image, 'control.asid', ASID.l1)
  put(image, 'control.tlb_control', FLUSH_ASID)
  put(image, 'control.nested_control', NP_ENABLE)
  put(image, 'control.n_cr3', BigInt(map.nCr3))
  markAllDirty(image)
}

const NP_ENABLE = 1n
/** Takes over what the processor has stored in one of L0's VMCBs. */
function* loadVmcb(page: number, image: DataView): Handler<void> {
  bytesOf(image).set(yield* readOwn(page, 4096))
}

/** Takes the exit over from the VMCB that ran, and does what it asks for. */
function* handleExit(context: Context, vcpu: VcpuState): Handler<void> {
  const pages = context.map.vcpus[vcpu.index]
  const image = currentVmcb(vcpu)
  yield* loadVmcb(vcpu.nested.guestMode ? pages.vmcb02 : pages.vmcb01, image)
  // L1 writes its PAT without an exit.
  if (!vcpu.nested.guestMode) vcpu.pat = get(image, 'save.g_pat')
  markAllClean(image)
  put(image, 'control.tlb_control', 0n)
  vcpu.nested.runPending = false
  yield* returnTaskPriority(vcpu)
  const handling = vcpu.nested.guestMode ? exitOfL2(context, vcpu) : exitOfL1(context, vcpu)
  const { migration } = context
  if (migration === undefined) return yield* handling
  const exit = { code: signedExitCode(image), events: [] }
  yield* noting(handling, exit.events)
  // A page fault L0 settles without returning to its user: or L2 would never see all of the pages that an instruction needs.
  if (vcpu.started && exit.code !== EXIT.NPF && isOccasion(migration, vcpu, exit))
    yield* migrate(context, vcpu, migration)
}

function* exitOfL1(context: Context, vcpu: VcpuState): Handler<void> {
  const code = signedExitCode(vcpu.vmcb01)
  switch (code) {
    case EXIT.NMI:
    case EXIT.SMI:
    case EXIT.INIT:
      return yield* holdBack(context, vcpu, code)
    case EXIT.RSM:
      return yield* leaveSmm(context, vcpu)
    default:
      return yield* emulate(context, vcpu)
  }
}

/** VMRUN of the current VMCB. */
function* run(context: Context, vcpu: VcpuState): Handler<void> {
  const { map } = context
  if (vcpu.started && vcpu.nested.guestMode) yield* resumeL2(context, vcpu)
  if (!vcpu.started) return
  const interrupts = yield* beforeRunning(vcpu)
  const pages = map.vcpus[vcpu.index]
  const vmcb = vcpu.nested.guestMode ? pages.vmcb02 : pages.vmcb01
  const image = currentVmcb(vcpu)
  vcpu.nested.injected = get(image, 'control.event_inj')
  vcpu.nested.injectedNextRip = get(image, 'control.n_rip')
  yield* writeOwn(vmcb, bytesOf(image))
  yield { kind: 'vmrun', vmcb, interrupts }
}

/** The user moves the vCPU to a new one. If that one refuses the nested state, L1 is lost. */
function* migrate({ map, decisions, facts }: Context, vcpu: VcpuState, migration: Migration): Handler<void> {
  const { guestMode } = vcpu.nested
  const user = readUserState(vcpu, decisions, migration)
  const there = migration.to ?? decisions
  const { vcpu: moved, result } = writeUserState(vcpu.index, user, there, facts, migration)
  const answer = result.ok ? ({ error: '', rule: '' } as const) : { error: result.error, rule: result.rule }
  yield { kind: 'nested', event: { kind: 'restored', ...answer, guestMode } }
  if (!result.ok) return yield* giveUp(vcpu)
  initControls(map, moved.vmcb01)
  interceptRsm(moved)
  yield* beginTime(moved)
  Object.assign(vcpu, moved, { occasions: vcpu.occasions, elsewhere: !vcpu.elsewhere })
}

/** L2 goes on: after a restore, on a vmcb02 that is built anew, and with a PAT that no longer follows L1's. */
function* resumeL2(context: Context, vcpu: VcpuState): Handler<void> {
  const { nested } = vcpu
  nested.followsHPat = false
  if (!nested.restored) return
  nested.restored = false
  nested.injectedRip = get(vcpu.vmcb02, 'save.rip')
  yield* enterVmcb02(context, vcpu)
}
