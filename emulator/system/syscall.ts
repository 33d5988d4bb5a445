/** SYSCALL, SYSRET, SYSENTER, SYSEXIT (APM vol 2 §6.1; vol 3 for the order of checks). */
import { CS, RCX, RDX, RF, RSP, SS, IF, TF, VM } from '../isa/registers.ts'
import { modeChanged } from '../paging/contexts.ts'
import { isCanonical, linearBits } from '../state/canonical.ts'
import { ATTENTION } from '../state/attention.ts'
import type { Cpu, SystemInstruction } from '../state/cpu.ts'
import { generalProtection, undefinedOpcode } from '../state/faults.ts'
import { readRflags } from '../state/flags.ts'
import { ATTRIBUTE, EFER, MODE } from '../state/mode.ts'
import { isLongMode } from './descriptors.ts'
import { requireProtectedMode } from './privilege.ts'
import { loadRflags } from './rflags.ts'
import { setSegment } from './segmentation.ts'

const DATA = ATTRIBUTE.G | ATTRIBUTE.DB | ATTRIBUTE.P | ATTRIBUTE.S | ATTRIBUTE.readWrite | ATTRIBUTE.accessed
const CODE32 = DATA | ATTRIBUTE.code
const CODE64 = (CODE32 & ~ATTRIBUTE.DB) | ATTRIBUTE.L

/** Fast system calls load fixed flat segments and read no descriptor. */
function enterFlat(cpu: Cpu, codeSelector: number, stackSelector: number, code: number, level: number): void {
  const state = cpu.state
  const flat = { limit: 0xffff_ffff, base: 0n }
  setSegment(state.segments[CS], { ...flat, selector: codeSelector, attributes: code | (level << 5) })
  setSegment(state.segments[SS], { ...flat, selector: stackSelector, attributes: DATA | (level << 5) })
  state.cpl = level
}

function requireSyscall(cpu: Cpu): void {
  if (!(cpu.state.efer & EFER.SCE)) undefinedOpcode()
}

/** STAR: 63:48 SYSRET CS and SS, 47:32 SYSCALL CS and SS, 31:0 EIP of legacy mode. */
function starSelector(star: bigint, shift: bigint): number {
  return Number((star >> shift) & 0xffffn)
}

const syscall: SystemInstruction = (cpu) => {
  const state = cpu.state
  requireSyscall(cpu)
  const selector = starSelector(state.star, 32n) & 0xfffc
  const is64 = (state.mode & MODE.codeSize) === 2
  const flags = readRflags(state)
  const long = isLongMode(cpu)
  const target = !long ? state.star & 0xffff_ffffn : is64 ? state.lstar : state.cstar
  // WRMSR refuses less than the paging mode, and VMLOAD nothing.
  if (!isCanonical(target, linearBits(state))) generalProtection()
  state.gpr[RCX] = state.rip
  if (long) state.gpr[11] = BigInt((flags & ~RF) >>> 0)
  enterFlat(cpu, selector, (selector + 8) & 0xffff, long ? CODE64 : CODE32, 0)
  state.rip = target
  const cleared = long ? Number(state.sfmask & 0xffff_ffffn) : VM | IF
  finish(cpu, flags & ~cleared & ~RF)
}

const sysret: SystemInstruction = (cpu, instruction) => {
  const state = cpu.state
  requireSyscall(cpu)
  requireProtectedMode(cpu)
  if (state.cpl !== 0) generalProtection()
  const base = starSelector(state.star, 48n)
  const is64 = (state.mode & MODE.codeSize) === 2
  const to64 = is64 && instruction.operandSize === 8
  const target = to64 ? state.gpr[RCX] : state.gpr[RCX] & 0xffff_ffffn
  const flags = is64 ? Number(state.gpr[11] & 0xffff_ffffn) & ~(RF | VM) : readRflags(state) | IF
  const selector = to64 ? base + 16 : base
  // The attributes of SS are left alone (APM vol 3, SYSRET).
  const ss = state.segments[SS]
  const { attributes, limit, base: stackBase } = ss
  enterFlat(cpu, (selector | 3) & 0xffff, (base + 8) | 3, to64 ? CODE64 : CODE32, 3)
  setSegment(ss, { selector: ((base + 8) | 3) & 0xffff, attributes, limit, base: stackBase })
  state.rip = target
  finish(cpu, flags)
}

/** SYSENTER and SYSEXIT exist in legacy protected mode only; AMD processors raise #UD in long mode. */
function requireSysenter(cpu: Cpu): void {
  if (isLongMode(cpu) || !cpu.model.has('sep')) undefinedOpcode()
  if (!(cpu.state.mode & (MODE.protected | MODE.virtual8086))) generalProtection()
  if ((cpu.state.sysenterCs & 0xfffcn) === 0n) generalProtection()
}

const sysenter: SystemInstruction = (cpu) => {
  const state = cpu.state
  requireSysenter(cpu)
  const selector = Number(state.sysenterCs & 0xfffcn)
  enterFlat(cpu, selector, (selector + 8) & 0xffff, CODE32, 0)
  state.gpr[RSP] = state.sysenterEsp & 0xffff_ffffn
  state.rip = state.sysenterEip & 0xffff_ffffn
  finish(cpu, readRflags(state) & ~(VM | IF | RF))
}

const sysexit: SystemInstruction = (cpu) => {
  const state = cpu.state
  requireSysenter(cpu)
  if (state.cpl !== 0) generalProtection()
  const selector = Number(state.sysenterCs & 0xfffcn)
  enterFlat(cpu, (selector + 16) | 3, (selector + 24) | 3, CODE32, 3)
  state.gpr[RSP] = state.gpr[RCX] & 0xffff_ffffn
  state.rip = state.gpr[RDX] & 0xffff_ffffn
  modeChanged(cpu)
}

/** Loads rFLAGS. A call that masks TF is not trapped itself. */
function finish(cpu: Cpu, flags: number): void {
  loadRflags(cpu, flags)
  if (!(flags & TF)) cpu.state.attention &= ~ATTENTION.trap
  modeChanged(cpu)
}

export const syscallInstructions = { syscall, sysret, sysenter, sysexit } as const
