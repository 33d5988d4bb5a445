/** Identification, time, halting, hints and caches: the small system instructions (APM vol 3 chapter 4). */
import { RAX, RBX, RCX, RDX } from '../isa/registers.ts'
import { isUser } from '../paging/access.ts'
import { translate } from '../paging/translate.ts'
import { ATTENTION } from '../state/attention.ts'
import { ACCESS, type Cpu, type SystemInstruction } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import { generalProtection, undefinedOpcode } from '../state/faults.ts'
import { CR4 } from '../state/mode.ts'
import { ACTIVITY, type Vcpu } from '../state/vcpu.ts'
import { hasVirtualEvent } from './events.ts'
import { effectiveAddress, memoryOperand } from './operands.ts'
import { requirePrivilege } from './privilege.ts'
import { linearAddress } from './segmentation.ts'
import { readAperf, readMperf, readTsc } from './time.ts'

/** Raises the #VMEXIT that the guest's VMCB asks for, if it does. */
function intercept(cpu: Cpu, code: number): void {
  if (cpu.state.guestMode) cpu.virtualization.intercept(cpu, code)
}

const cpuid: SystemInstruction = (cpu) => {
  const exit = cpu.state.guestMode ? cpu.virtualization.exitFor(cpu, EXIT.CPUID) : undefined
  if (exit !== undefined) return exit
  const { gpr, gprHalves } = cpu.state
  const words = cpu.model.cpuid(gprHalves[RAX * 2], gprHalves[RCX * 2], cpu.state)
  for (const [i, register] of [RAX, RBX, RCX, RDX].entries()) gpr[register] = BigInt(words[i])
  return undefined
}

/** CR4.TSD = 1 reserves the time-stamp counter for CPL 0. */
function requireTsc(cpu: Cpu): void {
  if (cpu.state.cr4 & CR4.TSD) requirePrivilege(cpu)
}

function setPair(state: Vcpu, value: bigint): void {
  state.gpr[RAX] = value & 0xffff_ffffn
  state.gpr[RDX] = value >> 32n
}

const rdtsc: SystemInstruction = (cpu) => {
  requireTsc(cpu)
  intercept(cpu, EXIT.RDTSC)
  setPair(cpu.state, readTsc(cpu.state))
}

const rdtscp: SystemInstruction = (cpu) => {
  if (!cpu.model.has('rdtscp')) undefinedOpcode()
  requireTsc(cpu)
  intercept(cpu, EXIT.RDTSCP)
  setPair(cpu.state, readTsc(cpu.state))
  cpu.state.gpr[RCX] = cpu.state.tscAux & 0xffff_ffffn
}

/** What RDPRU reads, by ECX: MPERF, APERF. Beyond CPUID 8000_0008h EDX[31:16] it reads zero. */
const rdpru: SystemInstruction = (cpu) => {
  if (!cpu.model.has('rdpru')) undefinedOpcode()
  requireTsc(cpu)
  intercept(cpu, EXIT.RDPRU)
  const { state } = cpu
  const register = state.gprHalves[RCX * 2]
  setPair(state, register === 0 ? readMperf(state) : register === 1 ? readAperf(state) : 0n)
}

/** Number of performance counters (APM vol 2 §13.2.2). They exist and never count. */
const PERFORMANCE_COUNTERS = 4

const rdpmc: SystemInstruction = (cpu) => {
  if (!(cpu.state.cr4 & CR4.PCE)) requirePrivilege(cpu)
  if (cpu.state.gprHalves[RCX * 2] >= PERFORMANCE_COUNTERS) generalProtection()
  intercept(cpu, EXIT.RDPMC)
  setPair(cpu.state, 0n)
}

const hlt: SystemInstruction = (cpu) => {
  requirePrivilege(cpu)
  intercept(cpu, EXIT.HLT)
  // The idle intercept is for guests with nothing to wake them (APM vol 2 §15.9, table 15-7).
  if (!hasVirtualEvent(cpu.state)) intercept(cpu, EXIT.IDLE_HLT)
  cpu.state.activity = ACTIVITY.halted
  cpu.state.attention |= ATTENTION.inactive
}

const pause: SystemInstruction = (cpu) => {
  intercept(cpu, EXIT.PAUSE)
  cpu.pause?.()
}

const invd: SystemInstruction = (cpu) => {
  requirePrivilege(cpu)
  intercept(cpu, EXIT.INVD)
  cpu.caches?.discardAll()
}

const wbinvd: SystemInstruction = (cpu) => {
  requirePrivilege(cpu)
  intercept(cpu, EXIT.WBINVD)
  cpu.caches?.writeBackAll(cpu.index, true)
}

const wbnoinvd: SystemInstruction = (cpu) => {
  if (!cpu.model.has('wbnoinvd')) undefinedOpcode()
  requirePrivilege(cpu)
  intercept(cpu, EXIT.WBINVD)
  cpu.caches?.writeBackAll(cpu.index, false)
}

/** CLFLUSH, CLFLUSHOPT, CLWB. Flushing a line or writing it back faults like a read of a byte in it. */
const clflush: SystemInstruction = (cpu, instruction) => {
  if (!cpu.model.has(instruction.mnemonic)) undefinedOpcode()
  const operand = memoryOperand(instruction, 0)
  const linear = linearAddress(cpu, operand.segment, effectiveAddress(cpu.state, operand), 1, ACCESS.read)
  const address = translate(cpu, linear, ACCESS.read, isUser(cpu))
  cpu.caches?.flushLine(cpu.index, address, instruction.mnemonic !== 'clwb')
}

export const processorInstructions = {
  cpuid,
  rdtsc,
  rdtscp,
  rdpmc,
  hlt,
  pause,
  invd,
  wbinvd,
  wbnoinvd,
  clflush,
  rdpru,
} as const
