/** Cases: a base and one to three edits of it, chosen at random from the table of VMCB fields and from lists of telling values. */
import {
  bitMask,
  readField,
  VMCB_FIELDS,
  vmcbField,
  writeField,
  type VmcbField,
} from '../emulator/svm/index.ts'
import { baseImage, BASES } from './bases.ts'
import { AT, IMAGE_BYTES, label, type Input } from './image.ts'
import { randomOf, type Random } from './random.ts'

export interface Edit {
  readonly field: VmcbField
  readonly value: bigint
}

export interface Case extends Input {
  readonly index: number
  readonly base: string
  readonly edits: readonly Edit[]
}

/**
 * Bits that no edit takes away, because a guest without them may never end: the intercepts of INTR, NMI, SMI, INIT, HLT and
 * SHUTDOWN, and V_INTR_MASKING; and the intercept of VMMCALL, without which the handler of #UD causes #UD.
 */
const KEPT: Readonly<Record<string, bigint>> = {
  'control.intercept_vector_3': 0x8100_000fn,
  'control.intercept_vector_4': 2n,
  'control.virtual_interrupt': 1n << 24n,
}

const EDITABLE = VMCB_FIELDS.filter(({ bytes, offset }) => bytes <= 8 && offset < IMAGE_BYTES)
const LOADED = EDITABLE.filter(({ moved }) => moved.includes('vmrun') || moved.includes('vmload'))

const TOP = 1n << 48n
/** Addresses of permission maps and tables: inside the arena, nowhere, and around the end of physical memory. */
const MAPS = [
  BigInt(AT.ones),
  BigInt(AT.zeros),
  BigInt(AT.ones) + 0xabcn,
  ...[1n, 2n, 3n, 4n].map((n) => TOP - n * 0x1000n),
  TOP,
]
const TABLES = [
  ...['pml4', 'pae', 'pae_reserved_2', 'pae_reserved_8', 'directory32', 'nested'].map(label),
  TOP,
  TOP - 0x1000n,
  1n << 63n,
]
const BASE_ADDRESSES = [
  0n,
  1n,
  BigInt(AT.arena),
  0x7fff_ffff_f000n,
  0x8000_0000_0000n,
  0xffff_8000_0000_0000n,
  0x1_0002_0000n,
]

/** Values that have their own meaning, by field. */
const TELLING: Readonly<Record<string, readonly bigint[]>> = {
  'control.iopm_base_pa': MAPS,
  'control.msrpm_base_pa': MAPS,
  'control.asid': [0n, 1n, 2n, 0xffffn, 0x1_0000n, 0xffff_ffffn],
  'control.tlb_control': [0n, 1n, 2n, 3n, 7n, 0xffn],
  'control.nested_control': [0n, 1n, 2n, 0xfen],
  'control.n_cr3': TABLES,
  'control.interrupt_shadow': [1n, 2n, 3n],
  'save.cr3': TABLES,
  'save.rip': [0n, 1n, 0x7fff_ffff_ffffn, 0x8000_0000_0000n, 0xffff_ffffn, BigInt(AT.pages)],
  'save.rsp': [
    0n,
    1n,
    2n,
    BigInt(AT.stack),
    BigInt(AT.stack) + 0x1004n,
    0x8000_0000_0000n,
    0xffff_fffcn,
    BigInt(AT.pages) + 0x1800n,
  ],
  'save.rflags': [
    0n,
    2n,
    0x102n,
    0x202n,
    0x1_0002n,
    0x1_0102n,
    0x4002n,
    0x2_0002n,
    0x4_0002n,
    0x20_0002n,
    0xffff_ffff_ffff_ffffn,
  ],
  'save.cpl': [0n, 1n, 2n, 3n, 4n, 7n, 0xffn],
  'save.g_pat': [
    0n,
    0x0606_0606_0606_0606n,
    0x0007_0406_0007_0402n,
    0x0007_0403_0007_0406n,
    0x0807_0406_0007_0406n,
  ],
  'save.dr7': [0n, 0x400n, 0x2400n, 0x401n, 0xffff_ffffn, 1n << 32n],
  'save.dr6': [0n, 0xffff_0ff0n, 0xffff_fff0n, 1n << 32n],
}

/** The programs of arena.asm by the size of their code. */
const PROGRAMS: Readonly<Record<number, readonly string[]>> = {
  64: ['memory64', 'branches64', 'traps64', 'divide64', 'undefined64', 'privileged64', 'svm64'],
  32: ['memory32', 'traps32', 'overflow32', 'segments32', 'far32'],
  16: ['memory16', 'traps16', 'flags16'],
}

/** Offset in CS of one of the programs for the mode of an image. */
function programFor(random: Random, image: DataView): bigint {
  const attributes = readField(image, vmcbField('save.cs.attrib'))
  const bits = attributes & 0x200n ? 64 : attributes & 0x400n ? 32 : 16
  return label(random.pick(PROGRAMS[bits])) - readField(image, vmcbField('save.cs.base'))
}

const ALL = (bytes: number) => (1n << BigInt(bytes * 8)) - 1n

/** A new value for a field that holds `old`. */
function valueFor(random: Random, field: VmcbField, old: bigint): bigint {
  const width = field.bytes * 8
  const telling = TELLING[field.key] ?? (field.key.endsWith('.base') ? BASE_ADDRESSES : undefined)
  if (telling !== undefined && !random.oneIn(3)) return random.pick(telling)
  const { bits } = field
  if (bits !== undefined && bits.bits.length > 0 && !random.oneIn(4)) {
    const bit = random.pick(bits.bits)
    const mask = bitMask(bit)
    return bit.width === 1 ? old ^ mask : (old & ~mask) | (random.bits(bit.width) << BigInt(bit.low))
  }
  switch (random.below(4)) {
    case 0:
      return random.pick([0n, 1n, ALL(field.bytes), 1n << BigInt(width - 1)])
    case 1:
      return random.bits(width)
    default:
      return old ^ (1n << BigInt(random.below(width)))
  }
}

/** Exceptions that push an error code (APM vol 2 table 8-1). */
const WITH_ERROR_CODE = new Set([8, 10, 11, 12, 13, 14, 17, 21, 29, 30])

/** V, type, vector, EV and error code; mostly of the types that exist, with EV as the vector has it. */
function injectedEvent(random: Random): bigint {
  const type = random.oneIn(8) ? random.bits(3) : random.pick([0n, 2n, 3n, 3n, 3n, 4n])
  const vector = random.oneIn(3) ? random.pick([0x20n, 0x30n, 0x40n, 0x41n, 0x42n, 0xffn]) : random.bits(5)
  const usual = type === 3n && WITH_ERROR_CODE.has(Number(vector))
  const errorCode = usual !== random.oneIn(16) ? (random.bits(16) << 32n) | 0x800n : 0n
  return 0x8000_0000n | errorCode | (type << 8n) | vector
}

type Recipe = (random: Random, image: DataView) => Edit[]

function editOf(random: Random, image: DataView, field: VmcbField): Edit {
  return { field, value: valueFor(random, field, readField(image, field)) }
}

const MODE_FIELDS = ['save.cr0', 'save.cr4', 'save.efer', 'save.cs.attrib'].map(vmcbField)
const SEGMENT_FIELDS = LOADED.filter(({ key }) => /^save\.(es|cs|ss|ds|tr|ldtr|fs|gs)\.|cpl$/.test(key))
const INTERCEPT_FIELDS = LOADED.filter(({ key }) => key.startsWith('control.intercept'))

function edits(count: number, fields: readonly VmcbField[]): Recipe {
  return (random, image) => Array.from({ length: count }, () => editOf(random, image, random.pick(fields)))
}

const otherProgram: Recipe = (random, image) => [
  { field: vmcbField('save.rip'), value: programFor(random, image) },
]

const injection: Recipe = (random) => [
  { field: vmcbField('control.event_inj'), value: injectedEvent(random) },
]

function both(first: Recipe, second: Recipe): Recipe {
  return (random, image) => [...first(random, image), ...second(random, image)]
}

/** What a case changes; each is as likely as the others. */
const RECIPES: readonly Recipe[] = [
  edits(1, LOADED),
  edits(1, EDITABLE),
  edits(2, LOADED),
  edits(3, LOADED),
  edits(2, MODE_FIELDS),
  edits(3, MODE_FIELDS),
  edits(2, SEGMENT_FIELDS),
  edits(3, INTERCEPT_FIELDS),
  edits(1, [vmcbField('save.rip')]),
  both(otherProgram, edits(1, INTERCEPT_FIELDS)),
  both(otherProgram, edits(1, LOADED)),
  both(otherProgram, edits(1, [vmcbField('save.rflags')])),
  injection,
  both(injection, edits(1, LOADED)),
  both(injection, edits(1, INTERCEPT_FIELDS)),
  both(
    edits(1, [vmcbField('control.virtual_interrupt')]),
    edits(2, [vmcbField('control.virtual_interrupt'), vmcbField('save.rflags')]),
  ),
]

const FIRST_ASID = 0x100
const ASIDS = 0x7000

/** RAX at VMRUN, once in so many cases, is not the VMCB's address. */
const BAD_RAX_ONE_IN = 100
const RAX_VALUES = [1n, 0xfffn, 0x800n, TOP, 1n << 63n]

/** Case `index` of `seed`. */
export function makeCase(seed: number, index: number): Case {
  const random = randomOf(seed, index)
  const base = random.pick([...BASES.keys()])
  const vmcb = baseImage(base)
  // An ASID of its own: a case that does not flush the TLB must not find translations of another.
  writeField(vmcb, vmcbField('control.asid'), BigInt(FIRST_ASID + (index % ASIDS)))
  const made = random
    .pick(RECIPES)(random, vmcb)
    .map(({ field, value }) => ({
      field,
      value: BigInt.asUintN(field.bytes * 8, value) | (KEPT[field.key] ?? 0n),
    }))
  for (const { field, value } of made) writeField(vmcb, field, value)
  return {
    index,
    base,
    edits: made,
    vmcb,
    rax: random.oneIn(BAD_RAX_ONE_IN) ? random.pick(RAX_VALUES) : undefined,
  }
}

/** One line for the reader: the base and the edits. */
export function describeCase({ index, base, edits, rax }: Case): string {
  const changes = edits.map(({ field, value }) => `${field.key} = ${value.toString(16)}h`)
  if (rax !== undefined) changes.push(`rAX = ${rax.toString(16)}h`)
  return `case ${index}, ${base}: ${changes.join(', ')}`
}
