/**
 * The consistency checks of VMRUN: what makes it exit with VMEXIT_INVALID (APM vol 2 §15.5.1, §15.20, §15.25.3, §15.25.4), in
 * the manual's order. VMRUN runs them on the state it is about to load, the editor on the text of a VMCB.
 */
import { hasIllegalPdpes } from '../paging/pdpes.ts'
import type { FailedCheck, VmcbWords } from '../state/cpu.ts'
import { EXIT } from '../state/exit-codes.ts'
import { VECTOR } from '../state/faults.ts'
import { ATTRIBUTE, CR0, CR4, EFER } from '../state/mode.ts'
import { VIRTUAL_INTERRUPT } from '../system/virtual-interrupt.ts'
import { offsetOf, vmcbField } from './fields.ts'
import { inManual } from './manual.ts'

/** The halves of a 64-bit mask, as unsigned numbers. */
export interface Mask {
  readonly low: number
  readonly high: number
}

/** What the checks ask of the processor that executes VMRUN. */
export interface CheckFacts {
  readonly physicalAddressBits: number
  readonly longMode: boolean
  /** NMI virtualization exists. */
  readonly virtualNmi: boolean
  /** Nested paging exists. */
  readonly nestedPaging: boolean
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
  readonly fails: (vmcb: VmcbWords, facts: CheckFacts) => boolean
  /** The offending bits of the blamed field, once the check has failed. */
  readonly bits: (vmcb: VmcbWords, facts: CheckFacts) => bigint
}

const AT = {
  asid: offsetOf('control.asid'),
  eventInj: offsetOf('control.event_inj'),
  iopm: offsetOf('control.iopm_base_pa'),
  msrpm: offsetOf('control.msrpm_base_pa'),
  virtualInterrupt: offsetOf('control.virtual_interrupt'),
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
  nmiIntercept: 1 << (EXIT.NMI % 32),
  vNmiEnable: VIRTUAL_INTERRUPT.nmiEnable,
  np: 1,
} as const

function has(vmcb: VmcbWords, at: number, bit: number): boolean {
  return (vmcb.word(at) & bit) !== 0
}

/** NP_ENABLE, on a processor that has nested paging. */
function nestedPaging(vmcb: VmcbWords, facts: CheckFacts): boolean {
  return facts.nestedPaging && has(vmcb, AT.nestedControl, BIT.np)
}

/** EFER.LME and CR0.PG: the guest is in long mode, or would be. */
function longModePaging(vmcb: VmcbWords): boolean {
  return has(vmcb, AT.efer, BIT.LME) && has(vmcb, AT.cr0, BIT.PG)
}

/** CS attributes: the upper half of the word that the selector starts. */
function csAttributes(vmcb: VmcbWords): number {
  return vmcb.word(AT.cs) >>> 16
}

/** True when a permission map of `bytes` bytes reaches beyond 2^MAXPHYADDR. Bits 11:0 of its base are ignored. */
function reachesLimit(vmcb: VmcbWords, at: number, bytes: number, facts: CheckFacts): boolean {
  return mapBase(vmcb, at) + bytes > 2 ** facts.physicalAddressBits
}

/** True when a permission map of `bytes` bytes is the last thing below 2^MAXPHYADDR. */
function endsAtLimit(vmcb: VmcbWords, at: number, bytes: number, facts: CheckFacts): boolean {
  return mapBase(vmcb, at) + bytes === 2 ** facts.physicalAddressBits
}

function mapBase(vmcb: VmcbWords, at: number): number {
  return vmcb.word(at + 4) * 2 ** 32 + ((vmcb.word(at) & ~0xfff) >>> 0)
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

function injectsException(vmcb: VmcbWords): boolean {
  return has(vmcb, AT.eventInj, EVENT.valid) && (vmcb.word(AT.eventInj) & EVENT.type) === EVENT.exception
}

const CS_L_AND_D = ATTRIBUTE.L | ATTRIBUTE.DB

function in64BitMode(vmcb: VmcbWords): boolean {
  return longModePaging(vmcb) && (csAttributes(vmcb) & ATTRIBUTE.L) !== 0
}

/** A guest with PAE paging and without nested paging: the only one that a check reads memory for. */
export function loadsPdpes(vmcb: VmcbWords, facts: CheckFacts): boolean {
  const pae = has(vmcb, AT.cr0, BIT.PG) && has(vmcb, AT.cr4, BIT.PAE) && !has(vmcb, AT.efer, BIT.LME)
  return pae && !nestedPaging(vmcb, facts)
}

/** True when a present PDPE of a PAE guest has a reserved bit set: bits 63:MAXPHYADDR, 8:5, 2:1. */
function hasIllegalPdpe(vmcb: VmcbWords, facts: CheckFacts): boolean {
  const { memoryWord } = facts
  if (memoryWord === undefined || !loadsPdpes(vmcb, facts)) return false
  return hasIllegalPdpes(vmcb.word(AT.cr3), facts.cr3Reserved.high, memoryWord)
}

/** A check of a condition; `bits` of the first field are to blame when it holds. */
function illegal(
  id: string,
  fields: readonly string[],
  section: string,
  explanation: string,
  bits: number | bigint,
  fails: Check['fails'],
): Check {
  return { id, fields, section: inManual(section), explanation, fails, bits: () => BigInt(bits) }
}

/** A check that bits of a 64-bit field are zero; `when`: only then. */
function mustBeZero(
  id: string,
  fields: readonly string[],
  section: string,
  explanation: string,
  reserved: (facts: CheckFacts) => Mask,
  when: (vmcb: VmcbWords, facts: CheckFacts) => boolean = () => true,
): Check {
  const at = offsetOf(fields[0])
  return {
    id,
    fields,
    section: inManual(section),
    explanation,
    fails(vmcb, facts) {
      const mask = reserved(facts)
      return ((vmcb.word(at) & mask.low) | (vmcb.word(at + 4) & mask.high)) !== 0 && when(vmcb, facts)
    },
    bits(vmcb, facts) {
      const mask = reserved(facts)
      return quad(vmcb.word(at) & mask.low, vmcb.word(at + 4) & mask.high)
    },
  }
}

function quad(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)
}

const UPPER_HALF: Mask = { low: 0, high: 0xffff_ffff }
const ADDRESS_BITS = 0xffff_ffff_ffff_f000n

/** Every check, in the order of APM vol 2 §15.5.1; those of nested paging follow. */
export const CHECKS: readonly Check[] = [
  illegal(
    'efer-svme-clear',
    ['save.efer'],
    '15.5.1',
    'EFER.SVME (bit 12) is 0. It must be 1 in every guest, also in one that never uses SVM.',
    BIT.SVME,
    (vmcb) => !has(vmcb, AT.efer, BIT.SVME),
  ),
  illegal(
    'cr0-nw-without-cd',
    ['save.cr0'],
    '15.5.1',
    'CR0.NW (bit 29) is 1 while CR0.CD (bit 30) is 0. Both 1 is legal.',
    BIT.NW,
    (vmcb) => has(vmcb, AT.cr0, BIT.NW) && !has(vmcb, AT.cr0, BIT.CD),
  ),
  mustBeZero('cr0-upper-half', ['save.cr0'], '15.5.1', 'CR0[63:32] is not zero.', () => UPPER_HALF),
  mustBeZero(
    'cr3-reserved',
    ['save.cr3'],
    '15.5.1',
    'CR3 has a bit set that must be zero: it reaches beyond the physical addresses that this processor has.',
    (facts) => facts.cr3Reserved,
  ),
  mustBeZero(
    'cr4-reserved',
    ['save.cr4'],
    '15.5.1',
    'CR4 has a bit set that must be zero: it is reserved, or belongs to a feature that this processor does not have.',
    (facts) => facts.cr4Reserved,
  ),
  mustBeZero('dr6-upper-half', ['save.dr6'], '15.5.1', 'DR6[63:32] is not zero.', () => UPPER_HALF),
  mustBeZero('dr7-upper-half', ['save.dr7'], '15.5.1', 'DR7[63:32] is not zero.', () => UPPER_HALF),
  mustBeZero(
    'efer-reserved',
    ['save.efer'],
    '15.5.1',
    'EFER has a bit set that must be zero: it is reserved, or belongs to a feature that this processor does not have.',
    (facts) => facts.eferReserved,
  ),
  illegal(
    'efer-no-long-mode',
    ['save.efer'],
    '15.5.1',
    'EFER.LMA or EFER.LME is 1, but this processor does not have long mode.',
    BIT.LMA | BIT.LME,
    (vmcb, facts) => !facts.longMode && has(vmcb, AT.efer, BIT.LMA | BIT.LME),
  ),
  illegal(
    'long-mode-without-pae',
    ['save.cr4', 'save.efer', 'save.cr0'],
    '15.5.1',
    'EFER.LME and CR0.PG are 1, which is long mode, but CR4.PAE (bit 5) is 0.',
    BIT.PAE,
    (vmcb) => longModePaging(vmcb) && !has(vmcb, AT.cr4, BIT.PAE),
  ),
  illegal(
    'long-mode-without-protection',
    ['save.cr0', 'save.efer'],
    '15.5.1',
    'EFER.LME and CR0.PG are 1, but CR0.PE (bit 0) is 0. Paged real mode is legal only without LME.',
    BIT.PE,
    (vmcb) => longModePaging(vmcb) && !has(vmcb, AT.cr0, BIT.PE),
  ),
  illegal(
    'long-mode-cs-l-and-d',
    ['save.cs.attrib', 'save.efer', 'save.cr0', 'save.cr4'],
    '15.5.1',
    'In long mode CS.L (attribute bit 9) and CS.D (attribute bit 10) are both 1.',
    CS_L_AND_D,
    (vmcb) =>
      (csAttributes(vmcb) & CS_L_AND_D) === CS_L_AND_D && longModePaging(vmcb) && has(vmcb, AT.cr4, BIT.PAE),
  ),
  illegal(
    'vmrun-intercept-clear',
    ['control.intercept_vector_4'],
    '15.5.1',
    'The VMRUN intercept is 0. It must be 1 in every VMCB.',
    BIT.vmrunIntercept,
    (vmcb) => !has(vmcb, (EXIT.VMRUN >> 5) * 4, BIT.vmrunIntercept),
  ),
  illegal(
    'msrpm-out-of-range',
    ['control.msrpm_base_pa'],
    '15.11',
    'The MSR permission map, 8 KB, reaches beyond the last physical address, whether or not MSR intercepts are on.',
    ADDRESS_BITS,
    (vmcb, facts) => reachesLimit(vmcb, AT.msrpm, 0x2000, facts),
  ),
  illegal(
    'msrpm-at-limit',
    ['control.msrpm_base_pa'],
    '15.11',
    'The MSR permission map ends with the very last physical address. The manual lets it fit; this processor, like QEMU, does not.',
    ADDRESS_BITS,
    (vmcb, facts) => endsAtLimit(vmcb, AT.msrpm, 0x2000, facts),
  ),
  illegal(
    'iopm-out-of-range',
    ['control.iopm_base_pa'],
    '15.10.1',
    'The I/O permission map, 12 KB, reaches beyond the last physical address, whether or not I/O intercepts are on.',
    ADDRESS_BITS,
    (vmcb, facts) => reachesLimit(vmcb, AT.iopm, 0x3000, facts),
  ),
  illegal(
    'event-inj-reserved-type',
    ['control.event_inj'],
    '15.20',
    'EVENTINJ.V is 1 and its type (bits 10:8) is reserved. Types are 0 INTR, 2 NMI, 3 exception, 4 software interrupt.',
    EVENT.type,
    (vmcb) =>
      has(vmcb, AT.eventInj, EVENT.valid) && RESERVED_EVENT_TYPES.has(vmcb.word(AT.eventInj) & EVENT.type),
  ),
  illegal(
    'event-inj-not-an-exception',
    ['control.event_inj'],
    '15.20',
    'EVENTINJ has type 3, exception, but no exception has its vector (bits 7:0). Vector 2 is the NMI, which has type 2.',
    EVENT.vector,
    (vmcb) => injectsException(vmcb) && !EXCEPTION_VECTORS.has(vmcb.word(AT.eventInj) & EVENT.vector),
  ),
  illegal(
    'event-inj-impossible',
    ['control.event_inj', 'save.cs.attrib', 'save.efer', 'save.cr0'],
    '15.20',
    'EVENTINJ holds #BR or #OF, which cannot occur in 64-bit mode.',
    EVENT.vector,
    (vmcb) => {
      if (!injectsException(vmcb) || !in64BitMode(vmcb)) return false
      const vector = vmcb.word(AT.eventInj) & EVENT.vector
      return vector === VECTOR.BR || vector === VECTOR.OF
    },
  ),
  illegal(
    'v-nmi-without-nmi-intercept',
    ['control.virtual_interrupt', 'control.intercept_vector_3'],
    '15.21.10',
    'V_NMI_ENABLE (bit 26) is 1, but the NMI intercept is 0.',
    BIT.vNmiEnable,
    (vmcb, facts) =>
      facts.virtualNmi &&
      has(vmcb, AT.virtualInterrupt, BIT.vNmiEnable) &&
      !has(vmcb, (EXIT.NMI >> 5) * 4, BIT.nmiIntercept),
  ),
  illegal(
    'asid-zero',
    ['control.asid'],
    '15.5.1',
    "The ASID is 0, which is the host's. It must not be 0, with nested paging or without.",
    0xffff_ffff,
    (vmcb) => vmcb.word(AT.asid) === 0,
  ),
  illegal(
    'np-without-host-paging',
    ['control.nested_control'],
    '15.25.3',
    "NP_ENABLE is 1, but paging is off in the host. Nested page tables have the format of the host's.",
    BIT.np,
    (vmcb, facts) => nestedPaging(vmcb, facts) && !facts.hostPaging,
  ),
  mustBeZero(
    'n-cr3-reserved',
    ['control.n_cr3', 'control.nested_control'],
    '15.25.4',
    'Nested paging is on and N_CR3 has a bit set that must be zero: it reaches beyond the last physical address.',
    (facts) => facts.cr3Reserved,
    nestedPaging,
  ),
  {
    id: 'g-pat-type',
    fields: ['save.g_pat', 'control.nested_control'],
    section: inManual('15.25.4'),
    explanation:
      'Nested paging is on and a slot of G_PAT has a reserved memory type or a reserved bit. Types are 0, 1, 4, 5, 6 and 7.',
    fails: (vmcb, facts) =>
      nestedPaging(vmcb, facts) &&
      (illegalPatBits(vmcb.word(AT.gPat)) | illegalPatBits(vmcb.word(AT.gPat + 4))) !== 0,
    bits: (vmcb) => quad(illegalPatBits(vmcb.word(AT.gPat)), illegalPatBits(vmcb.word(AT.gPat + 4))),
  },
  illegal(
    'pae-pdpe-reserved',
    ['save.cr3', 'save.cr4', 'save.cr0'],
    '15.5.1',
    'The guest uses PAE paging without nested paging, and one of the four entries that CR3 points to has a reserved bit set.',
    0xffff_ffe0,
    hasIllegalPdpe,
  ),
]

const BY_ID: ReadonlyMap<string, Check> = new Map(CHECKS.map((entry) => [entry.id, entry]))

/** The check named `id`; undefined when there is none. */
export function findCheck(id: string): Check | undefined {
  return BY_ID.get(id)
}

const NO_FAILURES: readonly FailedCheck[] = []

/** The checks that a VMCB fails, in the manual's order; empty when VMRUN would enter the guest. */
export function failedChecks(vmcb: VmcbWords, facts: CheckFacts): readonly FailedCheck[] {
  let failed: FailedCheck[] | undefined
  for (const entry of CHECKS) {
    if (!entry.fails(vmcb, facts)) continue
    const field = entry.fields[0]
    failed ??= []
    failed.push({ id: entry.id, field, value: fieldValue(vmcb, field), bits: entry.bits(vmcb, facts) })
  }
  return failed ?? NO_FAILURES
}

/** The value of a field of at most 8 bytes in a view. */
export function fieldValue(vmcb: VmcbWords, key: string): bigint {
  const { offset, bytes } = vmcbField(key)
  const low = BigInt(vmcb.word(offset & ~3))
  const high = bytes > 4 ? BigInt(vmcb.word((offset & ~3) + 4)) : 0n
  return BigInt.asUintN(bytes * 8, ((high << 32n) | low) >> BigInt((offset & 3) * 8))
}

/** A view of a VMCB image of 4096 bytes. */
export function imageView(image: DataView): VmcbWords {
  return { word: (offset) => image.getUint32(offset, true) }
}
