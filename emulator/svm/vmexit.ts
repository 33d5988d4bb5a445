/** #VMEXIT (APM vol 2 §15.6): stores the guest and the reason, reloads the host. */
import { CS, RAX, RF, RSP, TF } from '../isa/registers.ts'
import { modeChanged } from '../paging/contexts.ts'
import { VIRTUAL_INTERRUPT, writtenBackBits } from '../system/virtual-interrupt.ts'
import { hasIllegalPdpes } from '../paging/pdpes.ts'
import { tryTranslate } from '../paging/translate.ts'
import { ATTENTION } from '../state/attention.ts'
import { ACCESS, type Cpu, type FailedCheck } from '../state/cpu.ts'
import { EXIT, isWriteTrap } from '../state/exit-codes.ts'
import { Exit, Fault, VECTOR } from '../state/faults.ts'
import { readRflags } from '../state/flags.ts'
import { OFFSET } from '../state/layout.ts'
import { PAGE_SIZE } from '../state/memory-map.ts'
import { CR0, CR4, EFER, MODE } from '../state/mode.ts'
import { ACTIVITY, type Vcpu } from '../state/vcpu.ts'
import { DR6 } from '../system/debug-bits.ts'
import { deliverFault, EVENT_TYPE, shutdown } from '../system/deliver.ts'
import { truncateRip } from '../system/operands.ts'
import { cr3ReservedBits } from '../system/validity.ts'
import { controlMasks } from './control-masks.ts'
import { offsetOf, VMCB_BYTES } from './fields.ts'
import { reloadHost } from './host-state.ts'
import { leaveLastBranches } from './last-branches.ts'
import { REGISTERS_AT } from './register-offsets.ts'
import { GUEST_SEGMENTS, storeSegment } from './segments.ts'
import { leaveSpecCtrl } from './spec-ctrl.ts'
import { keepStored } from './state-cache.ts'
import { leaveUndefined } from './undefined-fields.ts'
import { registerPairs, storeAll, vmcbPage, type VmcbPage } from './vmcb-page.ts'

const AT = {
  ...REGISTERS_AT,
  virtualInterrupt: offsetOf('control.virtual_interrupt'),
  interruptShadow: offsetOf('control.interrupt_shadow'),
  exitCode: offsetOf('control.exit_code'),
  exitInfo1: offsetOf('control.exit_info_1'),
  exitInfo2: offsetOf('control.exit_info_2'),
  exitIntInfo: offsetOf('control.exit_int_info'),
  eventInj: offsetOf('control.event_inj'),
  nRip: offsetOf('control.n_rip'),
  bytes: offsetOf('control.instruction_bytes_fetched'),
  controlEnd: offsetOf('control.avic_backing_page'),
  saveStart: offsetOf('save.es.selector'),
  saveEnd: offsetOf('save.spec_ctrl') + 8,
  busLockCounter: offsetOf('control.bus_lock_counter'),
} as const

/** 64-bit registers that are stored as they stand. */
const REGISTERS = registerPairs([
  [AT.gdtrBase, OFFSET.gdtrBase >> 2],
  [AT.idtrBase, OFFSET.idtrBase >> 2],
  [AT.efer, OFFSET.efer >> 2],
  [AT.cr4, OFFSET.cr4 >> 2],
  [AT.cr3, OFFSET.cr3 >> 2],
  [AT.cr0, OFFSET.cr0 >> 2],
  [AT.dr7, OFFSET.dr7 >> 2],
  [AT.dr6, OFFSET.dr6 >> 2],
  [AT.rip, OFFSET.rip >> 2],
  [AT.rsp, (OFFSET.gpr >> 2) + RSP * 2],
  [AT.rax, (OFFSET.gpr >> 2) + RAX * 2],
  [AT.cr2, OFFSET.cr2 >> 2],
])

/** Takes a #VMEXIT out of the running guest. `state.rip` is the rIP to store, `nextRip` what goes to nRIP. */
export function exitGuest(cpu: Cpu, exit: Exit, nextRip: bigint): void {
  const state = cpu.state
  const vmcb = vmcbPage(cpu, state.vmcb)
  const fetched = hasInstructionBytes(exit) ? fetchInstructionBytes(cpu) : 0
  vmcb.beforeWrite(AT.virtualInterrupt, AT.busLockCounter + 4)
  vmcb.beforeWrite(AT.saveStart, AT.saveEnd)
  if (isWriteTrap(exit.code)) endInstruction(state)
  if (deliversNmi(state)) state.virtualInterrupt &= ~VIRTUAL_INTERRUPT.nmiMask
  storeGuest(state, vmcb)
  const masks = controlMasks(cpu.model)
  if (masks.specCtrl) leaveSpecCtrl(state, vmcb)
  if (masks.busLock) storeBusLockCounter(state, vmcb)
  storeInstructionBytes(vmcb, fetched)
  vmcb.store(AT.exitIntInfo, state.words, OFFSET.deliveringEvent >> 2)
  storeExit(vmcb, exit, nextRip)
  leaveUndefined(cpu, state.vmcb, exit)
  keepStored(cpu, vmcb)
  cpu.observer.vmexit?.(exit, nextRip, NO_CHECKS)
  enterHost(cpu)
  finish(cpu)
}

/**
 * VMEXIT_INVALID: VMRUN found illegal state and loaded nothing. The state-save area stays as it is; the host goes on after
 * VMRUN, with GIF = 0 and no hint to the cause. The observer hears which checks failed.
 */
export function exitInvalid(cpu: Cpu, failed: readonly FailedCheck[]): void {
  const state = cpu.state
  const vmcb = vmcbPage(cpu, state.vmcb)
  const exit = new Exit(EXIT.INVALID)
  vmcb.beforeWrite(AT.virtualInterrupt, AT.controlEnd)
  storeInstructionBytes(vmcb, 0)
  storeQuad(vmcb, AT.exitIntInfo, 0n)
  storeExit(vmcb, exit, 0n)
  leaveUndefined(cpu, state.vmcb, exit)
  cpu.observer.vmexit?.(exit, 0n, failed)
  enterHost(cpu)
  finish(cpu)
}

const NO_CHECKS: readonly FailedCheck[] = []

/** An instruction that was completed ends what lasts for one instruction: the interrupt shadow and RF. */
function endInstruction(state: Vcpu): void {
  state.interruptShadow = 0
  state.flagsOther &= ~RF
}

/** True when the exit interrupts the delivery of a virtual NMI, which is then not masked (APM vol 2 §15.21.10). */
function deliversNmi(state: Vcpu): boolean {
  if (!(state.virtualInterrupt & VIRTUAL_INTERRUPT.nmiEnable)) return false
  const event = state.deliveringEvent
  return event !== 0n && Number((event >> 8n) & 7n) === EVENT_TYPE.nmi
}

/** Stores the state of a processor in a VMCB as #VMEXIT does: for a hypervisor that makes a guest of what runs. */
export function storeState(cpu: Cpu, address: number): void {
  const vmcb = vmcbPage(cpu, address)
  vmcb.beforeWrite(0, VMCB_BYTES)
  storeGuest(cpu.state, vmcb)
}

/** Stores the subset that VMRUN loads. nCR3 is not part of it, G_PAT only with nested paging (APM vol 2 §15.25.4). */
function storeGuest(state: Vcpu, vmcb: VmcbPage): void {
  const words = state.words
  const { virtualInterrupt } = state
  const writtenBack = writtenBackBits(virtualInterrupt)
  vmcb.setWord(
    AT.virtualInterrupt,
    (vmcb.word(AT.virtualInterrupt) & ~writtenBack) | (virtualInterrupt & writtenBack),
  )
  vmcb.setWord(AT.interruptShadow, (vmcb.word(AT.interruptShadow) & ~1) | state.interruptShadow)
  for (const segment of GUEST_SEGMENTS) storeSegment(vmcb, words, segment)
  vmcb.setWord(AT.gdtrLimit, state.gdtrLimit)
  vmcb.setWord(AT.idtrLimit, state.idtrLimit)
  const cplShift = (AT.cpl & 3) * 8
  vmcb.setWord(AT.cpl & ~3, (vmcb.word(AT.cpl & ~3) & ~(0xff << cplShift)) | (state.cpl << cplShift))
  storeAll(vmcb, words, REGISTERS)
  vmcb.setWord(AT.rflags, readRflags(state))
  vmcb.setWord(AT.rflags + 4, 0)
  if (state.nestedPaging) vmcb.store(AT.gPat, words, OFFSET.gPat >> 2)
  leaveLastBranches(state, vmcb)
}

/** The counter shares its word with reserved bytes. */
function storeBusLockCounter(state: Vcpu, vmcb: VmcbPage): void {
  vmcb.setWord(AT.busLockCounter, (vmcb.word(AT.busLockCounter) & ~0xffff) | state.busLockCounter)
}

/** EXITCODE in 64 bits, EXITINFO1 and 2, nRIP; EVENTINJ.V is cleared. */
function storeExit(vmcb: VmcbPage, exit: Exit, nextRip: bigint): void {
  vmcb.setWord(AT.exitCode, exit.code)
  vmcb.setWord(AT.exitCode + 4, exit.code < 0 ? 0xffff_ffff : 0)
  storeQuad(vmcb, AT.exitInfo1, exit.info1 ?? UNDEFINED_INFO)
  storeQuad(vmcb, AT.exitInfo2, exit.info2 ?? UNDEFINED_INFO)
  storeQuad(vmcb, AT.nRip, nextRip)
  vmcb.setWord(AT.eventInj, vmcb.word(AT.eventInj) & 0x7fff_ffff)
}

/** What EXITINFO1 and EXITINFO2 hold where the manual leaves them undefined. */
const UNDEFINED_INFO = 0n

/** One 64-bit value taken apart without allocating: write `whole`, read `halves`. */
const whole = new BigUint64Array(1)
const halves = new Uint32Array(whole.buffer)

function storeQuad(vmcb: VmcbPage, offset: number, value: bigint): void {
  whole[0] = value
  vmcb.store(offset, halves, 0)
}

/** The processor becomes the host's again: what #VMEXIT clears, and what VMRUN saved. */
function enterHost(cpu: Cpu): void {
  const state = cpu.state
  // World switches complete write combining (APM vol 2 §15.25.8).
  cpu.caches?.completeWrites(cpu.index, 'serializing')
  state.gif = 0
  state.guestMode = 0
  state.intercepts.fill(0)
  state.asid = 0
  state.nestedPaging = 0
  state.virtualInterrupt = 0
  state.tscOffset = 0n
  state.deliveringEvent = 0n
  state.pendingDebug = 0
  state.repeatedAt = 0
  state.interruptShadow = 0
  state.activity = ACTIVITY.running
  reloadHost(state)
  // Breakpoints, shadow and trap were the guest's. A pending NMI waits for STGI.
  state.attention &= ATTENTION.stop | ATTENTION.event | ATTENTION.branches
  modeChanged(cpu)
}

/** Host checks after the reload, and the #DB of a host that single-steps VMRUN. */
function finish(cpu: Cpu): void {
  const state = cpu.state
  // The hidden copy of the host is as legal as VMRUN found it; only the PDPEs lie where software can change them.
  if (usesPae(state) && hasIllegalHostPdpes(cpu)) shutdown(cpu)
  else if (state.flagsOther & TF) deliverFault(cpu, new Fault(VECTOR.DB, -1, 0n, DR6.BS))
}

function hasIllegalHostPdpes({ state, memory, model }: Cpu): boolean {
  const reservedHigh = Number(cr3ReservedBits(model) >> 32n)
  return hasIllegalPdpes(state.words[OFFSET.cr3 >> 2], reservedHigh, (address) => memory.read32(address))
}

const CR0_PG = Number(CR0.PG)
const CR4_PAE = Number(CR4.PAE)
const EFER_LMA = Number(EFER.LMA)

function usesPae({ words }: Vcpu): boolean {
  const paging = (words[OFFSET.cr0 >> 2] & CR0_PG) !== 0 && (words[OFFSET.cr4 >> 2] & CR4_PAE) !== 0
  return paging && !(words[OFFSET.efer >> 2] & EFER_LMA)
}

const MOST_BYTES = 15

/** What fetchInstructionBytes() fetched. */
const instructionBytes = new Uint8Array(MOST_BYTES)

/** Nested page faults and intercepted #PF of data accesses store the bytes at CS:rIP (APM vol 2 §15.8.4). */
function hasInstructionBytes({ code, fetch }: Exit): boolean {
  return (code === EXIT.NPF || code === EXIT.EXCEPTION_0 + VECTOR.PF) && !fetch
}

/** Up to 15 bytes at CS:rIP; fewer when fetching them would fault or where the segment ends. Returns how many. */
function fetchInstructionBytes(cpu: Cpu): number {
  const { state, memory } = cpu
  const available = Math.min(MOST_BYTES, bytesInSegment(state))
  let count = 0
  while (count < available) {
    whole[0] = instructionAddress(state, count)
    const address = tryTranslate(cpu, halves[0], halves[1], ACCESS.execute, state.cpl === 3)
    if (address < 0) break
    const onPage = Math.min(available - count, PAGE_SIZE - (address % PAGE_SIZE))
    for (let i = 0; i < onPage; i++) instructionBytes[count++] = memory.read8(address + i)
  }
  return count
}

/** Bytes from rIP to the end of the code segment. */
function bytesInSegment(state: Vcpu): number {
  return (state.mode & MODE.codeSize) === 2 ? Infinity : state.segments[CS].limit - Number(state.rip) + 1
}

/** Linear address of the byte `offset` bytes after rIP. */
function instructionAddress(state: Vcpu, offset: number): bigint {
  const rip = truncateRip(state, state.rip + BigInt(offset))
  return (state.mode & MODE.codeSize) === 2 ? rip : BigInt.asUintN(32, state.segments[CS].base + rip)
}

/** Bytes 0D0h..0DFh: the count, then the bytes. Without bytes only the count is written, and the old bytes stay. */
function storeInstructionBytes(vmcb: VmcbPage, count: number): void {
  if (count === 0) {
    vmcb.setWord(AT.bytes, vmcb.word(AT.bytes) & ~0xff)
    return
  }
  for (let word = 0; word < 4; word++) {
    let value = 0
    for (let i = 3; i >= 0; i--) {
      const at = word * 4 + i
      value = (value << 8) | (at === 0 ? count : at <= count ? instructionBytes[at - 1] : 0)
    }
    vmcb.setWord(AT.bytes + word * 4, value)
  }
}
