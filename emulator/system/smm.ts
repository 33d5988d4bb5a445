/** Entering and leaving system-management mode (APM vol 2 §10.3, §10.4; under SVM §15.22). */
import { CS, DS, ES, FS, GS, RCX, RDI, RSI, SS, VM } from '../isa/registers.ts'
import { flushAll } from '../paging/tlb.ts'
import { ATTENTION } from '../state/attention.ts'
import type { Cpu, CpuModel, SystemInstruction } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import { undefinedOpcode } from '../state/faults.ts'
import { writeRflags } from '../state/flags.ts'
import { ATTRIBUTE, CR0, CR4, EFER } from '../state/mode.ts'
import { ACTIVITY, type Vcpu } from '../state/vcpu.ts'
import { setDr7 } from './debug-registers.ts'
import { shutdown } from './deliver.ts'
import { lookForEvents } from './events.ts'
import { loadRflags } from './rflags.ts'
import { forgetSmi } from './smi-source.ts'
import {
  readField,
  savedField,
  SAVED_FIELDS,
  SMM_ENTRY,
  SMM_REVISION,
  STATE_SAVE,
  writeField,
} from './smm-state-save.ts'
import {
  cr0Reserved,
  cr3ReservedBits,
  cr4ReservedBits,
  DEBUG_RESERVED_BITS,
  EFER_READ_AS_ZERO,
  eferReservedBits,
} from './validity.ts'

/** Values of state.smm: which way the mode was entered. */
export const SMM = {
  none: 0,
  /** By an SMI, outside or inside a guest. */
  fromHost: 1,
  fromGuest: 2,
  /** By SMM_CTL.ENTER, for a hypervisor that takes the SMM handler into a guest (APM vol 2 §15.22.3). */
  byControl: 3,
} as const

/** True while an SMI handler runs: SMM_CTL.ENTER does not count. */
export function handlesSmi({ smm }: Vcpu): boolean {
  return smm === SMM.fromHost || smm === SMM.fromGuest
}

/** SMIs, INITs and NMIs wait from now on; the masking of NMIs is remembered. */
export function blockEvents(state: Vcpu, way: number): void {
  state.smm = way
  state.smmNmiMasked = state.nmiMasked
  state.nmiMasked = 1
}

/** Leaves the mode as far as events go. */
export function unblockEvents(state: Vcpu): void {
  state.smm = SMM.none
  state.nmiMasked = state.smmNmiMasked
  lookForEvents(state)
}

/** Attributes of every segment: read-write data with a limit of 4 GiB. In real mode CS may have them too (table 10-3). */
const FLAT = ATTRIBUTE.G | ATTRIBUTE.P | ATTRIBUTE.S | ATTRIBUTE.readWrite | ATTRIBUTE.accessed
const RFLAGS = 2
const DR7_RESET = 0x400n
const CLEARED_CR0 = CR0.PE | CR0.EM | CR0.TS | CR0.PG

/** What of the attention word is not derived from saved registers: bus locks are counted in guests only. */
const GUEST_ATTENTION = ATTENTION.busLocks

/**
 * Takes an SMI: saves the state, then goes on at SMBASE + 8000h in the state of table 10-3. A guest that it interrupts is left
 * without a #VMEXIT; what VMRUN loaded stays in the processor, out of force until RSM.
 */
export function enterSmm(cpu: Cpu): void {
  const { state } = cpu
  // An SMI waits for buffered writes (§10.3.1).
  cpu.caches?.completeWrites(cpu.index, 'interrupt')
  storeState(cpu)
  forgetSmi(state)
  blockEvents(state, state.guestMode ? SMM.fromGuest : SMM.fromHost)
  state.smmCpl = state.cpl
  state.smmAttention = state.attention & GUEST_ATTENTION
  state.attention &= ATTENTION.stop | ATTENTION.event | ATTENTION.branches
  state.guestMode = 0
  state.activity = ACTIVITY.running
  for (const register of [ES, CS, SS, DS, FS, GS]) {
    const segment = state.segments[register]
    segment.selector = register === CS ? Number((state.smbase >> 4n) & 0xffffn) : 0
    segment.base = register === CS ? state.smbase : 0n
    segment.limit = 0xffff_ffff
    segment.attributes = FLAT
  }
  state.cpl = 0
  state.rip = BigInt(SMM_ENTRY)
  writeRflags(state, RFLAGS)
  state.cr0 &= ~CLEARED_CR0
  state.cr4 = 0n
  state.efer = 0n
  setDr7(cpu, DR7_RESET)
  flushAll(cpu)
}

function stateSaveArea({ smbase }: Vcpu): number {
  return Number(smbase) + STATE_SAVE.offset
}

/** Byte by byte: SMBASE need not be aligned. */
function storeState({ state, memory }: Cpu): void {
  const image = new DataView(new ArrayBuffer(STATE_SAVE.bytes))
  for (const field of SAVED_FIELDS) writeField(image, field, field.save(state))
  const area = stateSaveArea(state)
  for (let i = 0; i < STATE_SAVE.bytes; i++) memory.write(area + i, 1, BigInt(image.getUint8(i)))
}

function readState({ state, memory }: Cpu): DataView {
  const image = new DataView(new ArrayBuffer(STATE_SAVE.bytes))
  const area = stateSaveArea(state)
  for (let i = 0; i < STATE_SAVE.bytes; i++) image.setUint8(i, Number(memory.read(area + i, 1)))
  return image
}

const FIELD = {
  revision: savedField('revision'),
  csAttributes: savedField('cs.attributes'),
  cr0: savedField('cr0'),
  cr3: savedField('cr3'),
  cr4: savedField('cr4'),
  dr6: savedField('dr6'),
  dr7: savedField('dr7'),
  efer: savedField('efer'),
  rflags: savedField('rflags'),
  haltRestart: savedField('halt_restart'),
  ioRestart: savedField('io_restart'),
  ioDword: savedField('io_restart.dword'),
  ioRip: savedField('io_restart.rip'),
  ioRcx: savedField('io_restart.rcx'),
  ioRsi: savedField('io_restart.rsi'),
  ioRdi: savedField('io_restart.rdi'),
} as const

type Values = Readonly<Record<keyof typeof FIELD, bigint>>

function valuesOf(image: DataView): Values {
  const values = Object.entries(FIELD).map(([name, field]) => [name, readField(image, field)])
  return Object.fromEntries(values) as Values
}

const L_AND_D = BigInt(ATTRIBUTE.L | ATTRIBUTE.DB)

/**
 * The conditions that make RSM shut the processor down (§10.4). Paging without protection is legal in a guest alone (§15.19), and
 * so it is when RSM returns to one.
 */
function isIllegal(values: Values, model: CpuModel, toGuest: boolean, revision = SMM_REVISION): boolean {
  const { cr0, cr4, efer } = values
  const long = (efer & EFER.LME) !== 0n && (cr0 & CR0.PG) !== 0n
  return (
    values.revision !== revision ||
    cr0Reserved(cr0) ||
    ((cr0 & CR0.PG) !== 0n && !(cr0 & CR0.PE) && !toGuest) ||
    (values.cr3 & cr3ReservedBits(model)) !== 0n ||
    (cr4 & cr4ReservedBits(model)) !== 0n ||
    ((values.dr6 | values.dr7) & DEBUG_RESERVED_BITS) !== 0n ||
    (efer & eferReservedBits(model)) !== 0n ||
    (long && !(cr4 & CR4.PAE)) ||
    (long && (values.csAttributes & L_AND_D) === L_AND_D)
  )
}

/** Whether RSM from an image of the area shuts the processor down; for a hypervisor that saves states of its own `revision`. */
export function isIllegalArea(image: DataView, model: CpuModel, toGuest: boolean, revision: bigint): boolean {
  return isIllegal(valuesOf(image), model, toGuest, revision)
}

/** VAL of the I/O Instruction Restart Dword: the SMI was detected during an I/O instruction. */
const DURING_IO = 2n

/** RSM: loads the state-save area. Its intercept comes before exceptions (table 15-7); outside SMM it is undefined. */
const rsm: SystemInstruction = (cpu) => {
  const { state } = cpu
  if (state.guestMode) cpu.virtualization.intercept(cpu, EXIT.RSM)
  if (!handlesSmi(state)) undefinedOpcode()
  const image = readState(cpu)
  const values = valuesOf(image)
  const toGuest = state.smm === SMM.fromGuest
  if (isIllegal(values, cpu.model, toGuest)) {
    shutdown(cpu)
    return
  }
  for (const field of SAVED_FIELDS) field.load?.(state, readField(image, field), cpu.model.linearAddressBits)
  if (values.ioRestart !== 0n && values.ioDword & DURING_IO) restartIo(state, values)
  loadEfer(state, values)
  state.guestMode = toGuest ? 1 : 0
  state.attention = (state.attention & ~(ATTENTION.trap | ATTENTION.resume)) | state.smmAttention
  restoreRflags(cpu, values)
  setDr7(cpu, values.dr7)
  if (values.haltRestart !== 0n) {
    state.activity = ACTIVITY.halted
    state.attention |= ATTENTION.inactive
  }
  unblockEvents(state)
  flushAll(cpu)
}

/** The I/O instruction runs again, with the registers that it began with. */
function restartIo(state: Vcpu, { ioRip, ioRcx, ioRsi, ioRdi }: Values): void {
  state.rip = ioRip
  state.gpr[RCX] = ioRcx
  state.gpr[RSI] = ioRsi
  state.gpr[RDI] = ioRdi
}

/** LMA is LME, PG and PAE, whatever the area says. */
function loadEfer(state: Vcpu, { cr0, cr4, efer }: Values): void {
  const active = (efer & EFER.LME) !== 0n && (cr0 & CR0.PG) !== 0n && (cr4 & CR4.PAE) !== 0n
  state.efer = (efer & ~(EFER_READ_AS_ZERO | EFER.LMA)) | (active ? EFER.LMA : 0n)
}

/** VM counts in protected mode outside long mode only. */
function restoreRflags(cpu: Cpu, { cr0, rflags }: Values): void {
  const { state } = cpu
  const virtual8086 = (cr0 & CR0.PE) !== 0n && !(state.efer & EFER.LMA)
  const image = Number(rflags & 0xffff_ffffn)
  loadRflags(cpu, virtual8086 ? image : image & ~VM)
  state.cpl = state.flagsOther & VM ? 3 : state.smmCpl
}

export const smmInstructions = { rsm } as const
