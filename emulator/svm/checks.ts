/**
 * The consistency checks of VMRUN: what makes it exit with VMEXIT_INVALID (APM vol 2 §15.5.1, §15.20, §15.25.3, §15.25.4), in
 * the manual's order. VMRUN runs them on the state it is about to load, the editor on the text of a VMCB.
 */
import type { FailedCheck } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import { ATTRIBUTE, CR0, CR4, EFER } from '../state/mode.ts'
import { offsetOf, vmcbField } from './fields.ts'
import { inManual } from './manual.ts'

/** A VMCB as the checks read it. */
export interface VmcbView {
  /** The 32 bits at `offset`, a multiple of 4, as an unsigned number. */
  word(offset: number): number
}

/** The halves of a 64-bit mask, as unsigned numbers. */
export interface Mask {
  readonly low: number
  readonly high: number
}

/** What the checks ask of the processor that executes VMRUN. */
export interface CheckFacts {
  readonly physicalAddressBits: number
  readonly longMode: boolean
  /** Bits that must be zero in CR3, CR4 and EFER. */
  readonly cr3Reserved: Mask
  readonly cr4Reserved: Mask
  readonly eferReserved: Mask
  /** CR0.PG of the host. */
  readonly hostPaging: boolean
  /** 32 bits of physical memory, where there is any: the PDPE check needs it and is left out without it. */
  readonly memoryWord?: (address: number) => number
}

export interface Check {
  /** Stable name, kebab-case. */
  readonly id: string
  /** The VMCB fields that decide; the first is the one blamed. */
  readonly fields: readonly string[]
  readonly section: string
  /** What is illegal, as a sentence for the reader. */
  readonly explanation: string
  /** Offending bits 31:0 of the blamed field; 0 in both halves when the check passes. */
  readonly low: (vmcb: VmcbView, facts: CheckFacts) => number
  /** Offending bits 63:32. */
  readonly high: (vmcb: VmcbView, facts: CheckFacts) => number
}

const NONE = (): number => 0

const AT = {
  asid: offsetOf('control.asid'),
  eventInj: offsetOf('control.event_inj'),
  iopm: offsetOf('control.iopm_base_pa'),
  msrpm: offsetOf('control.msrpm_base_pa'),
  nestedControl: offsetOf('control.nested_control'),
  nCr3: offsetOf('control.n_cr3'),
  cs: offsetOf('save.cs.selector'),
  efer: offsetOf('save.efer'),
  cr4: offsetOf('save.cr4'),
  cr3: offsetOf('save.cr3'),
  cr0: offsetOf('save.cr0'),
  dr7: offsetOf('save.dr7'),
  dr6: offsetOf('save.dr6'),
  gPat: offsetOf('save.g_pat'),
} as const

const BIT = {
  PE: Number(CR0.PE),
  NW: Number(CR0.NW),
  CD: Number(CR0.CD),
  PG: Number(CR0.PG),
  PAE: Number(CR4.PAE),
  LME: Number(EFER.LME),
  LMA: Number(EFER.LMA),
  SVME: Number(EFER.SVME),
  vmrunIntercept: 1 << (EXIT.VMRUN % 32),
  np: 1,
} as const

function has(vmcb: VmcbView, at: number, bit: number): boolean {
  return (vmcb.word(at) & bit) !== 0
}

function nestedPaging(vmcb: VmcbView): boolean {
  return has(vmcb, AT.nestedControl, BIT.np)
}

/** EFER.LME and CR0.PG: the guest is in long mode, or would be. */
function longModePaging(vmcb: VmcbView): boolean {
  return has(vmcb, AT.efer, BIT.LME) && has(vmcb, AT.cr0, BIT.PG)
}

/** CS attributes: the upper half of the word that the selector starts. */
function csAttributes(vmcb: VmcbView): number {
  return vmcb.word(AT.cs) >>> 16
}

/** True when a permission map of `bytes` bytes reaches 2^MAXPHYADDR. Bits 11:0 of its base are ignored. */
function reachesLimit(vmcb: VmcbView, at: number, bytes: number, facts: CheckFacts): boolean {
  const base = vmcb.word(at + 4) * 2 ** 32 + ((vmcb.word(at) & ~0xfff) >>> 0)
  return base + bytes > 2 ** facts.physicalAddressBits
}

/**
 * Bits of four PAT slots that are not as they may be: bits 7:3 of a slot must be zero, and bit 1 needs bit 2. That leaves the
 * types 0, 1, 4, 5, 6 and 7 (APM vol 2 §7.8).
 */
function illegalPatBits(slots: number): number {
  return (slots & 0xf8f8_f8f8) | (slots & 0x0202_0202 & ~(slots >>> 1))
}

/** EVENTINJ: 31 V, 10:8 type, 7:0 vector. */
const EVENT = { valid: 0x8000_0000, type: 0x700, exception: 0x300, vector: 0xff } as const
const RESERVED_EVENT_TYPES = new Set([0x100, 0x500, 0x600, 0x700])

/** Vectors of exceptions that software can meet: not 2 (NMI), 9, 15, nor the reserved ones (APM vol 2 table 8-1). */
const EXCEPTION_VECTORS = new Set([0, 1, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 16, 17, 18, 19, 28, 30])
const VECTOR_OF = 4
const VECTOR_BR = 5

function isExceptionInjection(event: number): boolean {
  return (event & EVENT.valid) !== 0 && (event & EVENT.type) === EVENT.exception
}

function in64BitMode(vmcb: VmcbView): boolean {
  return longModePaging(vmcb) && (csAttributes(vmcb) & ATTRIBUTE.L) !== 0
}

/** True when a present PDPE of a PAE guest has a reserved bit set: bits 63:MAXPHYADDR, 8:5, 2:1. */
function hasIllegalPdpe(vmcb: VmcbView, facts: CheckFacts): boolean {
  const { memoryWord } = facts
  if (memoryWord === undefined || nestedPaging(vmcb)) return false
  if (!has(vmcb, AT.cr0, BIT.PG) || !has(vmcb, AT.cr4, BIT.PAE) || has(vmcb, AT.efer, BIT.LME)) return false
  return hasIllegalPdpes(vmcb.word(AT.cr3), facts.cr3Reserved.high, memoryWord)
}

/** Low-word bits of a legacy PDPE that must be zero (APM vol 2 §5.2.3). */
const PDPE_RESERVED = 0x1e6

/** True when one of the four PDPEs at CR3[31:5] is present and has a reserved bit set. `reservedHigh`: bits 63:32 above MAXPHYADDR. */
export function hasIllegalPdpes(
  cr3: number,
  reservedHigh: number,
  memoryWord: (address: number) => number,
): boolean {
  const table = (cr3 & ~0x1f) >>> 0
  for (let i = 0; i < 4; i++) {
    const low = memoryWord(table + i * 8)
    const high = memoryWord(table + i * 8 + 4)
    if (low & 1 && (low & PDPE_RESERVED || high & reservedHigh)) return true
  }
  return false
}

function check(
  id: string,
  fields: readonly string[],
  section: string,
  explanation: string,
  low: Check['low'],
  high: Check['high'] = NONE,
): Check {
  return { id, fields, section: inManual(section), explanation, low, high }
}

const ALL = 0xffff_ffff

/** Every check, in the order of APM vol 2 §15.5.1; those of nested paging follow. */
export const CHECKS: readonly Check[] = [
  check(
    'efer-svme-clear',
    ['save.efer'],
    '15.5.1',
    'EFER.SVME (bit 12) is 0. It must be 1 in every guest, also in one that never uses SVM.',
    (vmcb) => ~vmcb.word(AT.efer) & BIT.SVME,
  ),
  check(
    'cr0-nw-without-cd',
    ['save.cr0'],
    '15.5.1',
    'CR0.NW (bit 29) is 1 while CR0.CD (bit 30) is 0. Both 1 is legal.',
    (vmcb) => ((vmcb.word(AT.cr0) & (BIT.CD | BIT.NW)) === BIT.NW ? BIT.NW : 0),
  ),
  check('cr0-upper-half', ['save.cr0'], '15.5.1', 'CR0[63:32] is not zero.', NONE, (vmcb) =>
    vmcb.word(AT.cr0 + 4),
  ),
  check(
    'cr3-reserved',
    ['save.cr3'],
    '15.5.1',
    'CR3 has a bit set that must be zero: it reaches beyond the physical addresses that this processor has.',
    (vmcb, facts) => vmcb.word(AT.cr3) & facts.cr3Reserved.low,
    (vmcb, facts) => vmcb.word(AT.cr3 + 4) & facts.cr3Reserved.high,
  ),
  check(
    'cr4-reserved',
    ['save.cr4'],
    '15.5.1',
    'CR4 has a bit set that must be zero: it is reserved, or belongs to a feature that this processor does not have.',
    (vmcb, facts) => vmcb.word(AT.cr4) & facts.cr4Reserved.low,
    (vmcb, facts) => vmcb.word(AT.cr4 + 4) & facts.cr4Reserved.high,
  ),
  check('dr6-upper-half', ['save.dr6'], '15.5.1', 'DR6[63:32] is not zero.', NONE, (vmcb) =>
    vmcb.word(AT.dr6 + 4),
  ),
  check('dr7-upper-half', ['save.dr7'], '15.5.1', 'DR7[63:32] is not zero.', NONE, (vmcb) =>
    vmcb.word(AT.dr7 + 4),
  ),
  check(
    'efer-reserved',
    ['save.efer'],
    '15.5.1',
    'EFER has a bit set that must be zero: it is reserved, or belongs to a feature that this processor does not have.',
    (vmcb, facts) => vmcb.word(AT.efer) & facts.eferReserved.low,
    (vmcb, facts) => vmcb.word(AT.efer + 4) & facts.eferReserved.high,
  ),
  check(
    'efer-no-long-mode',
    ['save.efer'],
    '15.5.1',
    'EFER.LMA or EFER.LME is 1, but this processor does not have long mode.',
    (vmcb, facts) => (facts.longMode ? 0 : vmcb.word(AT.efer) & (BIT.LMA | BIT.LME)),
  ),
  check(
    'long-mode-without-pae',
    ['save.cr4', 'save.efer', 'save.cr0'],
    '15.5.1',
    'EFER.LME and CR0.PG are 1, which is long mode, but CR4.PAE (bit 5) is 0.',
    (vmcb) => (longModePaging(vmcb) ? ~vmcb.word(AT.cr4) & BIT.PAE : 0),
  ),
  check(
    'long-mode-without-protection',
    ['save.cr0', 'save.efer'],
    '15.5.1',
    'EFER.LME and CR0.PG are 1, but CR0.PE (bit 0) is 0. Paged real mode is legal only without LME.',
    (vmcb) => (longModePaging(vmcb) ? ~vmcb.word(AT.cr0) & BIT.PE : 0),
  ),
  check(
    'long-mode-cs-l-and-d',
    ['save.cs.attrib', 'save.efer', 'save.cr0', 'save.cr4'],
    '15.5.1',
    'In long mode CS.L (attribute bit 9) and CS.D (attribute bit 10) are both 1.',
    (vmcb) => {
      const both = ATTRIBUTE.L | ATTRIBUTE.DB
      const long = longModePaging(vmcb) && has(vmcb, AT.cr4, BIT.PAE)
      return long && (csAttributes(vmcb) & both) === both ? both : 0
    },
  ),
  check(
    'vmrun-intercept-clear',
    ['control.intercept_vector_4'],
    '15.5.1',
    'The VMRUN intercept is 0. It must be 1 in every VMCB.',
    (vmcb) => ~vmcb.word((EXIT.VMRUN >> 5) * 4) & BIT.vmrunIntercept,
  ),
  check(
    'msrpm-out-of-range',
    ['control.msrpm_base_pa'],
    '15.11',
    'The MSR permission map, 8 KB, reaches beyond the last physical address, whether or not MSR intercepts are on.',
    (vmcb, facts) => (reachesLimit(vmcb, AT.msrpm, 0x2000, facts) ? 0xffff_f000 : 0),
    (vmcb, facts) => (reachesLimit(vmcb, AT.msrpm, 0x2000, facts) ? ALL : 0),
  ),
  check(
    'iopm-out-of-range',
    ['control.iopm_base_pa'],
    '15.10.1',
    'The I/O permission map, 12 KB, reaches beyond the last physical address, whether or not I/O intercepts are on.',
    (vmcb, facts) => (reachesLimit(vmcb, AT.iopm, 0x3000, facts) ? 0xffff_f000 : 0),
    (vmcb, facts) => (reachesLimit(vmcb, AT.iopm, 0x3000, facts) ? ALL : 0),
  ),
  check(
    'event-inj-reserved-type',
    ['control.event_inj'],
    '15.20',
    'EVENTINJ.V is 1 and its type (bits 10:8) is reserved. Types are 0 INTR, 2 NMI, 3 exception, 4 software interrupt.',
    (vmcb) => {
      const event = vmcb.word(AT.eventInj)
      return event & EVENT.valid && RESERVED_EVENT_TYPES.has(event & EVENT.type) ? EVENT.type : 0
    },
  ),
  check(
    'event-inj-not-an-exception',
    ['control.event_inj'],
    '15.20',
    'EVENTINJ has type 3, exception, but no exception has its vector (bits 7:0). Vector 2 is the NMI, which has type 2.',
    (vmcb) => {
      const event = vmcb.word(AT.eventInj)
      return isExceptionInjection(event) && !EXCEPTION_VECTORS.has(event & EVENT.vector) ? EVENT.vector : 0
    },
  ),
  check(
    'event-inj-impossible',
    ['control.event_inj', 'save.cs.attrib', 'save.efer', 'save.cr0'],
    '15.20',
    'EVENTINJ holds #BR or #OF, which cannot occur in 64-bit mode.',
    (vmcb) => {
      const event = vmcb.word(AT.eventInj)
      const vector = event & EVENT.vector
      const legacyOnly = vector === VECTOR_BR || vector === VECTOR_OF
      return isExceptionInjection(event) && legacyOnly && in64BitMode(vmcb) ? EVENT.vector : 0
    },
  ),
  check(
    'asid-zero',
    ['control.asid'],
    '15.5.1',
    "The ASID is 0, which is the host's. It must not be 0, with nested paging or without.",
    (vmcb) => (vmcb.word(AT.asid) === 0 ? ALL : 0),
  ),
  check(
    'np-without-host-paging',
    ['control.nested_control'],
    '15.25.3',
    "NP_ENABLE is 1, but paging is off in the host. Nested page tables have the format of the host's.",
    (vmcb, facts) => (facts.hostPaging ? 0 : vmcb.word(AT.nestedControl) & BIT.np),
  ),
  check(
    'n-cr3-reserved',
    ['control.n_cr3', 'control.nested_control'],
    '15.25.4',
    'Nested paging is on and N_CR3 has a bit set that must be zero: it reaches beyond the last physical address.',
    (vmcb, facts) => (nestedPaging(vmcb) ? vmcb.word(AT.nCr3) & facts.cr3Reserved.low : 0),
    (vmcb, facts) => (nestedPaging(vmcb) ? vmcb.word(AT.nCr3 + 4) & facts.cr3Reserved.high : 0),
  ),
  check(
    'g-pat-type',
    ['save.g_pat', 'control.nested_control'],
    '15.25.4',
    'Nested paging is on and a slot of G_PAT has a reserved memory type or a reserved bit. Types are 0, 1, 4, 5, 6 and 7.',
    (vmcb) => (nestedPaging(vmcb) ? illegalPatBits(vmcb.word(AT.gPat)) : 0),
    (vmcb) => (nestedPaging(vmcb) ? illegalPatBits(vmcb.word(AT.gPat + 4)) : 0),
  ),
  check(
    'pae-pdpe-reserved',
    ['save.cr3', 'save.cr4', 'save.cr0'],
    '15.5.1',
    'The guest uses PAE paging without nested paging, and one of the four entries that CR3 points to has a reserved bit set.',
    (vmcb, facts) => (hasIllegalPdpe(vmcb, facts) ? 0xffff_ffe0 : 0),
  ),
]

const BY_ID: ReadonlyMap<string, Check> = new Map(CHECKS.map((entry) => [entry.id, entry]))

/** The check named `id`; undefined when there is none. */
export function findCheck(id: string): Check | undefined {
  return BY_ID.get(id)
}

const NO_FAILURES: readonly FailedCheck[] = []

/** The checks that a VMCB fails, in the manual's order; empty when VMRUN would enter the guest. */
export function failedChecks(vmcb: VmcbView, facts: CheckFacts): readonly FailedCheck[] {
  let failed: FailedCheck[] | undefined
  for (const entry of CHECKS) {
    const low = entry.low(vmcb, facts)
    const high = entry.high(vmcb, facts)
    if (low === 0 && high === 0) continue
    const field = entry.fields[0]
    const bits = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)
    failed ??= []
    failed.push({ id: entry.id, field, value: fieldValue(vmcb, field), bits })
  }
  return failed ?? NO_FAILURES
}

/** The value of a field of at most 8 bytes in a view. */
export function fieldValue(vmcb: VmcbView, key: string): bigint {
  const { offset, bytes } = vmcbField(key)
  const low = BigInt(vmcb.word(offset & ~3))
  const high = bytes > 4 ? BigInt(vmcb.word((offset & ~3) + 4)) : 0n
  return BigInt.asUintN(bytes * 8, ((high << 32n) | low) >> BigInt((offset & 3) * 8))
}

/** A view of a VMCB image of 4096 bytes. */
export function imageView(image: DataView): VmcbView {
  return { word: (offset) => image.getUint32(offset, true) }
}
