/**
 * L1's global interrupt flag (APM vol 2 §15.17). The processor's own is 1 whenever a guest runs, so L0 plays L1's: CLGI and STGI
 * are intercepted, and while L1's GIF is 0
 *
 *   interrupts       wait in the local APIC: V_INTR_MASKING is on and L0's rFLAGS.IF off; then V_TPR stands for CR8, so L0 lends it
 *   NMI, SMI, INIT   are intercepted, and wait in L0's state
 *   V_IRQ, V_NMI     of L2 wait in its VMCB: L0 gives L2 a virtual GIF of 0 (§15.33.2), if L1 has not given it one
 *
 * SMIs and INITs also wait while an SMI handler of L1 runs.
 */
import { EXIT } from '../svm/index.ts'
import type { Context } from './context.ts'
import { take, taskPriority, type Handler } from './effects.ts'
import { enterSmm } from './smm.ts'
import { currentVmcb, holdsEvents, type VcpuState } from './state.ts'
import { change, get, injectException, put, RFLAGS, VIRTUAL_INTERRUPT } from './vmcb-image.ts'

const NMI_INTERCEPT = 1n << BigInt(EXIT.NMI - 96)

/** VM_CR.R_INIT: INIT becomes #SX, whose error code is 1 (APM vol 2 §15.28). */
const VM_CR_R_INIT = 2n
const SX = 30
const SX_INIT = 1

/** NMI, SMI or INIT has come, and is no exit of L2 for L1: it waits, or L1 takes it. */
export function* holdBack(context: Context, vcpu: VcpuState, code: number): Handler<void> {
  switch (code) {
    case EXIT.NMI:
      yield* take('nmi')
      vcpu.nmiPending = true
      break
    case EXIT.SMI:
      yield* take('smi')
      if (holdsEvents(vcpu)) vcpu.smiPending = true
      else yield* enterSmm(context, vcpu)
      break
    case EXIT.INIT:
      if (holdsEvents(vcpu)) vcpu.initPending = true
      else yield* takeInit(vcpu)
  }
}

/** When nothing holds events any more the processor gets back what waited, and it exits again, or L1 takes it. */
function* giveBack(vcpu: VcpuState): Handler<void> {
  if (vcpu.nmiPending) yield { kind: 'raise', event: 'nmi' }
  if (vcpu.smiPending) yield { kind: 'raise', event: 'smi' }
  if (vcpu.initPending) yield { kind: 'raise', event: 'init' }
  vcpu.nmiPending = vcpu.smiPending = vcpu.initPending = false
}

/** L1 or L2 is about to go on: tells the hardware of L1's GIF, and returns L0's rFLAGS.IF for this VMRUN. */
export function* beforeRunning(vcpu: VcpuState): Handler<boolean> {
  if (!holdsEvents(vcpu)) yield* giveBack(vcpu)
  const image = currentVmcb(vcpu)
  const intercepts = get(image, 'control.intercept_vector_3')
  change(
    image,
    'control.intercept_vector_3',
    vcpu.gif ? withoutL0Nmi(vcpu, intercepts) : intercepts | NMI_INTERCEPT,
  )
  const wanted = wordOfL1(vcpu)
  const wantsMasking = (wanted & VIRTUAL_INTERRUPT.masking) !== 0n
  let word = withVirtualGif(vcpu, get(image, 'control.virtual_interrupt'))
  if (!wantsMasking) word = vcpu.gif ? word & ~VIRTUAL_INTERRUPT.masking : yield* lendTaskPriority(vcpu, word)
  change(image, 'control.virtual_interrupt', word)
  return vcpu.gif && wantsMasking && (get(vcpu.vmcb01, 'save.rflags') & RFLAGS.IF) !== 0n
}

/** The virtual interrupt word that L1 wrote for the L2 that runs; L1 itself has none. */
function wordOfL1({ nested }: VcpuState): bigint {
  return nested.guestMode ? get(nested.controls, 'control.virtual_interrupt') : 0n
}

/** The NMI intercept is L1's, for L2, or nobody's. */
function withoutL0Nmi({ nested }: VcpuState, intercepts: bigint): bigint {
  const wanted = nested.guestMode ? get(nested.controls, 'control.intercept_vector_3') & NMI_INTERCEPT : 0n
  return (intercepts & ~NMI_INTERCEPT) | wanted
}

/** A virtual GIF of L2 that L1 turned on is L2's; otherwise L0 uses it to say what L1's GIF is. */
function withVirtualGif(vcpu: VcpuState, word: bigint): bigint {
  const { gif, gifEnable } = VIRTUAL_INTERRUPT
  if (!vcpu.nested.guestMode || wordOfL1(vcpu) & gifEnable) return word
  return vcpu.gif ? word & ~gifEnable : (word & ~gif) | gifEnable
}

/** V_INTR_MASKING of L0's own, with CR8 in V_TPR. L2's V_TPR is kept in the cached controls. */
function* lendTaskPriority(vcpu: VcpuState, word: bigint): Handler<bigint> {
  const { tpr, masking } = VIRTUAL_INTERRUPT
  const wanted = (wordOfL1(vcpu) & ~tpr) | (word & tpr)
  if (vcpu.nested.guestMode) put(vcpu.nested.controls, 'control.virtual_interrupt', wanted)
  vcpu.lendsTaskPriority = true
  return (word & ~tpr) | masking | (yield* taskPriority())
}

/** After the exit: V_TPR goes back to CR8. L2's V_TPR is what it was, or what L2 wrote to CR8, which without masking is written to both. */
export function* returnTaskPriority(vcpu: VcpuState): Handler<void> {
  if (!vcpu.lendsTaskPriority) return
  vcpu.lendsTaskPriority = false
  const { tpr, masking } = VIRTUAL_INTERRUPT
  const image = currentVmcb(vcpu)
  const word = get(image, 'control.virtual_interrupt')
  const priority = word & tpr
  const own = priority === (yield* taskPriority()) ? wordOfL1(vcpu) & tpr : priority
  yield { kind: 'set-task-priority', value: Number(priority) }
  change(image, 'control.virtual_interrupt', (word & ~(tpr | masking)) | own)
}

/** INIT reaches L1: guest mode ends, and the processor starts anew, or waits for STARTUP (APM vol 2 §14.1.3, §15.21.8). */
function* takeInit(vcpu: VcpuState): Handler<void> {
  if (vcpu.vmCr & VM_CR_R_INIT) {
    injectException(currentVmcb(vcpu), SX, SX_INIT)
    return
  }
  vcpu.nested.guestMode = false
  vcpu.nested.last = -1
  vcpu.started = false
  yield { kind: 'init' }
}
