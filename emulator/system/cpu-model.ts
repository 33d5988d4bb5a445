/** The processor model: what CPUID says (APM vol 3 appendix E) and which bits of CR4 and EFER exist with it. */
import type { CpuModel } from '../state/cpu.ts'
import { CR4, EFER } from '../state/mode.ts'
import { VCPU_STRIDE } from '../state/memory-map.ts'
import type { Vcpu } from '../state/vcpu.ts'
import { apicIsEnabled } from './local-apic.ts'

type Register = 'eax' | 'ebx' | 'ecx' | 'edx'

interface Feature {
  readonly name: string
  readonly leaf: number
  readonly register: Register
  readonly bit: number
  /** Control bits that do not exist without the feature. */
  readonly cr4?: bigint
  readonly efer?: bigint
}

function feature(
  name: string,
  leaf: number,
  register: Register,
  bit: number,
  enables: { cr4?: bigint; efer?: bigint } = {},
): Feature {
  return { name, leaf, register, bit, ...enables }
}

const XSAVE_LEAF = 0xd
const EXTENDED = 0x8000_0001
const SVM = 0x8000_000a

/** Everything that some model can advertise, each feature once. What is not modelled is not in here. */
export const FEATURES: readonly Feature[] = [
  feature('fpu', 1, 'edx', 0),
  feature('vme', 1, 'edx', 1, { cr4: CR4.VME | CR4.PVI }),
  feature('de', 1, 'edx', 2, { cr4: CR4.DE }),
  feature('pse', 1, 'edx', 3, { cr4: CR4.PSE }),
  feature('tsc', 1, 'edx', 4, { cr4: CR4.TSD }),
  feature('msr', 1, 'edx', 5),
  feature('pae', 1, 'edx', 6, { cr4: CR4.PAE }),
  feature('mce', 1, 'edx', 7, { cr4: CR4.MCE }),
  feature('cmpxchg8b', 1, 'edx', 8),
  feature('apic', 1, 'edx', 9),
  feature('sep', 1, 'edx', 11),
  feature('mtrr', 1, 'edx', 12),
  feature('pge', 1, 'edx', 13, { cr4: CR4.PGE }),
  feature('mca', 1, 'edx', 14),
  feature('cmov', 1, 'edx', 15),
  feature('pat', 1, 'edx', 16),
  feature('pse36', 1, 'edx', 17),
  feature('clflush', 1, 'edx', 19),
  feature('fxsr', 1, 'edx', 24, { cr4: CR4.OSFXSR }),
  feature('monitor', 1, 'ecx', 3),
  feature('cmpxchg16b', 1, 'ecx', 13),
  feature('pcid', 1, 'ecx', 17, { cr4: CR4.PCIDE }),
  feature('popcnt', 1, 'ecx', 23),
  feature('xsave', 1, 'ecx', 26, { cr4: CR4.OSXSAVE }),
  feature('rdrand', 1, 'ecx', 30),
  feature('fsgsbase', 7, 'ebx', 0, { cr4: CR4.FSGSBASE }),
  feature('effectivefrequency', 6, 'ecx', 0),
  feature('smep', 7, 'ebx', 7, { cr4: CR4.SMEP }),
  feature('invpcid', 7, 'ebx', 10),
  feature('rdseed', 7, 'ebx', 18),
  feature('smap', 7, 'ebx', 20, { cr4: CR4.SMAP }),
  feature('clflushopt', 7, 'ebx', 23),
  feature('clwb', 7, 'ebx', 24),
  feature('umip', 7, 'ecx', 2, { cr4: CR4.UMIP }),
  feature('la57', 7, 'ecx', 16, { cr4: CR4.LA57 }),
  feature('lahf64', EXTENDED, 'ecx', 0),
  feature('svm', EXTENDED, 'ecx', 2, { efer: EFER.SVME }),
  feature('altmovcr8', EXTENDED, 'ecx', 4),
  feature('abm', EXTENDED, 'ecx', 5),
  feature('prefetchw', EXTENDED, 'ecx', 8),
  feature('skinit', EXTENDED, 'ecx', 12),
  feature('monitorx', EXTENDED, 'ecx', 29),
  feature('syscall', EXTENDED, 'edx', 11, { efer: EFER.SCE }),
  feature('nx', EXTENDED, 'edx', 20, { efer: EFER.NXE }),
  feature('page1gb', EXTENDED, 'edx', 26),
  feature('rdtscp', EXTENDED, 'edx', 27),
  feature('lm', EXTENDED, 'edx', 29, { efer: EFER.LME | EFER.LMA }),
  feature('invarianttsc', 0x8000_0007, 'edx', 8),
  feature('invlpgb', 0x8000_0008, 'ebx', 3),
  feature('rdpru', 0x8000_0008, 'ebx', 4),
  feature('wbnoinvd', 0x8000_0008, 'ebx', 9),
  feature('ibpb', 0x8000_0008, 'ebx', 12),
  feature('ibrs', 0x8000_0008, 'ebx', 14),
  feature('stibp', 0x8000_0008, 'ebx', 15),
  feature('ssbd', 0x8000_0008, 'ebx', 24),
  feature('np', SVM, 'edx', 0),
  feature('lbrvirt', SVM, 'edx', 1),
  feature('nrips', SVM, 'edx', 3),
  feature('tscratemsr', SVM, 'edx', 4),
  feature('vmcbclean', SVM, 'edx', 5),
  feature('flushbyasid', SVM, 'edx', 6),
  feature('decodeassists', SVM, 'edx', 7),
  feature('pausefilter', SVM, 'edx', 10),
  feature('pausefilterthreshold', SVM, 'edx', 12),
  feature('vmsavevirt', SVM, 'edx', 15),
  feature('vgif', SVM, 'edx', 16),
  feature('gmet', SVM, 'edx', 17),
  feature('rogpt', SVM, 'edx', 21),
  feature('vspecctrl', SVM, 'edx', 20),
  feature('tlbsyncctl', SVM, 'edx', 24),
  feature('vnmi', SVM, 'edx', 25),
  feature('buslockthreshold', SVM, 'edx', 29),
  feature('idlehlt', SVM, 'edx', 30),
  feature('nullselectclearsbase', 0x8000_0021, 'eax', 6),
]

/** Features of EDX that leaf 8000_0001h repeats from leaf 1. */
const REPEATED_IN_EXTENDED = 0x0183_f3ff

/** CR4.PCE needs no feature: performance counters exist wherever RDPMC does. */
const CR4_WITHOUT_FEATURE = CR4.PCE

const VENDOR = ['Auth', 'enti', 'cAMD'].map(asciiWord)
const BRAND = 'World Switch virtual CPU'.padEnd(48, '\0')
/** Family 19h: 27:20 extended family 0Ah, 19:16 extended model, 11:8 family 0Fh, 7:4 model, 3:0 stepping. */
const SIGNATURE = 0x00a0_0f11
/** SVM revision and number of ASIDs, CPUID 8000_000Ah EAX and EBX. */
const SVM_REVISION = 1
export const ASIDS = 32768
/** The most pages beyond the first that one INVLPGB names, CPUID 8000_0008h EDX[15:0]; the last register of RDPRU, 31:16. */
export const INVLPGB_COUNT_MAX = 7
const RDPRU_MAX = 1
/** States that XCR0 can enable, low half: 0 x87. An XSAVE area of it is the 512 bytes of FXSAVE and a header. */
export const XCR0_SUPPORTED = 1
const XSAVE_BYTES = 512 + 64
/** CPUID 8000_0008h EBX 2, RstrFpErrPtrs: the x87 pointers are saved and restored whether or not an exception is pending. */
const RESTORES_POINTERS = 1 << 2

/** Up to four ASCII characters as a little-endian word. */
function asciiWord(text: string): number {
  let word = 0
  for (let i = 0; i < text.length; i++) word |= text.charCodeAt(i) << (8 * i)
  return word >>> 0
}

/** Four words of the brand string, from byte `at`. */
function brandWords(at: number): [number, number, number, number] {
  const word = (i: number) => asciiWord(BRAND.slice(at + i * 4, at + i * 4 + 4))
  return [word(0), word(1), word(2), word(3)]
}

/** The leaves without their feature bits. */
const LEAVES: Readonly<Record<number, readonly [number, number, number, number]>> = {
  0: [XSAVE_LEAF, VENDOR[0], VENDOR[2], VENDOR[1]],
  // EBX: 15:8 CLFLUSH size in quadwords.
  1: [SIGNATURE, 8 << 8, 0, 0],
  // MONITOR: smallest and largest line; ECX: 1 interrupts wake although masked, 0 extensions are listed.
  5: [64, 64, 3, 0],
  6: [0, 0, 0, 0],
  7: [0, 0, 0, 0],
  [XSAVE_LEAF]: [0, 0, 0, 0],
  0x8000_0000: [0x8000_0021, VENDOR[0], VENDOR[2], VENDOR[1]],
  [EXTENDED]: [SIGNATURE, 0, 0, 0],
  0x8000_0002: brandWords(0),
  0x8000_0003: brandWords(16),
  0x8000_0004: brandWords(32),
  0x8000_0007: [0, 0, 0, 0],
  [SVM]: [SVM_REVISION, ASIDS, 0, 0],
  0x8000_0021: [0, 0, 0, 0],
}

const REGISTERS: readonly Register[] = ['eax', 'ebx', 'ecx', 'edx']

/** Models by name: the physical-address width and the features they lack. */
const MODELS: Readonly<Record<string, { physicalAddressBits: number; without: readonly string[] }>> = {
  // The MSRs of the effective frequency move on between a write and the read that kvm-unit-tests compares it with.
  default: { physicalAddressBits: 48, without: ['effectivefrequency'] },
}

/** All features but those of `without`, after the changes, each a sign and a feature's name. Throws RangeError. */
function changedFeatures(without: readonly string[], changes: readonly string[]): Set<string> {
  const names = new Set(FEATURES.map((row) => row.name))
  const known = new Set(names)
  for (const feature of without) names.delete(feature)
  for (const change of changes) {
    const feature = change.slice(1)
    if (!/^[+-]/.test(change) || !known.has(feature))
      throw new RangeError(`'${change}' is not + or - and a feature; there are: ${[...known].join(', ')}`)
    if (change.startsWith('+')) names.add(feature)
    else names.delete(feature)
  }
  return names
}

/**
 * The model called `name`, which may be followed by changes: 'default,-rdtscp,+smap' lacks RDTSCP and has SMAP. Throws RangeError
 * for a model or a feature that does not exist. `processors`: how many the machine has, all of them cores of one package.
 */
export function createCpuModel(name = 'default', processors = 1): CpuModel {
  const [base, ...changes] = name.split(',')
  const description = Object.hasOwn(MODELS, base) ? MODELS[base] : undefined
  if (description === undefined)
    throw new RangeError(`no CPU model '${base}'; there are: ${Object.keys(MODELS).join(', ')}`)
  const names = changedFeatures(description.without, changes)
  const features = FEATURES.filter((row) => names.has(row.name))
  const leaves = new Map(Object.entries(LEAVES).map(([leaf, words]) => [Number(leaf), [...words]]))
  const linearAddressBits = names.has('la57') ? 57 : 48
  leaves.set(0x8000_0008, [
    (linearAddressBits << 8) | description.physicalAddressBits,
    RESTORES_POINTERS,
    0,
    (RDPRU_MAX << 16) | INVLPGB_COUNT_MAX,
  ])
  for (const { leaf, register, bit } of features) {
    const words = leaves.get(leaf)!
    const index = REGISTERS.indexOf(register)
    words[index] = (words[index] | (1 << bit)) >>> 0
  }
  if (processors > 1) describeCores(leaves, processors)
  if (names.has('xsave')) leaves.set(XSAVE_LEAF, [XCR0_SUPPORTED, XSAVE_BYTES, XSAVE_BYTES, 0])
  const extended = leaves.get(EXTENDED)!
  extended[3] = (extended[3] | (leaves.get(1)![3] & REPEATED_IN_EXTENDED)) >>> 0

  return {
    name,
    physicalAddressBits: description.physicalAddressBits,
    linearAddressBits,
    has: (feature) => names.has(feature),
    cpuid(leaf, subleaf, state) {
      const words = leaves.get(leaf)
      // A leaf that does not exist, and subleaves beyond 0 of leaves 7 and Dh, read as zero.
      if (words === undefined || ((leaf === 7 || leaf === XSAVE_LEAF) && subleaf !== 0)) return [0, 0, 0, 0]
      const [eax, ebx, ecx, edx] = words
      // Both leaves say that the local APIC is absent while it is disabled (APM vol 2 §16.3.1).
      const absent = (leaf === 1 || leaf === EXTENDED) && !apicIsEnabled(state) ? CPUID_APIC : 0
      const available = (edx & ~absent) >>> 0
      if (leaf !== 1) return [eax, ebx, ecx, available]
      return [eax, ebx | apicId(state), (ecx | osXsave(state)) >>> 0, available]
    },
  }
}

/**
 * Several cores of one package (APM vol 3 appendix E.5): leaf 1 EBX 23:16 LogicalProcessorCount, EDX 28 HTT; leaf 8000_0001h
 * ECX 1 CmpLegacy; leaf 8000_0008h ECX 15:12 ApicIdSize, 7:0 NC.
 */
function describeCores(leaves: ReadonlyMap<number, number[]>, processors: number): void {
  const [basic, extended, sizes] = [1, EXTENDED, 0x8000_0008].map((leaf) => leaves.get(leaf)!)
  basic[1] |= processors << 16
  basic[3] |= 1 << 28
  extended[2] |= 1 << 1
  sizes[2] |= (Math.ceil(Math.log2(processors)) << 12) | (processors - 1)
}

/** EDX of leaf 1 and of leaf 8000_0001h. */
const CPUID_APIC = 1 << 9

/** Leaf 1 ECX 27 repeats CR4.OSXSAVE. */
function osXsave(state: Vcpu): number {
  return state.cr4 & CR4.OSXSAVE ? 1 << 27 : 0
}

/** Leaf 1 EBX 31:24: the initial APIC ID, which is the vCPU's number. */
function apicId(state: Vcpu): number {
  return ((state.base / VCPU_STRIDE) << 24) >>> 0
}

function enabledBits(model: CpuModel, register: 'cr4' | 'efer'): bigint {
  return FEATURES.reduce((bits, row) => (model.has(row.name) ? bits | (row[register] ?? 0n) : bits), 0n)
}

/** Bits of CR4 that a MOV to CR4 may not set with this model (APM vol 2 §3.1.3). */
export function cr4ReservedBits(model: CpuModel): bigint {
  return BigInt.asUintN(64, ~(enabledBits(model, 'cr4') | CR4_WITHOUT_FEATURE))
}

/** Bits 7:1 of EFER read as zero whatever is written (APM vol 2 §3.1.7). */
export const EFER_READ_AS_ZERO = 0xfen

/** Bits of EFER that must be zero with this model. */
export function eferReservedBits(model: CpuModel): bigint {
  return BigInt.asUintN(64, ~(enabledBits(model, 'efer') | EFER_READ_AS_ZERO))
}
