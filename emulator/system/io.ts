/** IN, OUT, INS, OUTS: the I/O privilege level, the TSS bitmap, then the IOPM (APM vol 2 §12.2.4, §15.10). */
import type { Instruction } from '../isa/instruction.ts'
import { DF, DS, ES, RAX, RCX, RDI, RDX, RSI, TR } from '../isa/registers.ts'
import { probeLinear, readLinear, writeLinear } from '../paging/access.ts'
import { ACCESS, type Cpu, type SystemInstruction } from '../state/cpu.ts'
import { generalProtection, type Exit } from '../state/faults.ts'
import { ATTRIBUTE, MODE } from '../state/mode.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { notePortAccess } from './debug-traps.ts'
import { tableAddress } from './descriptors.ts'
import { instructionRip, readRegister, writeRegister } from './operands.ts'
import { noteIteration } from './repeat.ts'
import { linearAddress } from './segmentation.ts'
import { ioPrivilege } from './virtual-8086.ts'
import { rememberSmiSource } from './smi-source.ts'

type PortSize = 1 | 2 | 4

/** Offset in the TSS of the 16-bit offset of the I/O-permission bitmap, legacy and 64-bit alike. */
const BITMAP_OFFSET_FIELD = 0x66

/** #GP(0) unless the task may use the ports: CPL <= IOPL, or all bits clear in the bitmap of the TSS. */
function checkPermission(cpu: Cpu, port: number, size: PortSize): void {
  const state = cpu.state
  const virtual8086 = (state.mode & MODE.virtual8086) !== 0
  if (!virtual8086 && state.cpl <= ioPrivilege(state)) return
  if (!(state.mode & (MODE.protected | MODE.virtual8086))) return
  const tss = state.segments[TR]
  // A 16-bit TSS has no bitmap.
  if (!(tss.attributes & ATTRIBUTE.code) || BITMAP_OFFSET_FIELD + 1 > tss.limit) generalProtection()
  const bitmap = Number(readLinear(cpu, tableAddress(cpu, tss.base, BITMAP_OFFSET_FIELD, 2), 2, false))
  // Two bytes are read, so that the bits of a port pair or quad that crosses a byte are there.
  const at = bitmap + (port >> 3)
  if (at + 1 > tss.limit) generalProtection()
  const bits = Number(readLinear(cpu, tableAddress(cpu, tss.base, at, 2), 2, false))
  if ((bits >> (port & 7)) & ((1 << size) - 1)) generalProtection()
}

/** EXITINFO1 bits (APM vol 2 figure 15-2); SZ8 is bit 4 and A16 bit 7, each followed by the next larger size. */
const IO_INFO = {
  in: 1 << 0,
  string: 1 << 2,
  repeat: 1 << 3,
  size: 4,
  addressSize: 7,
  segment: 10,
  port: 16,
} as const

function ioInfo(port: number, size: PortSize, addressSize: 2 | 4 | 8, flags: number): number {
  const info =
    flags | (size << IO_INFO.size) | ((addressSize >> 1) << IO_INFO.addressSize) | (port << IO_INFO.port)
  return info >>> 0
}

/** Raises what the task's permissions demand, and returns the #VMEXIT that the VMCB asks for. */
function checkPort(
  cpu: Cpu,
  instruction: Instruction,
  port: number,
  size: PortSize,
  flags: number,
): Exit | undefined {
  checkPermission(cpu, port, size)
  notePortAccess(cpu.state, port, size)
  if (!cpu.state.guestMode) return undefined
  return cpu.virtualization.exitForIo(cpu, port, size, ioInfo(port, size, instruction.addressSize, flags))
}

/** Writes to a port. A device may answer with an SMI, which then knows where it came from. */
function writePort(
  cpu: Cpu,
  instruction: Instruction,
  port: number,
  size: PortSize,
  value: number,
  flags: number,
): void {
  const { state } = cpu
  const pending = state.smiPending
  cpu.ports.write(port, size, value)
  if (state.smiPending !== pending)
    rememberSmiSource(state, instruction, ioInfo(port, size, instruction.addressSize, flags))
}

/** The port of operand `n`: an immediate byte or DX. */
function portOperand(state: Vcpu, instruction: Instruction, n: number): number {
  const operand = instruction.operands[n]
  return operand.kind === 'immediate' ? Number(operand.value) : Number(readRegister(state, RDX, 2))
}

const input: SystemInstruction = (cpu, instruction) => {
  const size = instruction.operandSize as PortSize
  const port = portOperand(cpu.state, instruction, 1)
  const exit = checkPort(cpu, instruction, port, size, IO_INFO.in)
  if (exit !== undefined) return exit
  writeRegister(cpu.state, RAX, size, BigInt(cpu.ports.read(port, size) >>> 0))
  return undefined
}

const output: SystemInstruction = (cpu, instruction) => {
  const size = instruction.operandSize as PortSize
  const port = portOperand(cpu.state, instruction, 0)
  const exit = checkPort(cpu, instruction, port, size, 0)
  if (exit !== undefined) return exit
  writePort(cpu, instruction, port, size, Number(readRegister(cpu.state, RAX, size)), 0)
  return undefined
}

/** rCX and rSI or rDI after an element; with REP the instruction runs again, one element an execution. */
function advance(cpu: Cpu, instruction: Instruction, pointer: number): void {
  const state = cpu.state
  const width = instruction.addressSize
  const step = BigInt(state.flagsOther & DF ? -instruction.operandSize : instruction.operandSize)
  writeRegister(state, pointer, width, state.gpr[pointer] + step)
  if (instruction.repeat === 'none') return
  writeRegister(state, RCX, width, state.gpr[RCX] - 1n)
  if (readRegister(state, RCX, width) === 0n) return
  state.rip = instructionRip(state, instruction)
  noteIteration(state)
}

function isExhausted(state: Vcpu, instruction: Instruction): boolean {
  return instruction.repeat !== 'none' && readRegister(state, RCX, instruction.addressSize) === 0n
}

function stringFlags(instruction: Instruction, segment: number): number {
  return IO_INFO.string | (instruction.repeat === 'none' ? 0 : IO_INFO.repeat) | (segment << IO_INFO.segment)
}

const inputString: SystemInstruction = (cpu, instruction) => {
  const state = cpu.state
  if (isExhausted(state, instruction)) return undefined
  const size = instruction.operandSize as PortSize
  const port = Number(readRegister(state, RDX, 2))
  const exit = checkPort(cpu, instruction, port, size, IO_INFO.in | stringFlags(instruction, ES))
  if (exit !== undefined) return exit
  const linear = linearAddress(cpu, ES, readRegister(state, RDI, instruction.addressSize), size, ACCESS.write)
  probeLinear(cpu, linear, size, ACCESS.write)
  writeLinear(cpu, linear, size, BigInt(cpu.ports.read(port, size) >>> 0))
  advance(cpu, instruction, RDI)
  return undefined
}

const outputString: SystemInstruction = (cpu, instruction) => {
  const state = cpu.state
  if (isExhausted(state, instruction)) return undefined
  const size = instruction.operandSize as PortSize
  const port = Number(readRegister(state, RDX, 2))
  const segment = instruction.segmentOverride >= 0 ? instruction.segmentOverride : DS
  const exit = checkPort(cpu, instruction, port, size, stringFlags(instruction, segment))
  if (exit !== undefined) return exit
  const linear = linearAddress(
    cpu,
    segment,
    readRegister(state, RSI, instruction.addressSize),
    size,
    ACCESS.read,
  )
  const value = Number(readLinear(cpu, linear, size))
  writePort(cpu, instruction, port, size, value, stringFlags(instruction, segment))
  advance(cpu, instruction, RSI)
  return undefined
}

export const ioInstructions = { in: input, out: output, ins: inputString, outs: outputString } as const
