/** Test set-up: a processor with 1 MB of RAM in one of the modes, hand-made descriptor tables, and instructions as bytes. */
import { decode, isDecodeError } from '../isa/decode.ts'
import { CS, DS, ES, RSP, SS, TR } from '../isa/registers.ts'
import { modeChanged } from '../paging/contexts.ts'
import { ATTENTION } from '../state/attention.ts'
import type { Cpu } from '../state/cpu.ts'
import { Exit, Fault } from '../state/faults.ts'
import { PhysicalMemory } from '../state/memory.ts'
import { CR0, CR4, codeBits, EFER } from '../state/mode.ts'
import { vcpuView } from '../state/vcpu.ts'
import { afterInstruction, beforeInstruction } from './boundary.ts'
import { createCpuModel } from './cpu-model.ts'
import { deliverFault } from './deliver.ts'
import { decodeDescriptor } from './descriptors.ts'
import { SYSTEM_INSTRUCTIONS } from './instructions.ts'
import { truncateRip } from './operands.ts'
import { resetVcpu } from './reset.ts'
import { setSegment } from './segmentation.ts'

/** Where things lie. Each page belongs to one thing, so that any of them can be cut off by its limit. */
export const AT = {
  gdt: 0x3000,
  idt: 0x4000,
  tss: 0x5000,
  code: 0x8000,
  stack: 0x9000,
  innerStack: 0xa000,
  istStack: 0xb000,
} as const

/** Selectors of the GDT that every fixture begins with. */
export const SEL = {
  code32: 0x08,
  data: 0x10,
  code64: 0x18,
  userCode32: 0x23,
  userData: 0x2b,
  userCode64: 0x33,
  notPresent: 0x38,
  readOnly: 0x40,
  /** 16 bytes in long mode. */
  tss: 0x48,
  /** 16 bytes in long mode; empty until a test writes it. */
  gate: 0x58,
  beyond: 0x70,
} as const

const GDT: readonly bigint[] = [
  0n,
  0x00cf_9b00_0000_ffffn,
  0x00cf_9300_0000_ffffn,
  0x00af_9b00_0000_ffffn,
  0x00cf_fb00_0000_ffffn,
  0x00cf_f300_0000_ffffn,
  0x00af_fb00_0000_ffffn,
  0x00cf_1300_0000_ffffn,
  0x00cf_9100_0000_ffffn,
]

export interface Intercepts {
  /** Exit codes that the guest's VMCB asks for. */
  readonly codes: Set<number>
  /** The codes that were asked about, in order. */
  readonly asked: number[]
}

export interface TestCpu extends Cpu {
  readonly intercepts: Intercepts
}

/** A processor just after RESET. */
function resetCpu(): TestCpu {
  const memory = new PhysicalMemory(0x10_0000, 1)
  const intercepts: Intercepts = { codes: new Set(), asked: [] }
  const find = (code: number, info1?: bigint, info2?: bigint): Exit | undefined => {
    intercepts.asked.push(code)
    return intercepts.codes.has(code) ? new Exit(code, info1, info2) : undefined
  }
  const ask = (code: number, info1?: bigint, info2?: bigint): void => {
    const exit = find(code, info1, info2)
    if (exit !== undefined) throw exit
  }
  const cpu: TestCpu = {
    index: 0,
    state: vcpuView(memory.buffer, 0),
    memory,
    model: createCpuModel(),
    ports: { read: (port) => port, write: () => undefined },
    virtualization: {
      intercept: (_, code, info1, info2) => ask(code, info1, info2),
      exitFor: (_, code, info1, info2) => find(code, info1, info2),
      interceptMsr: (_, msr, write) => ask(0x7c, BigInt(write), BigInt(msr)),
      exitForIo: (_, _port, _size, info1) => find(0x7b, BigInt(info1)),
      interceptException: (_, fault) => ask(0x40 + fault.vector),
      exit: () => undefined,
    },
    observer: {},
    seed: 0,
    processors: () => [cpu],
    mapLocalApic: () => undefined,
    intercepts,
  }
  resetVcpu(cpu)
  return cpu
}

/** Real mode at 0000:8000 with the stack at 0000:9000 and the interrupt table at 0. */
export function realCpu(): TestCpu {
  const cpu = resetCpu()
  const { state } = cpu
  state.segments[CS].selector = 0
  state.segments[CS].base = 0n
  state.idtrLimit = 0x3ff
  state.rip = BigInt(AT.code)
  state.gpr[RSP] = BigInt(AT.stack)
  modeChanged(cpu)
  return cpu
}

function withTables(cpu: TestCpu): void {
  const { state, memory } = cpu
  GDT.forEach((descriptor, i) => memory.write(AT.gdt + i * 8, 8, descriptor))
  state.gdtrBase = BigInt(AT.gdt)
  state.gdtrLimit = SEL.beyond - 1
  state.idtrBase = BigInt(AT.idt)
  state.idtrLimit = 0xfff
  state.gpr[RSP] = BigInt(AT.stack)
  state.rip = BigInt(AT.code)
  state.segments[TR].base = BigInt(AT.tss)
  state.segments[TR].selector = SEL.tss
  state.segments[TR].attributes = 0x8b
  state.segments[TR].limit = 0x67
  // The I/O bitmap would begin beyond the limit: there is none.
  memory.write(AT.tss + 0x66, 2, 0x68n)
}

/** Gives CS and the data segments the values of `code` and `data`, and CPL their RPL. */
export function useSegments(cpu: Cpu, code: number, data: number): void {
  const { state, memory } = cpu
  const segment = (selector: number) => {
    const at = AT.gdt + (selector & ~7)
    return { ...decodeDescriptor(memory.read(at, 8), BigInt(at)), selector }
  }
  setSegment(state.segments[CS], segment(code))
  for (const register of [ES, SS, DS]) setSegment(state.segments[register], segment(data))
  state.cpl = code & 3
  modeChanged(cpu)
}

/** 32-bit protected mode, paging off, CPL 0; the 32-bit TSS holds the level-0 stack. */
export function protectedCpu(): TestCpu {
  const cpu = resetCpu()
  cpu.state.cr0 = CR0.PE | CR0.ET
  withTables(cpu)
  cpu.memory.write32(AT.tss + 4, AT.innerStack)
  cpu.memory.write32(AT.tss + 8, SEL.data)
  useSegments(cpu, SEL.code32, SEL.data)
  return cpu
}

/** 64-bit mode, the first 2 MB mapped to themselves for everybody; the TSS holds RSP0 and IST1. */
export function longCpu(): TestCpu {
  const cpu = resetCpu()
  const { state, memory } = cpu
  memory.write(0x1000, 8, 0x2007n)
  memory.write(0x2000, 8, 0x6007n)
  memory.write(0x6000, 8, 0x87n)
  state.cr3 = 0x1000n
  state.cr4 = CR4.PAE
  state.cr0 = CR0.PE | CR0.ET | CR0.PG | CR0.WP
  state.efer = EFER.LME | EFER.LMA | EFER.NXE | EFER.SCE
  withTables(cpu)
  memory.write(AT.tss + 4, 8, BigInt(AT.innerStack))
  memory.write(AT.tss + 0x24, 8, BigInt(AT.istStack))
  useSegments(cpu, SEL.code64, SEL.data)
  return cpu
}

/** Puts the vCPU in guest mode with the given intercepts. */
export function enterGuest(cpu: TestCpu, ...codes: number[]): void {
  cpu.state.guestMode = 1
  cpu.state.asid = 1
  for (const code of codes) cpu.intercepts.codes.add(code)
  modeChanged(cpu)
}

interface GateFields {
  readonly selector: number
  readonly offset: bigint
  /** P, DPL, S and type: descriptor bits 47:40. */
  readonly access: number
  /** IST, or the parameter count of a call gate. */
  readonly extra?: number
}

/** The words of a gate, legacy (one) or long (two). */
export function gateWords({ selector, offset, access, extra = 0 }: GateFields): [bigint, bigint] {
  const low =
    (offset & 0xffffn) |
    (BigInt(selector) << 16n) |
    (BigInt(extra) << 32n) |
    (BigInt(access) << 40n) |
    ((offset & 0xffff_0000n) << 32n)
  return [low, offset >> 32n]
}

/** Writes an interrupt gate: 8 bytes in legacy mode, 16 in long mode. */
export function setGate(cpu: Cpu, vector: number, fields: GateFields): void {
  const long = (cpu.state.efer & EFER.LMA) !== 0n
  const [low, high] = gateWords(fields)
  const at = AT.idt + vector * (long ? 16 : 8)
  cpu.memory.write(at, 8, low)
  if (long) cpu.memory.write(at + 8, 8, high)
}

/**
 * Executes one system instruction given as bytes, as the run loop does. Throws Fault or Exit with rIP back at the instruction.
 * The bytes are not fetched from memory.
 */
export function execute(cpu: Cpu, bytes: readonly number[]): void {
  const { state } = cpu
  const instruction = decode(Uint8Array.from(bytes), 0, bytes.length, codeBits(state.mode))
  if (isDecodeError(instruction)) throw new Error(`not an instruction: ${bytes.join(' ')}`)
  const system = SYSTEM_INSTRUCTIONS.get(instruction.operation)
  if (system === undefined) throw new Error(`${instruction.operation} is not a system instruction`)
  const rip = state.rip
  state.rip = truncateRip(state, rip + BigInt(instruction.length))
  try {
    const exit = system(cpu, instruction)
    if (exit instanceof Exit) throw exit
  } catch (thrown) {
    const committed = (thrown instanceof Fault || thrown instanceof Exit) && thrown.committed
    if (!committed) state.rip = rip
    throw thrown
  }
}

/** As execute, with what comes before and after an instruction: traps, shadows, delivery of its fault. */
export function step(cpu: Cpu, bytes: readonly number[]): void {
  if (cpu.state.attention !== 0 && !beforeInstruction(cpu)) return
  const before = cpu.state.attention
  try {
    execute(cpu, bytes)
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown
    deliverFault(cpu, thrown)
  }
  if (before !== 0) afterInstruction(cpu, before)
}

/** The fault that `action` throws, as `{ vector, errorCode }`; undefined if it throws none. */
export function faultOf(action: () => void): { vector: number; errorCode: number } | undefined {
  try {
    action()
  } catch (thrown) {
    if (thrown instanceof Fault) return { vector: thrown.vector, errorCode: thrown.errorCode }
    throw thrown
  }
  return undefined
}

/** The exit that `action` throws, or undefined. */
export function exitOf(action: () => void): Exit | undefined {
  try {
    action()
  } catch (thrown) {
    if (thrown instanceof Exit) return thrown
    throw thrown
  }
  return undefined
}

/** Items on the stack from rSP up. */
export function stackItems(cpu: Cpu, bytes: 2 | 4 | 8, count: number): number[] {
  const at = Number(cpu.state.gpr[RSP])
  return Array.from({ length: count }, (_, i) => Number(cpu.memory.read(at + i * bytes, bytes)))
}

export function isShutDown(cpu: Cpu): boolean {
  return (cpu.state.attention & ATTENTION.inactive) !== 0 && cpu.state.activity === 2
}
