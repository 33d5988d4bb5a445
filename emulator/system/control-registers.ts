/** MOV to and from control registers, LMSW, SMSW, CLTS (APM vol 2 §3.1; intercepts §15.8.1, table 15-7). */
import type { Instruction } from '../isa/instruction.ts'
import { CS } from '../isa/registers.ts'
import { modeChanged } from '../paging/contexts.ts'
import { hasIllegalPdpes } from '../paging/pdpes.ts'
import { flushAll, flushAsid, flushNonGlobal } from '../paging/tlb.ts'
import type { Cpu, SystemInstruction } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import { generalProtection, undefinedOpcode } from '../state/faults.ts'
import { ATTRIBUTE, CR0, CR4, EFER, MODE } from '../state/mode.ts'
import { APIC } from './apic-registers.ts'
import { lookForEvents } from './events.ts'
import { readWord, registerOperand, writeOperand, writeRegister } from './operands.ts'
import { requirePrivilege, requireUserMayLook } from './privilege.ts'
import { CR0_WRITABLE, cr0Reserved, cr3ReservedBits, cr4ReservedBits } from './validity.ts'
import { VIRTUAL_INTERRUPT } from './virtual-interrupt.ts'

/** EXITINFO1 of MOV CR: 63 "was MOV", 3:0 general register (APM vol 2 §15.8.1). */
function movInfo(register: number): bigint {
  return (1n << 63n) | BigInt(register)
}

/** With PCIDE = 1, bit 63 of a value for CR3 asks to keep the PCID's translations, and is not stored. */
const CR3_KEEP = 1n << 63n

const movControl: SystemInstruction = (cpu, instruction) => {
  const target = registerOperand(instruction, 0)
  const source = registerOperand(instruction, 1)
  if (target.file === 'control') writeControl(cpu, target.index, source.index)
  else readControl(cpu, source.index, target.index, target.size)
}

function readControl(cpu: Cpu, control: number, register: number, size: 1 | 2 | 4 | 8): void {
  const value = controlValue(cpu, control)
  requirePrivilege(cpu)
  if (cpu.state.guestMode) cpu.virtualization.intercept(cpu, EXIT.CR0_READ + control, movInfo(register))
  writeRegister(cpu.state, register, size, value)
}

function controlValue({ state }: Cpu, control: number): bigint {
  switch (control) {
    case 0:
      return state.cr0
    case 2:
      return state.cr2
    case 3:
      return state.cr3
    case 4:
      return state.cr4
    case 8:
      return readTaskPriority(state)
    default:
      return undefinedOpcode()
  }
}

function writeControl(cpu: Cpu, control: number, register: number): void {
  const state = cpu.state
  const is64 = (state.mode & MODE.codeSize) === 2
  const value = is64 ? state.gpr[register] : BigInt.asUintN(32, state.gpr[register])
  const write = WRITERS.get(control) ?? undefinedOpcode()
  requirePrivilege(cpu)
  write.check(cpu, value)
  if (state.guestMode) {
    const info = movInfo(register)
    cpu.virtualization.intercept(cpu, EXIT.CR0_WRITE + control, info)
    if (control === 0) interceptSelectiveWrite(cpu, value, info)
  }
  write.commit(cpu, value)
  trapWrite(cpu, control)
}

/** The intercept that comes after a write, with the new value (APM vol 2 appendix B). */
function trapWrite(cpu: Cpu, control: number): void {
  if (!cpu.state.guestMode) return
  cpu.virtualization.intercept(cpu, EXIT.CR0_WRITE_TRAP + control, controlValue(cpu, control))
}

/** The selective intercept: a MOV to CR0 that changes anything but TS and MP. */
function interceptSelectiveWrite(cpu: Cpu, value: bigint, info: bigint): void {
  const changed = (value ^ cpu.state.cr0) & CR0_WRITABLE & ~(CR0.TS | CR0.MP)
  if (changed) cpu.virtualization.intercept(cpu, EXIT.CR0_SEL_WRITE, info)
}

/** What MOV to a control register checks before its intercept, and does after it. */
interface ControlWrite {
  check(cpu: Cpu, value: bigint): void
  commit(cpu: Cpu, value: bigint): void
}

const WRITERS: ReadonlyMap<number, ControlWrite> = new Map([
  [0, { check: checkCr0, commit: setCr0 }],
  [2, { check: () => undefined, commit: ({ state }, value) => void (state.cr2 = value) }],
  [3, { check: checkCr3, commit: setCr3 }],
  [4, { check: checkCr4, commit: setCr4 }],
  [8, { check: checkCr8, commit: ({ state }, value) => writeTaskPriority(state, value) }],
] satisfies [number, ControlWrite][])

/** Rules of MOV to CR0 (APM vol 2 §3.1.1, §14.6.1 for turning long mode on). */
function checkCr0({ state }: Cpu, value: bigint): void {
  if (cr0Reserved(value)) generalProtection()
  const paging = (value & CR0.PG) !== 0n
  if (paging && !(value & CR0.PE)) generalProtection()
  const wasPaging = (state.cr0 & CR0.PG) !== 0n
  if (paging && !wasPaging && state.efer & EFER.LME) {
    const codeIsLong = (state.segments[CS].attributes & ATTRIBUTE.L) !== 0
    if (!(state.cr4 & CR4.PAE) || codeIsLong) generalProtection()
  }
  if (!paging && wasPaging) {
    if ((state.mode & MODE.codeSize) === 2 || state.cr4 & CR4.PCIDE) generalProtection()
  }
}

/** Bits of CR0 whose change invalidates translations. */
const CR0_FLUSHES = CR0.PG | CR0.PE | CR0.WP | CR0.CD

/**
 * What loads the PDPEs of legacy PAE paging raises #GP(0) when a present one has a reserved bit set, after the intercept
 * (table 15-7). With nested paging they are only read in walks (APM vol 2 §15.25.10).
 */
function checkPdpes({ state, memory, model }: Cpu, cr0: bigint, cr3: bigint, cr4: bigint): void {
  if (!(cr0 & CR0.PG) || !(cr4 & CR4.PAE) || state.efer & EFER.LME) return
  if (state.guestMode && state.nestedPaging) return
  const reservedHigh = Number(cr3ReservedBits(model) >> 32n)
  if (hasIllegalPdpes(Number(cr3 & 0xffff_ffffn), reservedHigh, (address) => memory.read32(address)))
    generalProtection()
}

/** Sets CR0 and with it EFER.LMA. Flushes the TLB when paging, protection or caching changes. */
function setCr0(cpu: Cpu, value: bigint): void {
  const state = cpu.state
  const changed = state.cr0 ^ value
  if (changed & CR0.PG) checkPdpes(cpu, value, state.cr3, state.cr4)
  state.cr0 = (value & CR0_WRITABLE) | CR0.ET
  const long = (value & CR0.PG) !== 0n && (state.efer & EFER.LME) !== 0n
  state.efer = long ? state.efer | EFER.LMA : state.efer & ~EFER.LMA
  // The host's CD is part of the memory type of its guests' translations too.
  if (changed & CR0.CD && !state.guestMode) flushAll(cpu)
  else if (changed & CR0_FLUSHES) flushAsid(cpu)
  modeChanged(cpu)
}

function checkCr3({ state, model }: Cpu, value: bigint): void {
  const kept = state.cr4 & CR4.PCIDE ? CR3_KEEP : 0n
  if (value & cr3ReservedBits(model) & ~kept) generalProtection()
}

/** Loads CR3 and drops the translations that it replaces. Throws #GP(0) for illegal PDPEs. */
export function setCr3(cpu: Cpu, value: bigint): void {
  const state = cpu.state
  checkPdpes(cpu, state.cr0, value, state.cr4)
  if (!(state.cr4 & CR4.PCIDE)) {
    state.cr3 = value
    flushNonGlobal(cpu)
    return
  }
  state.cr3 = value & ~CR3_KEEP
  if (value & CR3_KEEP) modeChanged(cpu)
  else flushNonGlobal(cpu, undefined, Number(value & 0xfffn))
}

function checkCr4({ state, model }: Cpu, value: bigint): void {
  if (value & cr4ReservedBits(model)) generalProtection()
  const long = (state.efer & EFER.LMA) !== 0n
  if (long && (!(value & CR4.PAE) || (value ^ state.cr4) & CR4.LA57)) generalProtection()
  const turnsPcidOn = (value & ~state.cr4 & CR4.PCIDE) !== 0n
  if (turnsPcidOn && (!long || state.cr3 & 0xfffn)) generalProtection()
}

/** Bits of CR4 whose change invalidates translations. */
const CR4_FLUSHES = CR4.PGE | CR4.PAE | CR4.PSE | CR4.PCIDE | CR4.SMEP | CR4.SMAP

function setCr4(cpu: Cpu, value: bigint): void {
  const changed = cpu.state.cr4 ^ value
  if (changed & CR4.PAE) checkPdpes(cpu, cpu.state.cr0, cpu.state.cr3, value)
  cpu.state.cr4 = value
  if (changed & CR4_FLUSHES) flushAsid(cpu)
  modeChanged(cpu)
}

function checkCr8(_: Cpu, value: bigint): void {
  if (value > 0xfn) generalProtection()
}

/** In guest mode with V_INTR_MASKING, CR8 is V_TPR; without, writes reach both (APM vol 2 §15.21.2). */
function readTaskPriority(state: Cpu['state']): bigint {
  const virtual = state.guestMode && state.virtualInterrupt & VIRTUAL_INTERRUPT.masking
  return virtual ? BigInt(state.virtualInterrupt & VIRTUAL_INTERRUPT.tpr) : state.cr8
}

function writeTaskPriority(state: Cpu['state'], value: bigint): void {
  if (state.guestMode)
    state.virtualInterrupt = (state.virtualInterrupt & ~VIRTUAL_INTERRUPT.tpr) | Number(value)
  if (!state.guestMode || !(state.virtualInterrupt & VIRTUAL_INTERRUPT.masking)) {
    state.cr8 = value
    // The sub-class, TPR[3:0], is cleared.
    state.apic[APIC.taskPriority] = 0
  }
  lookForEvents(state)
}

/** Bits of the machine status word that LMSW loads: TS, EM, MP, PE. */
const MSW_BITS = 0xfn

const lmsw: SystemInstruction = (cpu, instruction) => {
  const state = cpu.state
  requirePrivilege(cpu)
  if (state.guestMode) {
    cpu.virtualization.intercept(cpu, EXIT.CR0_WRITE, 0n)
    cpu.virtualization.intercept(cpu, EXIT.CR0_SEL_WRITE, 0n)
  }
  const value = BigInt(readWord(cpu, instruction, 0)) & MSW_BITS
  // LMSW sets PE but cannot clear it.
  setCr0(cpu, (state.cr0 & ~(MSW_BITS & ~CR0.PE)) | value)
  trapWrite(cpu, 0)
}

const smsw: SystemInstruction = (cpu: Cpu, instruction: Instruction) => {
  requireUserMayLook(cpu)
  if (cpu.state.guestMode) cpu.virtualization.intercept(cpu, EXIT.CR0_READ, 0n)
  writeOperand(cpu, instruction, 0, cpu.state.cr0)
}

const clts: SystemInstruction = (cpu) => {
  requirePrivilege(cpu)
  if (cpu.state.guestMode) cpu.virtualization.intercept(cpu, EXIT.CR0_WRITE, 0n)
  cpu.state.cr0 &= ~CR0.TS
  trapWrite(cpu, 0)
}

export const controlRegisterInstructions = { 'mov-control': movControl, lmsw, smsw, clts } as const
