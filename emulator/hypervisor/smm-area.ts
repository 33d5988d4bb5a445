/**
 * The state-save area of L1's SMM (APM vol 2 §10.2.3): what L0 stores there of the guest that an SMI interrupted, and what RSM makes of
 * it. The processor's own table says where a value lies (system/smm-state-save.ts); here stands which register of a VMCB it is.
 */
import { CR0, CR4, EFER, readSaved, savedField, STATE_SAVE, writeSaved } from '../svm/index.ts'
import { get, put, RFLAGS } from './vmcb-image.ts'

/** SMM-revision identifier: 17 SMBASE relocation; not 16, I/O-instruction restart; 15:0 revision level (§10.2.4). As KVM has it. */
export const SMM_REVISION = 0x2_0064n

const TABLES = ['gdtr', 'idtr'] as const
/** VMRUN and #VMEXIT move the first four, VMLOAD and VMSAVE the others. */
export const HIDDEN_SEGMENTS = ['fs', 'gs', 'ldtr', 'tr'] as const
const SEGMENTS = ['es', 'cs', 'ss', 'ds', ...HIDDEN_SEGMENTS] as const
const SEGMENT_PARTS = [
  ['selector', 'selector'],
  ['attributes', 'attrib'],
  ['limit', 'limit'],
  ['base', 'base'],
] as const

/** Rows of the area with the field of the VMCB that has the register. */
const ROWS: readonly { readonly row: string; readonly key: string }[] = [
  ...SEGMENTS.flatMap((name) =>
    SEGMENT_PARTS.map(([part, inVmcb]) => ({ row: `${name}.${part}`, key: `save.${name}.${inVmcb}` })),
  ),
  ...TABLES.flatMap((name) =>
    ['limit', 'base'].map((part) => ({ row: `${name}.${part}`, key: `save.${name}.${part}` })),
  ),
  ...['efer', 'cr0', 'cr3', 'cr4', 'dr6', 'dr7', 'rflags', 'rip', 'rsp', 'rax'].map((name) => ({
    row: name,
    key: `save.${name}`,
  })),
]

/** General registers that are not in a VMCB, by their numbers. */
const GENERAL = [
  ...(['rcx', 'rdx', 'rbx'] as const).map((name, i) => ({ name, register: i + 1 })),
  ...(['rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'] as const).map(
    (name, i) => ({ name, register: i + 5 }),
  ),
]

/** The value of a row. */
export function readRow(area: DataView, row: string): bigint {
  return readSaved(area, savedField(row))
}

export function writeRow(area: DataView, row: string, value: bigint): void {
  writeSaved(area, savedField(row), value)
}

/** The area for a guest whose registers are in `image`, those of VMLOAD included, and in `general`. */
export function areaOf(image: DataView, general: readonly bigint[], smbase: bigint): DataView {
  const area = new DataView(new ArrayBuffer(STATE_SAVE.bytes))
  for (const { row, key } of ROWS) writeRow(area, row, get(image, key))
  for (const { name, register } of GENERAL) writeRow(area, name, general[register])
  writeRow(area, 'smbase', smbase)
  writeRow(area, 'revision', SMM_REVISION)
  return area
}

/** What RSM loads into the general registers that are not in a VMCB. */
export function generalOf(area: DataView): readonly { readonly register: number; readonly value: bigint }[] {
  return GENERAL.map(({ name, register }) => ({ register, value: readRow(area, name) }))
}

const DPL_SHIFT = 5n

/** What RSM loads into `image`. The CPL is that of SS. */
export function loadArea(area: DataView, image: DataView): void {
  for (const { row, key } of ROWS) put(image, key, readRow(area, row))
  const [cr0, cr4, efer] = [readRow(area, 'cr0'), readRow(area, 'cr4'), readRow(area, 'efer')]
  const isLong = (efer & EFER.LME) !== 0n && (cr0 & CR0.PG) !== 0n && (cr4 & CR4.PAE) !== 0n
  // The processor's SVME is always 1 here; L1's own is L0's to keep.
  put(image, 'save.efer', (efer & ~EFER.LMA) | (isLong ? EFER.LMA : 0n) | EFER.SVME)
  const isVirtual8086 = (cr0 & CR0.PE) !== 0n && !isLong && (readRow(area, 'rflags') & RFLAGS.VM) !== 0n
  const rflags = readRow(area, 'rflags')
  put(image, 'save.rflags', isVirtual8086 ? rflags : rflags & ~RFLAGS.VM)
  const dpl = cr0 & CR0.PE ? (get(image, 'save.ss.attrib') >> DPL_SHIFT) & 3n : 0n
  put(image, 'save.cpl', isVirtual8086 ? 3n : dpl)
}

/** Attributes of ES to GS in an SMI handler: 11 G, 7 P, 4 S, 1 writable, 0 accessed data, with a limit of 4 GiB (table 10-3). */
const FLAT = 0x893n
const CLEARED_CR0 = CR0.PE | CR0.EM | CR0.TS | CR0.PG
const DR7_RESET = 0x400n
const SELECTOR = 0xffffn

/** The state in which L1's SMI handler begins (table 10-3). */
export function loadHandlerState(image: DataView, smbase: bigint, entry: number): void {
  for (const name of ['es', 'cs', 'ss', 'ds', 'fs', 'gs']) {
    const isCode = name === 'cs'
    put(image, `save.${name}.selector`, isCode ? (smbase >> 4n) & SELECTOR : 0n)
    put(image, `save.${name}.base`, isCode ? smbase : 0n)
    put(image, `save.${name}.limit`, 0xffff_ffffn)
    put(image, `save.${name}.attrib`, FLAT)
  }
  put(image, 'save.cpl', 0n)
  put(image, 'save.rip', BigInt(entry))
  put(image, 'save.rflags', 2n)
  put(image, 'save.cr0', get(image, 'save.cr0') & ~CLEARED_CR0)
  put(image, 'save.cr4', 0n)
  put(image, 'save.efer', EFER.SVME)
  put(image, 'save.dr7', DR7_RESET)
  put(image, 'control.interrupt_shadow', 0n)
}
