/** LGDT, LIDT, SGDT, SIDT, LLDT, SLDT, LTR, STR (APM vol 2 §4.6; intercepts table 15-7: after #UD and #GP, before memory). */
import type { Instruction } from '../isa/instruction.ts'
import { LDTR, TR } from '../isa/registers.ts'
import { probeLinear, writeLinear } from '../paging/access.ts'
import { isCanonical } from '../state/canonical.ts'
import { ACCESS, type Cpu, type SystemInstruction } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import { Fault, generalProtection, VECTOR } from '../state/faults.ts'
import { ATTRIBUTE, MODE } from '../state/mode.ts'
import {
  type Descriptor,
  isLongMode,
  isNull,
  isSystemType,
  readUpperHalf,
  requireDescriptor,
  SELECTOR,
  selectorError,
  SYSTEM_TYPE,
  tableAddress,
  TSS_BUSY,
} from './descriptors.ts'
import { effectiveAddress, load, memoryOperand, offsetBy, readWord, store, writeOperand } from './operands.ts'
import { requirePrivilege, requireProtectedMode, requireUserMayLook } from './privilege.ts'
import { linearAddress, NULL_SEGMENT, setSegment } from './segmentation.ts'

/** GDTR and IDTR: fields of the vCPU block and exit codes. */
const GDT = { base: 'gdtrBase', limit: 'gdtrLimit', read: EXIT.GDTR_READ, write: EXIT.GDTR_WRITE } as const
const IDT = { base: 'idtrBase', limit: 'idtrLimit', read: EXIT.IDTR_READ, write: EXIT.IDTR_WRITE } as const
type Table = typeof GDT | typeof IDT

function intercept(cpu: Cpu, code: number): void {
  if (cpu.state.guestMode) cpu.virtualization.intercept(cpu, code)
}

/** The memory operand: 15:0 limit, then the base, 8 bytes in 64-bit mode, else 4 (3 used with a 16-bit operand size). */
function loadTable(cpu: Cpu, instruction: Instruction, table: Table): void {
  const state = cpu.state
  requirePrivilege(cpu)
  intercept(cpu, table.write)
  const operand = memoryOperand(instruction, 0)
  const at = effectiveAddress(state, operand)
  const is64 = (state.mode & MODE.codeSize) === 2
  const limit = Number(load(cpu, operand.segment, at, 2))
  const base = load(cpu, operand.segment, offsetBy(operand, at, 2), is64 ? 8 : 4)
  if (!isCanonical(base, cpu.model.linearAddressBits)) generalProtection()
  state[table.limit] = limit
  state[table.base] = !is64 && instruction.operandSize === 2 ? base & 0xff_ffffn : base
}

function storeTable(cpu: Cpu, instruction: Instruction, table: Table): void {
  const state = cpu.state
  requireUserMayLook(cpu)
  intercept(cpu, table.read)
  const operand = memoryOperand(instruction, 0)
  const at = effectiveAddress(state, operand)
  const is64 = (state.mode & MODE.codeSize) === 2
  // If either half faults, nothing is written.
  probeLinear(cpu, linearAddress(cpu, operand.segment, at, 2, ACCESS.write), 2, ACCESS.write)
  store(cpu, operand.segment, offsetBy(operand, at, 2), is64 ? 8 : 4, state[table.base])
  store(cpu, operand.segment, at, 2, BigInt(state[table.limit]))
}

/** The base of a system segment: 64 bits in long mode, from a 16-byte descriptor. */
function systemBase(cpu: Cpu, descriptor: Descriptor, errorCode: number): bigint {
  if (!isLongMode(cpu)) return descriptor.base
  const upper = readUpperHalf(cpu, descriptor)
  // Bits 12:8 of the last doubleword must be zero: they would be the type of another descriptor.
  if (upper & (0x1fn << 40n)) generalProtection(errorCode)
  const base = descriptor.base | ((upper & 0xffff_ffffn) << 32n)
  if (!isCanonical(base, cpu.model.linearAddressBits)) generalProtection(errorCode)
  return base
}

/** The descriptor of an LDT or TSS: in the GDT, 16 bytes in long mode. */
function requireSystemDescriptor(cpu: Cpu, selector: number): Descriptor {
  if (selector & SELECTOR.ti) generalProtection(selectorError(selector))
  return requireDescriptor(cpu, selector, VECTOR.GP, isLongMode(cpu) ? 16 : 8)
}

const lldt: SystemInstruction = (cpu, instruction) => {
  requireProtectedMode(cpu)
  requirePrivilege(cpu)
  intercept(cpu, EXIT.LDTR_WRITE)
  const selector = readWord(cpu, instruction, 0)
  if (isNull(selector)) {
    setSegment(cpu.state.segments[LDTR], { ...NULL_SEGMENT, selector })
    return
  }
  const errorCode = selectorError(selector)
  const descriptor = requireSystemDescriptor(cpu, selector)
  if (!isSystemType(descriptor.attributes, SYSTEM_TYPE.ldt)) generalProtection(errorCode)
  if (!(descriptor.attributes & ATTRIBUTE.P)) throw new Fault(VECTOR.NP, errorCode)
  const base = systemBase(cpu, descriptor, errorCode)
  setSegment(cpu.state.segments[LDTR], {
    selector,
    attributes: descriptor.attributes,
    limit: descriptor.limit,
    base,
  })
}

/** True for an available TSS; long mode has no 16-bit ones. */
function isAvailableTss(cpu: Cpu, attributes: number): boolean {
  if (isSystemType(attributes, SYSTEM_TYPE.tss)) return true
  return !isLongMode(cpu) && isSystemType(attributes, SYSTEM_TYPE.tss16)
}

const ltr: SystemInstruction = (cpu, instruction) => {
  requireProtectedMode(cpu)
  requirePrivilege(cpu)
  intercept(cpu, EXIT.TR_WRITE)
  const selector = readWord(cpu, instruction, 0)
  if (isNull(selector)) generalProtection()
  const errorCode = selectorError(selector)
  const descriptor = requireSystemDescriptor(cpu, selector)
  if (!isAvailableTss(cpu, descriptor.attributes)) generalProtection(errorCode)
  if (!(descriptor.attributes & ATTRIBUTE.P)) throw new Fault(VECTOR.NP, errorCode)
  const base = systemBase(cpu, descriptor, errorCode)
  const typeByte = (descriptor.raw >> 40n) | BigInt(TSS_BUSY)
  writeLinear(cpu, tableAddress(cpu, descriptor.address, 5, 1), 1, typeByte, false)
  const attributes = descriptor.attributes | TSS_BUSY
  setSegment(cpu.state.segments[TR], { selector, attributes, limit: descriptor.limit, base })
}

function storeSelector(cpu: Cpu, instruction: Instruction, register: number, code: number): void {
  requireProtectedMode(cpu)
  requireUserMayLook(cpu)
  intercept(cpu, code)
  writeOperand(cpu, instruction, 0, BigInt(cpu.state.segments[register].selector))
}

export const descriptorTableInstructions: Readonly<Record<string, SystemInstruction>> = {
  lgdt: (cpu, instruction) => loadTable(cpu, instruction, GDT),
  lidt: (cpu, instruction) => loadTable(cpu, instruction, IDT),
  sgdt: (cpu, instruction) => storeTable(cpu, instruction, GDT),
  sidt: (cpu, instruction) => storeTable(cpu, instruction, IDT),
  lldt,
  ltr,
  sldt: (cpu, instruction) => storeSelector(cpu, instruction, LDTR, EXIT.LDTR_READ),
  str: (cpu, instruction) => storeSelector(cpu, instruction, TR, EXIT.TR_READ),
}
