/** VMCBs that work, one for each mode that a guest can begin in. Cases are edits of them. */
import { findField, writeField } from '../emulator/svm/index.ts'
import { AT, IMAGE_BYTES, label } from './image.ts'

type Fields = Readonly<Record<string, bigint>>

/** Intercepts that end every guest: INTR (the timer), NMI, SMI, INIT, HLT, SHUTDOWN; VMRUN and VMMCALL. */
const COMMON: Fields = {
  'control.intercept_vector_3': 0x8100_000fn,
  'control.intercept_vector_4': 3n,
  'control.iopm_base_pa': BigInt(AT.zeros),
  'control.msrpm_base_pa': BigInt(AT.zeros),
  'control.asid': 1n,
  // No case finds translations of another: all are flushed.
  'control.tlb_control': 1n,
  // V_INTR_MASKING: the IF of the host lets the timer in.
  'control.virtual_interrupt': 1n << 24n,
  'save.gdtr.base': label('gdt'),
  'save.gdtr.limit': label('gdt_end') - label('gdt') - 1n,
  'save.idtr.limit': 0xfffn,
  'save.rsp': label('tss64') - 0x1100n,
  'save.rflags': 2n,
  'save.dr6': 0xffff_0ff0n,
  'save.dr7': 0x400n,
  'save.g_pat': 0x0007_0406_0007_0406n,
  // What VMLOAD loads.
  'save.tr.selector': 0x48n,
  // An available TSS: QEMU aborts at a busy one outside long mode.
  'save.tr.attrib': 0x89n,
  'save.tr.limit': 0x67n,
  'save.ldtr.attrib': 0x82n,
}

function segment(name: string, selector: number, attrib: number, limit = 0xffff_ffff, base = 0n): Fields {
  return {
    [`save.${name}.selector`]: BigInt(selector),
    [`save.${name}.attrib`]: BigInt(attrib),
    [`save.${name}.limit`]: BigInt(limit),
    [`save.${name}.base`]: base,
  }
}

function data(selector: number, attrib: number, limit?: number, base?: bigint): Fields {
  return Object.assign(
    {},
    ...['es', 'ss', 'ds'].map((name) => segment(name, selector, attrib, limit, base)),
  ) as Fields
}

/** EFER: SVME, NXE, LMA, LME. CR0: PG, WP, NE, ET, PE. */
const LONG: Fields = {
  'save.efer': 0x1d00n,
  'save.cr0': 0x8001_0031n,
  'save.cr4': 0x20n,
  'save.cr3': label('pml4'),
  'save.idtr.base': label('idt64'),
  'save.tr.base': label('tss64'),
  ...segment('cs', 0x08, 0xa9b),
  ...data(0x10, 0xc93),
  'save.rip': label('program64'),
}
const PROTECTED: Fields = {
  'save.efer': 0x1000n,
  'save.cr0': 0x1_0031n,
  'save.idtr.base': label('idt32'),
  'save.idtr.limit': 0x7ffn,
  'save.tr.base': label('tss32'),
  ...segment('cs', 0x18, 0xc9b),
  ...data(0x10, 0xc93),
  'save.rip': label('program32'),
}
const PAE: Fields = { 'save.cr0': 0x8001_0031n, 'save.cr4': 0x20n, 'save.cr3': label('pae') }
const REAL: Fields = {
  'save.efer': 0x1000n,
  'save.cr0': 0x10n,
  'save.idtr.base': label('ivt'),
  'save.idtr.limit': 0x3ffn,
  ...segment('cs', (AT.arena + 0x2000) >> 4, 0x9b, 0xffff, label('program16')),
  ...data(AT.arena >> 4, 0x93, 0xffff, BigInt(AT.arena)),
  'save.rip': 0n,
  'save.rsp': 0x6f00n,
}
const VIRTUAL_8086: Fields = {
  ...PROTECTED,
  ...segment('cs', (AT.arena + 0x2000) >> 4, 0xf3, 0xffff, label('program16')),
  ...data(AT.arena >> 4, 0xf3, 0xffff, BigInt(AT.arena)),
  'save.rip': label('memory16') - label('program16'),
  'save.rsp': 0x6f00n,
  'save.cpl': 3n,
  // VM, IOPL 3.
  'save.rflags': 0x2_3002n,
}
const USER: Fields = { 'save.cpl': 3n, 'save.rflags': 0x3002n }

const NESTED: Fields = { 'control.nested_control': 1n, 'control.n_cr3': label('nested') }

/** The bases by name. */
export const BASES: ReadonlyMap<string, Fields> = new Map([
  ['64-bit', LONG],
  ['64-bit, nested paging', { ...LONG, ...NESTED }],
  ['64-bit, CPL 3', { ...LONG, ...USER, ...segment('cs', 0x2b, 0xafb), ...data(0x33, 0xcf3) }],
  ['compatibility mode', { ...LONG, ...segment('cs', 0x18, 0xc9b), 'save.rip': label('program32') }],
  ['protected mode', PROTECTED],
  ['protected mode, nested paging', { ...PROTECTED, ...NESTED }],
  [
    '32-bit paging',
    { ...PROTECTED, 'save.cr0': 0x8001_0031n, 'save.cr4': 0x10n, 'save.cr3': label('directory32') },
  ],
  ['PAE paging', { ...PROTECTED, ...PAE }],
  ['PAE paging, nested paging', { ...PROTECTED, ...PAE, ...NESTED }],
  ['real mode', REAL],
  ['real mode, nested paging', { ...REAL, ...NESTED }],
  ['virtual-8086 mode', VIRTUAL_8086],
])

/** The image of a base. */
export function baseImage(name: string): DataView {
  const image = new DataView(new ArrayBuffer(IMAGE_BYTES))
  for (const [key, value] of Object.entries({ ...COMMON, ...BASES.get(name) }))
    writeField(image, findField(key)!, value)
  // An injected software interrupt goes on behind the instruction that nRIP gives, here the first.
  writeField(image, findField('control.n_rip')!, BASES.get(name)!['save.rip'])
  return image
}
