/** VMRUN (APM vol 2 §15.5.1): from the fault checks to the first guest instruction. */
import { RAX, RF, RSP, TF, VM } from '../isa/registers.ts'
import type { Instruction } from '../isa/instruction.ts'
import { modeChanged } from '../paging/contexts.ts'
import { NESTED_CONTROL } from '../paging/nested-control.ts'
import { flushAll, flushAsid, flushNonGlobal } from '../paging/tlb.ts'
import { canonicalHigh } from '../state/canonical.ts'
import { ATTENTION } from '../state/attention.ts'
import type { Cpu } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import { Exit, undefinedOpcode, VECTOR } from '../state/faults.ts'
import { writeRflags } from '../state/flags.ts'
import { OFFSET } from '../state/layout.ts'
import { CR0, EFER } from '../state/mode.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { DR6, DR7 } from '../system/debug-bits.ts'
import { instructionBreakpoints } from '../system/debug-registers.ts'
import { deliverEvent, EVENT_TYPE } from '../system/deliver.ts'
import { lookForEvents } from '../system/events.ts'
import { handlesSmi } from '../system/smm.ts'
import { CR0_WRITABLE, EFER_READ_AS_ZERO } from '../system/validity.ts'
import { VIRTUAL_INTERRUPT } from '../system/virtual-interrupt.ts'
import { controlMasks, type ControlMasks } from './control-masks.ts'
import { offsetOf } from './fields.ts'
import { saveHost } from './host-state.ts'
import { checkVmcb } from './passed-checks.ts'
import { requireSvm, vmcbAddress } from './privilege.ts'
import { enterLastBranches } from './last-branches.ts'
import { enterSpecCtrl } from './spec-ctrl.ts'
import { startPauseFilter } from './pause-filter.ts'
import { REGISTERS_AT } from './register-offsets.ts'
import { GUEST_SEGMENTS, loadGuestSegment } from './segments.ts'
import { keepLoaded, mergeCache } from './state-cache.ts'
import { exitGuest, exitInvalid } from './vmexit.ts'
import { vmcbPage, type VmcbPage } from './vmcb-page.ts'

/** VMRUN rAX. #UD in an SMI handler: the processor may still hold the guest that the SMI interrupted (§15.5 leaves it undefined). */
export function vmrun(cpu: Cpu, instruction: Instruction): void {
  const state = cpu.state
  if (handlesSmi(state)) undefinedOpcode()
  requireSvm(cpu)
  const address = vmcbAddress(cpu, instruction)
  if (state.guestMode) cpu.virtualization.intercept(cpu, EXIT.VMRUN)
  enterGuest(cpu, address)
}

/** VMRUN once its operand is known to be a page: from saving the host to the first guest instruction. */
export function enterGuest(cpu: Cpu, address: number): void {
  const state = cpu.state
  saveHost(state)
  state.vmcb = address
  const vmcb = vmcbPage(cpu, address)
  const fromCache = mergeCache(cpu, vmcb, address)
  cpu.observer.vmrun?.(address, fromCache, vmcb)
  const failed = checkVmcb(cpu, vmcb)
  if (failed.length > 0) {
    exitInvalid(cpu, failed)
    return
  }
  const masks = controlMasks(cpu.model)
  loadControls(state, vmcb, masks)
  loadGuest(cpu, vmcb)
  if (masks.specCtrl) enterSpecCtrl(state, vmcb)
  keepLoaded(cpu, vmcb, address)
  state.guestMode = 1
  state.gif = 1
  flushTlb(cpu, vmcb.word(AT.tlbControl) & 0xff, masks.flushByAsid)
  modeChanged(cpu)
  state.attention = guestAttention(state, masks)
  lookForEvents(state)
  if (vmcb.word(AT.eventInj) & EVENT_VALID) injectEvent(cpu, vmcb)
}

const AT = {
  ...REGISTERS_AT,
  tscOffset: offsetOf('control.tsc_offset'),
  pauseFilter: offsetOf('control.pause_filter_threshold'),
  iopm: offsetOf('control.iopm_base_pa'),
  msrpm: offsetOf('control.msrpm_base_pa'),
  asid: offsetOf('control.asid'),
  tlbControl: offsetOf('control.tlb_control'),
  virtualInterrupt: offsetOf('control.virtual_interrupt'),
  interruptShadow: offsetOf('control.interrupt_shadow'),
  nestedControl: offsetOf('control.nested_control'),
  eventInj: offsetOf('control.event_inj'),
  nCr3: offsetOf('control.n_cr3'),
  virtualizationExtensions: offsetOf('control.virtualization_extensions'),
  nRip: offsetOf('control.n_rip'),
  busLockCounter: offsetOf('control.bus_lock_counter'),
} as const

/** Word indexes in the vCPU block. */
const WORD = {
  tscOffset: OFFSET.tscOffset >> 2,
  nCr3: OFFSET.nCr3 >> 2,
  gPat: OFFSET.gPat >> 2,
  gdtrBase: OFFSET.gdtrBase >> 2,
  idtrBase: OFFSET.idtrBase >> 2,
  efer: OFFSET.efer >> 2,
  cr4: OFFSET.cr4 >> 2,
  cr3: OFFSET.cr3 >> 2,
  cr0: OFFSET.cr0 >> 2,
  cr2: OFFSET.cr2 >> 2,
  dr7: OFFSET.dr7 >> 2,
  dr6: OFFSET.dr6 >> 2,
  rip: OFFSET.rip >> 2,
  rsp: (OFFSET.gpr >> 2) + RSP * 2,
  rax: (OFFSET.gpr >> 2) + RAX * 2,
} as const

/** The TLB tags entries with 16 bits of ASID, as many as CPUID 8000_000Ah EBX promises and more. */
const ASID_MASK = 0xffff

/** The control area, by clean-bit group (APM vol 2 §15.15). */
function loadControls(state: Vcpu, vmcb: VmcbPage, masks: ControlMasks): void {
  const words = state.words
  // I: intercepts, TSC offset, PAUSE filter (the threshold comes from memory).
  const intercepts = state.intercepts
  for (let vector = 0; vector < intercepts.length; vector++) intercepts[vector] = vmcb.word(vector * 4)
  vmcb.load(AT.tscOffset, words, WORD.tscOffset)
  startPauseFilter(state, vmcb.word(AT.pauseFilter) & masks.pauseFilter)
  // IOPM: both permission maps.
  state.iopmBase = pageAddress(vmcb, AT.iopm)
  state.msrpmBase = pageAddress(vmcb, AT.msrpm)
  // ASID.
  state.asid = vmcb.word(AT.asid) & ASID_MASK
  // TPR: the virtual interrupt.
  state.virtualInterrupt = vmcb.word(AT.virtualInterrupt) & masks.virtualInterrupt
  state.virtualInterruptVector = vmcb.word(AT.virtualInterrupt + 4) & 0xff
  state.virtualizationExtensions = vmcb.word(AT.virtualizationExtensions) & masks.virtualizationExtensions
  state.busLockCounter = vmcb.word(AT.busLockCounter) & 0xffff
  state.guestBroadcast = vmcb.word(AT.nestedControl) & masks.broadcast
  // NP: nested paging.
  const nestedControl = vmcb.word(AT.nestedControl) & masks.nestedControl
  state.nestedPaging = nestedControl & NESTED_CONTROL.enable ? nestedControl : 0
  if (state.nestedPaging) {
    vmcb.load(AT.nCr3, words, WORD.nCr3)
    vmcb.load(AT.gPat, words, WORD.gPat)
  }
}

/** A physical address whose bits 11:0 are ignored. */
function pageAddress(vmcb: VmcbPage, at: number): number {
  return vmcb.word(at + 4) * 2 ** 32 + ((vmcb.word(at) & ~0xfff) >>> 0)
}

/** The state-save area, by clean-bit group; what no group covers comes last. */
function loadGuest({ state, model }: Cpu, vmcb: VmcbPage): void {
  const words = state.words
  loadControlRegisters(words, vmcb)
  loadDebugRegisters(words, vmcb)
  // DT.
  state.gdtrLimit = vmcb.word(AT.gdtrLimit) & 0xffff
  state.idtrLimit = vmcb.word(AT.idtrLimit) & 0xffff
  words[WORD.gdtrBase] = vmcb.word(AT.gdtrBase)
  words[WORD.gdtrBase + 1] = canonicalHigh(vmcb.word(AT.gdtrBase + 4), model.linearAddressBits)
  words[WORD.idtrBase] = vmcb.word(AT.idtrBase)
  words[WORD.idtrBase + 1] = canonicalHigh(vmcb.word(AT.idtrBase + 4), model.linearAddressBits)
  // SEG.
  for (const segment of GUEST_SEGMENTS) loadGuestSegment(vmcb, words, segment)
  // Long mode has no virtual-8086 mode, and ignores VM.
  const ignored = words[WORD.efer] & EFER_LMA ? VM : 0
  const rflags = vmcb.word(AT.rflags) & ~ignored
  state.cpl = guestCpl(vmcb, words[WORD.cr0], rflags)
  // CR2.
  vmcb.load(AT.cr2, words, WORD.cr2)
  // LBR.
  enterLastBranches(state, vmcb)
  // Never cached.
  writeRflags(state, rflags)
  vmcb.load(AT.rip, words, WORD.rip)
  vmcb.load(AT.rsp, words, WORD.rsp)
  vmcb.load(AT.rax, words, WORD.rax)
  state.interruptShadow = vmcb.word(AT.interruptShadow) & 1
}

const CR0_ET = Number(CR0.ET)
/** The bits of CR0 that exist; the others read as zero. */
const CR0_IMPLEMENTED = Number(CR0_WRITABLE)
const CR0_PG = Number(CR0.PG)
const CR0_PE = Number(CR0.PE)
const EFER_LME = Number(EFER.LME)
const EFER_LMA = Number(EFER.LMA)
const EFER_RAZ = Number(EFER_READ_AS_ZERO)

/** Clean-bit group CRx. The upper halves of CR0, CR4 and EFER have passed the checks: they are zero. */
function loadControlRegisters(words: Uint32Array, vmcb: VmcbPage): void {
  const cr0 = (vmcb.word(AT.cr0) & CR0_IMPLEMENTED) | CR0_ET
  const efer = vmcb.word(AT.efer) & ~(EFER_RAZ | EFER_LMA)
  words[WORD.cr0] = cr0
  words[WORD.cr0 + 1] = 0
  vmcb.load(AT.cr3, words, WORD.cr3)
  vmcb.load(AT.cr4, words, WORD.cr4)
  // LMA follows from LME and PG, whatever the VMCB says.
  words[WORD.efer] = efer & EFER_LME && cr0 & CR0_PG ? efer | EFER_LMA : efer
  words[WORD.efer + 1] = 0
}

/** Clean-bit group DRx. Bits that do not exist read as they must. */
function loadDebugRegisters(words: Uint32Array, vmcb: VmcbPage): void {
  words[WORD.dr7] = (vmcb.word(AT.dr7) & DR7.writable) | DR7.fixed
  words[WORD.dr7 + 1] = 0
  words[WORD.dr6] = (vmcb.word(AT.dr6) & DR6.writable) | DR6.fixed
  words[WORD.dr6 + 1] = 0
}

/** The CPL byte counts in protected mode only: real mode has CPL 0, virtual-8086 mode 3 (APM vol 2 §15.5.1). */
function guestCpl(vmcb: VmcbPage, cr0: number, rflags: number): number {
  if (!(cr0 & CR0_PE)) return 0
  if (rflags & VM) return 3
  return (vmcb.word(AT.cpl & ~3) >>> ((AT.cpl & 3) * 8)) & 3
}

/** What the guest's first instruction boundary must look at; a request to stop from outside stays. */
function guestAttention(state: Vcpu, masks: ControlMasks): number {
  let attention = state.attention & (ATTENTION.stop | ATTENTION.branches)
  const flags = state.flagsOther
  if (state.interruptShadow) attention |= ATTENTION.shadow
  if (flags & TF) attention |= ATTENTION.trap
  if (state.intercepts[5] & masks.busLock) attention |= ATTENTION.busLocks
  if (flags & RF) attention |= ATTENTION.resume
  if (state.words[WORD.dr7] & DR7.enable && instructionBreakpoints(state.dr7).length > 0)
    attention |= ATTENTION.breakpoints
  return attention
}

/** TLB_CONTROL (APM vol 2 §15.16): other encodings than these are reserved, and do nothing. */
function flushTlb(cpu: Cpu, control: number, byAsid: boolean): void {
  if (control === 0) return
  if (control === 1) flushAll(cpu)
  else if (!byAsid) return
  else if (control === 3) flushAsid(cpu, cpu.state.asid)
  else if (control === 7) flushNonGlobal(cpu, cpu.state.asid)
}

/** EVENTINJ: 63:32 error code, 31 V, 11 EV, 10:8 type, 7:0 vector. */
const EVENT_VALID = 0x8000_0000
const EVENT_ERROR_CODE = 1 << 11

/**
 * Delivers what EVENTINJ holds before the first guest instruction (APM vol 2 §15.20). Like INTn, INT3 and INTO themselves, the
 * injected ones push the rIP after the instruction, which is in nRIP.
 */
function injectEvent(cpu: Cpu, vmcb: VmcbPage): void {
  const word = vmcb.word(AT.eventInj)
  const type = (word >>> 8) & 7
  const vector = type === EVENT_TYPE.nmi ? VECTOR.NMI : word & 0xff
  const errorCode = word & EVENT_ERROR_CODE ? vmcb.word(AT.eventInj + 4) : -1
  const fromInstruction =
    type === EVENT_TYPE.software ||
    (type === EVENT_TYPE.exception && (vector === VECTOR.BP || vector === VECTOR.OF))
  // Without NMI virtualization an injected NMI masks nothing.
  if (type === EVENT_TYPE.nmi && cpu.state.virtualInterrupt & VIRTUAL_INTERRUPT.nmiEnable)
    cpu.state.virtualInterrupt |= VIRTUAL_INTERRUPT.nmiMask
  const returnRip = fromInstruction
    ? (BigInt(vmcb.word(AT.nRip + 4)) << 32n) | BigInt(vmcb.word(AT.nRip))
    : cpu.state.rip
  try {
    deliverEvent(cpu, { vector, type, errorCode }, returnRip)
  } catch (thrown) {
    // The delivery ran into an intercept: the guest exits before its first instruction.
    if (!(thrown instanceof Exit)) throw thrown
    exitGuest(cpu, thrown, 0n)
  }
}
