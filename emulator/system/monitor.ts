/**
 * MONITOR and MWAIT, MONITORX and MWAITX: waiting for a store to a line of memory (APM vol 3 chapters 3 and 4). MWAIT may return
 * for reasons of the processor's own; here it always returns at once.
 */
import { DS, RAX, RCX } from '../isa/registers.ts'
import type { Instruction } from '../isa/instruction.ts'
import { translate } from '../paging/translate.ts'
import { ACCESS, type Cpu, type SystemInstruction } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import { generalProtection, undefinedOpcode } from '../state/faults.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { linearAddress } from './segmentation.ts'

/** Bytes of the monitored line, CPUID 5 EAX and EBX. */
export const MONITOR_LINE = 64

/** HWCR bit 10: MONITOR and MWAIT work at any CPL. */
const HWCR_MON_MWAIT_USER = 1n << 10n

/** Of ECX, MWAIT takes bit 0 (interrupts wake although masked); MWAITX bit 1 too (EBX holds a timeout). */
const MWAIT_EXTENSIONS = 1
const MWAITX_EXTENSIONS = 3

/** MONITOR and MWAIT are for CPL 0, MONITORX and MWAITX for everybody. */
function requireFeature(cpu: Cpu, instruction: Instruction): void {
  const forEverybody = instruction.mnemonic.endsWith('x')
  if (!cpu.model.has(forEverybody ? 'monitorx' : 'monitor')) undefinedOpcode()
  if (!forEverybody && cpu.state.cpl !== 0 && !(cpu.state.hwcr & HWCR_MON_MWAIT_USER)) undefinedOpcode()
}

const monitor: SystemInstruction = (cpu, instruction) => {
  const { state } = cpu
  requireFeature(cpu, instruction)
  if (state.gprHalves[RCX * 2] !== 0) generalProtection()
  const segment = instruction.segmentOverride >= 0 ? instruction.segmentOverride : DS
  const offset = BigInt.asUintN(instruction.addressSize * 8, state.gpr[RAX])
  const linear = linearAddress(cpu, segment, offset, 1, ACCESS.read)
  const address = translate(cpu, linear, ACCESS.read, state.cpl === 3)
  if (state.guestMode) cpu.virtualization.intercept(cpu, EXIT.MONITOR)
  state.monitorAddress = address - (address % MONITOR_LINE)
  readLine(cpu, state.monitorAddress, state.monitorLine)
  state.monitorArmed = 1
}

function readLine({ memory }: Cpu, address: number, line: Uint32Array): void {
  for (let word = 0; word < line.length; word++) line[word] = memory.read32(address + word * 4)
}

const present = new Uint32Array(MONITOR_LINE / 4)

/** Nothing has changed the line since MONITOR. */
function isArmed(cpu: Cpu): boolean {
  const { state } = cpu
  if (!state.monitorArmed) return false
  readLine(cpu, state.monitorAddress, present)
  return present.every((word, n) => word === state.monitorLine[n])
}

const mwait: SystemInstruction = (cpu, instruction) => {
  const { state } = cpu
  requireFeature(cpu, instruction)
  const extensions = instruction.mnemonic.endsWith('x') ? MWAITX_EXTENSIONS : MWAIT_EXTENSIONS
  if (state.gprHalves[RCX * 2] & ~extensions) generalProtection()
  if (state.guestMode) {
    if (isArmed(cpu)) cpu.virtualization.intercept(cpu, EXIT.MWAIT_CONDITIONAL)
    cpu.virtualization.intercept(cpu, EXIT.MWAIT)
  }
  disarmMonitor(state)
}

/** What ends waiting ends monitoring. */
export function disarmMonitor(state: Vcpu): void {
  state.monitorArmed = 0
}

export const monitorInstructions = { monitor, mwait } as const
