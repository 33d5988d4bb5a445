/** Operating mode as a derived word, so that the executors test one number (APM vol 2 §1.3, §4.7, §5.1). */
import { AC, CS, SS, VM } from '../isa/registers.ts'
import type { CodeBits } from '../isa/instruction.ts'
import { watchesData } from './breakpoints.ts'
import { OFFSET, SEGMENT } from './layout.ts'
import type { Vcpu } from './vcpu.ts'

/** Control-register bits (APM vol 2 §3.1). */
export const CR0 = {
  PE: 1n << 0n,
  MP: 1n << 1n,
  EM: 1n << 2n,
  TS: 1n << 3n,
  ET: 1n << 4n,
  NE: 1n << 5n,
  WP: 1n << 16n,
  AM: 1n << 18n,
  NW: 1n << 29n,
  CD: 1n << 30n,
  PG: 1n << 31n,
} as const

export const CR4 = {
  VME: 1n << 0n,
  PVI: 1n << 1n,
  TSD: 1n << 2n,
  DE: 1n << 3n,
  PSE: 1n << 4n,
  PAE: 1n << 5n,
  MCE: 1n << 6n,
  PGE: 1n << 7n,
  PCE: 1n << 8n,
  OSFXSR: 1n << 9n,
  OSXMMEXCPT: 1n << 10n,
  UMIP: 1n << 11n,
  LA57: 1n << 12n,
  FSGSBASE: 1n << 16n,
  PCIDE: 1n << 17n,
  OSXSAVE: 1n << 18n,
  SMEP: 1n << 20n,
  SMAP: 1n << 21n,
  PKE: 1n << 22n,
  CET: 1n << 23n,
} as const

/** EFER bits (APM vol 2 §3.1.7). */
export const EFER = {
  SCE: 1n << 0n,
  LME: 1n << 8n,
  LMA: 1n << 10n,
  NXE: 1n << 11n,
  SVME: 1n << 12n,
  LMSLE: 1n << 13n,
  FFXSR: 1n << 14n,
  TCE: 1n << 15n,
} as const

/** Segment attribute bits in the 12-bit form (APM vol 2 §15.5.1). */
export const ATTRIBUTE = {
  type: 0xf,
  accessed: 1,
  /** Readable code or writable data. */
  readWrite: 2,
  /** Conforming code or expand-down data. */
  conformingOrExpandDown: 4,
  code: 8,
  S: 1 << 4,
  DPL: 3 << 5,
  P: 1 << 7,
  AVL: 1 << 8,
  L: 1 << 9,
  DB: 1 << 10,
  G: 1 << 11,
} as const

/**
 * The mode word:
 *   1:0  code size: 0 = 16, 1 = 32, 2 = 64 bits
 *   3:2  stack address size: 1 = 16, 2 = 32, 3 = 64 bits (log2 of bytes)
 *   4    protected mode (CR0.PE, and not virtual-8086)
 *   5    virtual-8086
 *   6    long mode active (64-bit or compatibility)
 *   7    user: CPL = 3
 *   8    flat: ES, CS, SS and DS are base 0, limit 4 GiB, readable and (but CS) writable; always set in 64-bit code
 *   9    guest mode: a VMRUN is in progress
 *   10   alignment checking is on (CR0.AM, rFLAGS.AC, CPL 3)
 *   11   DR7 enables a breakpoint on data accesses
 */
export const MODE = {
  codeSize: 3,
  stackShift: 2,
  stackSize: 3 << 2,
  protected: 1 << 4,
  virtual8086: 1 << 5,
  long: 1 << 6,
  user: 1 << 7,
  flat: 1 << 8,
  guest: 1 << 9,
  alignmentCheck: 1 << 10,
  dataBreakpoints: 1 << 11,
} as const

const CODE_BITS: readonly CodeBits[] = [16, 32, 64]

/** Code size in bits that a mode word selects. */
export function codeBits(mode: number): CodeBits {
  return CODE_BITS[mode & MODE.codeSize]
}

/** Width in bytes of the stack pointer that a mode word selects. */
export function stackBytes(mode: number): 2 | 4 | 8 {
  return (1 << ((mode & MODE.stackSize) >> MODE.stackShift)) as 2 | 4 | 8
}

function isFlat(state: Vcpu): boolean {
  for (let i = 0; i < 4; i++) {
    const segment = state.segments[i]
    const attributes = segment.attributes
    if (segment.base !== 0n || segment.limit !== 0xffff_ffff || !(attributes & ATTRIBUTE.P)) return false
    if (i === CS) continue
    // Writable, expand-up data.
    if (
      (attributes & (ATTRIBUTE.code | ATTRIBUTE.conformingOrExpandDown | ATTRIBUTE.readWrite)) !==
      ATTRIBUTE.readWrite
    )
      return false
  }
  return true
}

/** Word indexes in the vCPU block: the mode word needs nothing above bit 31 of a register. */
const WORD = {
  cr0: OFFSET.cr0 >> 2,
  efer: OFFSET.efer >> 2,
  dr7: OFFSET.dr7 >> 2,
  csAttributes: (OFFSET.segments + CS * SEGMENT.bytes + SEGMENT.attributes) >> 2,
  ssAttributes: (OFFSET.segments + SS * SEGMENT.bytes + SEGMENT.attributes) >> 2,
} as const

const CR0_PE = Number(CR0.PE)
const CR0_AM = Number(CR0.AM)
const EFER_LMA = Number(EFER.LMA)
/** L0, G0 .. L3, G3. */
const DR7_ENABLES = 0xff

/** Computes the mode word from the registers that select it. */
export function computeMode(state: Vcpu): number {
  const { words } = state
  const cr0 = words[WORD.cr0]
  const protectedMode = (cr0 & CR0_PE) !== 0
  const virtual8086 = protectedMode && (state.flagsOther & VM) !== 0
  const long = (words[WORD.efer] & EFER_LMA) !== 0
  const cs = words[WORD.csAttributes]
  const is64 = long && (cs & ATTRIBUTE.L) !== 0
  let mode: number
  if (is64) mode = 2 | (3 << MODE.stackShift) | MODE.flat
  else {
    const stack = words[WORD.ssAttributes] & ATTRIBUTE.DB ? 2 : 1
    mode = (cs & ATTRIBUTE.DB ? 1 : 0) | (stack << MODE.stackShift)
    if (isFlat(state)) mode |= MODE.flat
  }
  if (protectedMode && !virtual8086) mode |= MODE.protected
  if (virtual8086) mode |= MODE.virtual8086
  if (long) mode |= MODE.long
  if (state.cpl === 3) {
    mode |= MODE.user
    if (cr0 & CR0_AM && state.flagsOther & AC) mode |= MODE.alignmentCheck
  }
  if (state.guestMode) mode |= MODE.guest
  if (words[WORD.dr7] & DR7_ENABLES && watchesData(state)) mode |= MODE.dataBreakpoints
  return mode
}
