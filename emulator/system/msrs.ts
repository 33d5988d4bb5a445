/** Model-specific registers: one table of what each accepts, and RDMSR and WRMSR over it (APM vol 2 appendix A). */
import { FS, GS, RAX, RCX, RDX } from '../isa/registers.ts'
import { modeChanged } from '../paging/contexts.ts'
import { flushAll, flushAsid } from '../paging/tlb.ts'
import { isCanonical } from '../state/canonical.ts'
import type { Cpu, CpuModel, SystemInstruction } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import { generalProtection } from '../state/faults.ts'
import type { ScalarField } from '../state/layout.ts'
import { CR0, EFER } from '../state/mode.ts'
import { APIC_BASE } from './apic-registers.ts'
import { DEBUG_CTL_BITS, setDebugCtl } from './last-branch.ts'
import { apicIsEnabled, resetApic } from './local-apic.ts'
import { requirePrivilege } from './privilege.ts'
import { SMM_MSRS } from './smm-msrs.ts'
import { readAperf, readMperf, readTsc, writeFrequencyCounter, writeTsc } from './time.ts'
import {
  addressReservedBits,
  EFER_READ_AS_ZERO,
  eferReservedBits,
  isMtrrType,
  isValidFixedMtrr,
  isValidPat,
} from './validity.ts'

export interface Msr {
  readonly index: number
  readonly name: string
  /** Where the manual describes it. */
  readonly section: string
  read(cpu: Cpu): bigint
  /** Throws #GP(0) for a value that the register does not accept. */
  write(cpu: Cpu, value: bigint): void
  /** It exists only with this feature, or one of these (system/cpu-model.ts). */
  readonly features?: readonly string[]
}

/** Registers of the vCPU block that an MSR can be without further ado. */
type QuadField = Extract<
  ScalarField,
  | 'star' | 'lstar' | 'cstar' | 'sfmask' | 'kernelGsBase' | 'sysenterCs' | 'sysenterEsp' | 'sysenterEip' | 'tscAux' | 'tscRatio'
  | 'vmHsavePa'
> // prettier-ignore

/** An MSR that is a field of the vCPU block; `accepts` says which values WRMSR may store. */
function stored(
  index: number,
  name: string,
  section: string,
  field: QuadField,
  accepts: (value: bigint, cpu: Cpu) => boolean = () => true,
): Msr {
  return {
    index,
    name,
    section,
    read: ({ state }) => state[field],
    write(cpu, value) {
      if (!accepts(value, cpu)) generalProtection()
      cpu.state[field] = value
    },
  }
}

/** An MSR with one possible value. */
function constant(index: number, name: string, section: string, value: bigint): Msr {
  return {
    index,
    name,
    section,
    read: () => value,
    write(_, written) {
      if (written !== value) generalProtection()
    },
  }
}

/** An MSR that cannot be written at all. */
function readOnly(index: number, name: string, section: string, value: bigint): Msr {
  return { index, name, section, read: () => value, write: () => generalProtection() }
}

/** What control-transfer recording writes, and software cannot. */
function lastBranch(
  index: number,
  name: string,
  field: 'lastBranchFromIp' | 'lastBranchToIp' | 'lastIntFromIp' | 'lastIntToIp',
): Msr {
  return {
    index,
    name,
    section: 'APM vol 2 §13.1.1',
    read: ({ state }) => state[field],
    write: () => generalProtection(),
  }
}

function segmentBase(index: number, name: string, segment: number): Msr {
  return {
    index,
    name,
    section: 'APM vol 2 §3.2.2',
    read: ({ state }) => state.segments[segment].base,
    write({ state, model }, value) {
      if (!isCanonical(value, model.linearAddressBits)) generalProtection()
      state.segments[segment].base = value
    },
  }
}

/** Canonical by the width that the processor implements, whatever the paging mode. */
const isImplemented = (value: bigint, { model }: Cpu) => isCanonical(value, model.linearAddressBits)

const fitsIn = (bits: number) => (value: bigint) => value >> BigInt(bits) === 0n

const tsc: Msr = {
  index: 0x10,
  name: 'TSC',
  section: 'APM vol 2 §13.2.4',
  read: ({ state }) => readTsc(state),
  write: ({ state }, value) => writeTsc(state, value),
}

/** Counters of the effective frequency, which is the TSC's. */
const mperf: Msr = {
  index: 0xe7,
  name: 'MPERF',
  section: 'APM vol 2 §17.3',
  features: ['effectivefrequency'],
  read: ({ state }) => readMperf(state),
  write: ({ state }, value) => writeFrequencyCounter(state, 'mperfBase', value),
}

const aperf: Msr = {
  index: 0xe8,
  name: 'APERF',
  section: 'APM vol 2 §17.3',
  features: ['effectivefrequency'],
  read: ({ state }) => readAperf(state),
  write: ({ state }, value) => writeFrequencyCounter(state, 'aperfBase', value),
}

/** SPEC_CTRL: 2 SSBD, 1 STIBP, 0 IBRS, each with its feature. Nothing runs speculatively here. */
const SPEC_CTRL_BITS = [
  ['ibrs', 1n],
  ['stibp', 2n],
  ['ssbd', 4n],
] as const

const specCtrl: Msr = {
  index: 0x48,
  name: 'SPEC_CTRL',
  section: 'APM vol 2 §3.2.9',
  features: SPEC_CTRL_BITS.map(([feature]) => feature),
  read: ({ state }) => state.specCtrl,
  write({ state, model }, value) {
    const bits = SPEC_CTRL_BITS.reduce((all, [feature, bit]) => (model.has(feature) ? all | bit : all), 0n)
    if (value & ~bits) generalProtection()
    state.specCtrl = value
  },
}

/** PRED_CMD is a command, not a register: 0 IBPB. It cannot be read. */
const predCmd: Msr = {
  index: 0x49,
  name: 'PRED_CMD',
  section: 'APM vol 2 §3.2.9',
  features: ['ibpb'],
  read: () => generalProtection(),
  write(_, value) {
    if (value & ~1n) generalProtection()
  },
}

/** With nested paging the guest has its own PAT (APM vol 2 §15.25.4). */
const pat: Msr = {
  index: 0x277,
  name: 'PAT',
  section: 'APM vol 2 §7.8.1',
  read: ({ state }) => (state.guestMode && state.nestedPaging ? state.gPat : state.pat),
  write({ state }, value) {
    if (!isValidPat(value)) generalProtection()
    if (state.guestMode && state.nestedPaging) state.gPat = value
    else state.pat = value
  },
}

const efer: Msr = {
  index: 0xc000_0080,
  name: 'EFER',
  section: 'APM vol 2 §3.1.7',
  read: ({ state }) => state.efer,
  write(cpu, value) {
    const state = cpu.state
    if (value & eferReservedBits(cpu.model)) generalProtection()
    if (value & EFER.SVME && state.vmCr & VM_CR.SVMDIS) generalProtection()
    if ((value ^ state.efer) & EFER.LME && state.cr0 & CR0.PG) generalProtection()
    const changed = value ^ state.efer
    // LMA is the processor's own: it follows LME and CR0.PG.
    state.efer = (value & ~(EFER_READ_AS_ZERO | EFER.LMA)) | (state.efer & EFER.LMA)
    if (changed & EFER.NXE) flushAsid(cpu)
    modeChanged(cpu)
    if (state.guestMode) cpu.virtualization.intercept(cpu, EXIT.EFER_WRITE_TRAP, state.efer)
  },
}

const debugCtl: Msr = {
  index: 0x1d9,
  name: 'DebugCtl',
  section: 'APM vol 2 §13.1.1',
  read: ({ state }) => state.debugCtl,
  write({ state }, value) {
    if (value & ~DEBUG_CTL_BITS) generalProtection()
    setDebugCtl(state, value)
  },
}

/** VM_CR (APM vol 2 §15.30.1): 4 SVMDIS, 3 LOCK, 2 DIS_A20M, 1 R_INIT, 0 DPD. */
export const VM_CR = { DPD: 1n, R_INIT: 2n, DIS_A20M: 4n, LOCK: 8n, SVMDIS: 16n } as const

const vmCr: Msr = {
  index: 0xc001_0114,
  name: 'VM_CR',
  section: 'APM vol 2 §15.30.1',
  read: ({ state }) => state.vmCr,
  write({ state }, value) {
    if (value >> 5n) generalProtection()
    // LOCK makes LOCK and SVMDIS read-only.
    const locked = VM_CR.LOCK | VM_CR.SVMDIS
    const next = state.vmCr & VM_CR.LOCK ? (value & ~locked) | (state.vmCr & locked) : value
    if (next & VM_CR.SVMDIS && state.efer & EFER.SVME) generalProtection()
    state.vmCr = next
  },
}

/** MTRRcap: 10 write-combining, 8 fixed ranges, 7:0 variable ranges. */
const MTRR_CAP = 0x508n
/** MTRRdefType: 11 E, 10 FE, 7:0 default type. */
const MTRR_DEF_TYPE_BITS = 0xcffn

/** A change of an MTRR flushes the TLB (APM vol 2 §15.16.1). */
const mtrrDefType: Msr = {
  index: 0x2ff,
  name: 'MTRRdefType',
  section: 'APM vol 2 §7.7.2',
  read: ({ state }) => state.mtrrDefType,
  write(cpu, value) {
    if (value & ~MTRR_DEF_TYPE_BITS || !isMtrrType(Number(value & 0xffn))) generalProtection()
    cpu.state.mtrrDefType = value
    flushAll(cpu)
  },
}

const FIXED_MTRRS: readonly (readonly [number, string])[] = [
  [0x250, 'MTRRfix64K_00000'],
  [0x258, 'MTRRfix16K_80000'],
  [0x259, 'MTRRfix16K_A0000'],
  ...Array.from(
    { length: 8 },
    (_, i) => [0x268 + i, `MTRRfix4K_${(0xc0000 + i * 0x8000).toString(16).toUpperCase()}`] as const,
  ),
]

function fixedMtrr([index, name]: readonly [number, string], position: number): Msr {
  return {
    index,
    name,
    section: 'APM vol 2 §7.7.2',
    read: ({ state }) => state.mtrrFixed[position],
    write(cpu, value) {
      if (!isValidFixedMtrr(value)) generalProtection()
      cpu.state.mtrrFixed[position] = value
      flushAll(cpu)
    },
  }
}

/** PhysBase: 51:12 base, 7:0 type. PhysMask: 51:12 mask, 11 V. */
function variableMtrr(position: number): Msr {
  const isMask = (position & 1) === 1
  return {
    index: 0x200 + position,
    name: `MTRRphys${isMask ? 'Mask' : 'Base'}${position >> 1}`,
    section: 'APM vol 2 §7.7.2',
    read: ({ state }) => state.mtrrVariable[position],
    write(cpu, value) {
      const reserved = addressReservedBits(cpu.model) | (isMask ? 0x7ffn : 0xf00n)
      if (value & reserved || (!isMask && !isMtrrType(Number(value & 0xffn)))) generalProtection()
      cpu.state.mtrrVariable[position] = value
      flushAll(cpu)
    },
  }
}

/** BSC cannot be written. An APIC that is disabled forgets its state; elsewhere it only moves (APM vol 2 §16.3.1). */
const apicBar: Msr = {
  index: 0x1b,
  name: 'APIC_BAR',
  section: 'APM vol 2 §16.3.1',
  read: ({ state }) => state.apicBase,
  write(cpu, value) {
    const { state } = cpu
    const { address, enable, bootstrap } = APIC_BASE
    if (value & (addressReservedBits(cpu.model) | ~(address | enable | bootstrap))) generalProtection()
    if (value === state.apicBase) return
    state.apicBase = (value & ~bootstrap) | (state.apicBase & bootstrap)
    if (!apicIsEnabled(state)) resetApic(state, cpu.index)
    cpu.mapLocalApic()
    flushAll(cpu)
  },
}

/** Every MSR there is; all others raise #GP. */
export const MSRS: readonly Msr[] = [
  tsc,
  apicBar,
  specCtrl,
  predCmd,
  mperf,
  aperf,
  readOnly(0x8b, 'PATCH_LEVEL', 'APM vol 2 appendix A', 0n),
  readOnly(0xfe, 'MTRRcap', 'APM vol 2 §7.7.3', MTRR_CAP),
  stored(0x174, 'SYSENTER_CS', 'APM vol 2 §6.1.2', 'sysenterCs'),
  stored(0x175, 'SYSENTER_ESP', 'APM vol 2 §6.1.2', 'sysenterEsp'),
  stored(0x176, 'SYSENTER_EIP', 'APM vol 2 §6.1.2', 'sysenterEip'),
  // No machine-check bank exists.
  readOnly(0x179, 'MCG_CAP', 'APM vol 2 §9.3.1', 0n),
  constant(0x17a, 'MCG_STAT', 'APM vol 2 §9.3.1', 0n),
  debugCtl,
  lastBranch(0x1db, 'LastBranchFromIP', 'lastBranchFromIp'),
  lastBranch(0x1dc, 'LastBranchToIP', 'lastBranchToIp'),
  lastBranch(0x1dd, 'LastIntFromIP', 'lastIntFromIp'),
  lastBranch(0x1de, 'LastIntToIP', 'lastIntToIp'),
  ...Array.from({ length: 16 }, (_, position) => variableMtrr(position)),
  ...FIXED_MTRRS.map(fixedMtrr),
  pat,
  mtrrDefType,
  efer,
  stored(0xc000_0081, 'STAR', 'APM vol 2 §6.1.1', 'star'),
  stored(0xc000_0082, 'LSTAR', 'APM vol 2 §6.1.1', 'lstar', isImplemented),
  stored(0xc000_0083, 'CSTAR', 'APM vol 2 §6.1.1', 'cstar', isImplemented),
  stored(0xc000_0084, 'SFMASK', 'APM vol 2 §6.1.1', 'sfmask', fitsIn(32)),
  segmentBase(0xc000_0100, 'FS.base', FS),
  segmentBase(0xc000_0101, 'GS.base', GS),
  stored(0xc000_0102, 'KernelGSbase', 'APM vol 2 §6.1.3', 'kernelGsBase', isImplemented),
  stored(0xc000_0103, 'TSC_AUX', 'APM vol 2 §13.2.4', 'tscAux', fitsIn(32)),
  stored(0xc000_0104, 'TSC_RATIO', 'APM vol 2 §15.30.5', 'tscRatio', fitsIn(40)),
  // Performance counters never count, so only zero can be written.
  ...Array.from({ length: 4 }, (_, n) =>
    constant(0xc001_0000 + n, `PerfEvtSel${n}`, 'APM vol 2 §13.2.1', 0n),
  ),
  ...Array.from({ length: 4 }, (_, n) => constant(0xc001_0004 + n, `PerfCtr${n}`, 'APM vol 2 §13.2.1', 0n)),
  constant(0xc001_0010, 'SYSCFG', 'APM vol 2 §3.2.1', 0n),
  ...SMM_MSRS,
  vmCr,
  stored(
    0xc001_0117,
    'VM_HSAVE_PA',
    'APM vol 2 §15.30.4',
    'vmHsavePa',
    (value, { model }) => (value & (addressReservedBits(model) | 0xfffn)) === 0n,
  ),
]

const BY_INDEX: ReadonlyMap<number, Msr> = new Map(MSRS.map((msr) => [msr.index, msr]))

/** The MSR with this number. Throws #GP(0) if the processor has none. */
function requireMsr(model: CpuModel, index: number): Msr {
  const msr = BY_INDEX.get(index) ?? generalProtection()
  if (msr.features && !msr.features.some((feature) => model.has(feature))) generalProtection()
  return msr
}

/** The value of an MSR. Throws #GP(0) where RDMSR does. */
export function readMsr(cpu: Cpu, index: number): bigint {
  return requireMsr(cpu.model, index).read(cpu)
}

/** Writes an MSR. Throws #GP(0) where WRMSR does. */
export function writeMsr(cpu: Cpu, index: number, value: bigint): void {
  requireMsr(cpu.model, index).write(cpu, value)
}

/** RDMSR and WRMSR: privilege, then the MSRPM, then the register's own rules (APM vol 2 table 15-7). */
function prepare(cpu: Cpu, write: boolean): Msr {
  requirePrivilege(cpu)
  const index = cpu.state.gprHalves[RCX * 2]
  if (cpu.state.guestMode) cpu.virtualization.interceptMsr(cpu, index, write)
  return requireMsr(cpu.model, index)
}

const rdmsr: SystemInstruction = (cpu) => {
  const value = prepare(cpu, false).read(cpu)
  cpu.state.gpr[RAX] = value & 0xffff_ffffn
  cpu.state.gpr[RDX] = value >> 32n
}

const wrmsr: SystemInstruction = (cpu) => {
  const msr = prepare(cpu, true)
  const { gprHalves } = cpu.state
  msr.write(cpu, (BigInt(gprHalves[RDX * 2]) << 32n) | BigInt(gprHalves[RAX * 2]))
}

export const msrInstructions = { rdmsr, wrmsr } as const
