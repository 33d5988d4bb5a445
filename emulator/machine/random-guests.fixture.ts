/**
 * Random programs, VMCBs and page tables for the robustness test. A VMCB describes a guest of one of the modes that there are,
 * then a few of its fields and bytes become arbitrary. The host runs it again and again, one instruction further each time.
 */
import { Random } from '../engine/agreement.fixture.ts'
import { encode } from '../isa/encode.ts'
import type { CodeBits } from '../isa/instruction.ts'
import { oracleCases } from '../isa/requests.fixture.ts'
import { findField, VMCB_BYTES, writeField } from '../svm/index.ts'
import { START, type StartKind } from './start.ts'

const GUEST = 0x1_1000
const VMCB = 0x2_0000
const MAPS = 0x3_0000
const NESTED = 0x4_0000
const PAGE_DIRECTORY_32 = 0x5_0000
const STACK = 0x6_0000
const IDT = 0x6_8000

export interface RandomGuest {
  readonly kind: StartKind
  /** What to load, by address. */
  readonly loads: readonly (readonly [address: number, bytes: Uint8Array])[]
}

const encodings = new Map<CodeBits, readonly Uint8Array[]>()
/** An encoding of every row and operand form of the instruction table. */
function everyEncoding(bits: CodeBits): readonly Uint8Array[] {
  let list = encodings.get(bits)
  if (list === undefined) {
    list = [...oracleCases(bits)].flatMap(({ request }) => {
      const result = encode(request)
      return result.ok ? [result.bytes] : []
    })
    encodings.set(bits, list)
  }
  return list
}

/** A page of instructions, short jumps among them, and of bytes that are none. */
function randomCode(random: Random, bits: CodeBits): Uint8Array {
  const code: number[] = []
  while (code.length < 0x1000) {
    const kind = random.below(100)
    if (kind < 8) code.push(random.below(256), random.below(256))
    else if (kind < 16) code.push(0xeb, random.below(256))
    else if (kind < 24) code.push(0x70 + random.below(16), random.below(256))
    else if (kind < 28) code.push(0xe2, random.below(256))
    // The SVM instructions.
    else if (kind < 31) code.push(0x0f, 0x01, 0xd8 + random.below(8))
    else code.push(...random.pick(everyEncoding(bits)))
  }
  return Uint8Array.from(code.slice(0, 0x1000))
}

/** Runs the guest; after a #VMEXIT it goes on at nRIP, or one byte further where that is 0. */
const HOST = Uint8Array.from([
  ...[0xb8, 0x00, 0x00, 0x02, 0x00], // mov eax, VMCB
  ...[0x0f, 0x01, 0xd8], // again: vmrun
  ...[0x48, 0x8b, 0x98, 0xc8, 0x00, 0x00, 0x00], // mov rbx, [rax + 0c8h]
  ...[0x48, 0x85, 0xdb], // test rbx, rbx
  ...[0x75, 0x0a], // jnz store
  ...[0x48, 0x8b, 0x98, 0x78, 0x05, 0x00, 0x00], // mov rbx, [rax + 578h]
  ...[0x48, 0xff, 0xc3], // inc rbx
  ...[0x48, 0x89, 0x98, 0x78, 0x05, 0x00, 0x00], // store: mov [rax + 578h], rbx
  ...[0xeb, 0xde], // jmp again
])

type Fields = Record<string, number | bigint>

/** EFER, CR0, CR4, CR3 and CS of each mode; CS.L, D and the base come with it. */
const MODES: readonly { readonly bits: CodeBits; readonly fields: Fields }[] = [
  { bits: 64, fields: { efer: 0x1500, cr0: 0x8000_0031, cr4: 0x20, cr3: START.pml4, 'cs.attrib': 0xa9b } },
  { bits: 32, fields: { efer: 0x1d00, cr0: 0x8001_0031, cr4: 0xa0, cr3: START.pml4, 'cs.attrib': 0xc9b } },
  { bits: 32, fields: { efer: 0x1000, cr0: 0x11, 'cs.attrib': 0xc9b } },
  {
    bits: 32,
    fields: {
      efer: 0x1800,
      cr0: 0x8000_0011,
      cr4: 0x20,
      cr3: START.pageDirectoryPointers,
      'cs.attrib': 0xc9b,
    },
  },
  {
    bits: 32,
    fields: { efer: 0x1000, cr0: 0x8000_0011, cr4: 0x10, cr3: PAGE_DIRECTORY_32, 'cs.attrib': 0xc9b },
  },
  { bits: 16, fields: { efer: 0x1000, cr0: 0x10, 'cs.attrib': 0x9b, 'cs.base': GUEST, rip: 0 } },
  {
    bits: 16,
    fields: { efer: 0x1000, cr0: 0x11, 'cs.attrib': 0x9b, 'cs.base': GUEST, rip: 0, rflags: 0x2_3002 },
  },
]

function randomVmcb(random: Random, mode: Fields): Uint8Array {
  const bytes = new Uint8Array(VMCB_BYTES)
  const image = new DataView(bytes.buffer)
  const set = (key: string, value: number | bigint): void => writeField(image, findField(key)!, BigInt(value))
  const rarely = (percent: number): number => (random.chance(percent) ? random.word() : 0)
  for (let vector = 0; vector < 4; vector++) set(`control.intercept_vector_${vector}`, rarely(30))
  // Shutdown would end the run.
  set('control.intercept_vector_3', (rarely(50) | (1 << 31)) >>> 0)
  set('control.intercept_vector_4', (rarely(50) | 1) >>> 0)
  set('control.iopm_base_pa', MAPS)
  set('control.msrpm_base_pa', MAPS + random.below(4) * 0x1000)
  set('control.asid', 1 + random.below(3))
  set('control.tlb_control', random.pick([0, 0, 1, 3, 7]))
  set('control.virtual_interrupt', random.pick([0n, 0x20_0000_0100n, 0x20_001f_0100n, 0x20_010f_0100n]))
  set('control.interrupt_shadow', random.below(2))
  if (random.chance(40))
    set(
      'control.event_inj',
      BigInt((0x8000_0000 | (random.pick([0, 2, 3, 4]) << 8) | random.below(32)) >>> 0),
    )
  set('control.n_rip', GUEST)
  set('control.nested_control', random.below(2))
  set('control.n_cr3', NESTED)
  set('save.g_pat', 0x0007_0406_0007_0406n)
  for (const segment of ['cs', 'ss', 'ds', 'es']) {
    set(`save.${segment}.attrib`, random.chance(80) ? 0xc93 : random.below(0x1000))
    set(`save.${segment}.limit`, random.pick([0xffff_ffff, 0xffff_ffff, 0xffff, 0x6_0000]))
  }
  set('save.rip', GUEST)
  set('save.rsp', random.pick([STACK, STACK + 4, 3]))
  set('save.rflags', random.pick([2, 0x202, 0x102, 0x4_0202, 0x1_0002]))
  set('save.cpl', random.pick([0, 0, 0, 3]))
  set('save.gdtr.base', START.gdt)
  set('save.gdtr.limit', 0x1f)
  set('save.idtr.base', random.pick([IDT, 0]))
  set('save.idtr.limit', 0xfff)
  for (const [key, value] of Object.entries(mode)) set(`save.${key}`, value)
  if (random.chance(25))
    for (let n = random.below(5); n >= 0; n--) bytes[random.below(VMCB_BYTES)] = random.below(256)
  return bytes
}

function quads(values: readonly bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(values).buffer)
}

/** Entries that lead to `address`, or map pages of `leafBytes` in order; some are absent or have a bit changed. */
function randomTable(random: Random, entry: (index: number) => bigint): Uint8Array {
  return quads(
    Array.from({ length: 512 }, (_, index) => {
      if (random.chance(94)) return entry(index)
      return random.chance(50) ? 0n : entry(index) ^ (1n << BigInt(random.below(64)))
    }),
  )
}

function randomGates(random: Random, long: boolean): Uint8Array {
  const gates = Array.from({ length: 32 }, () => {
    const handler = BigInt(GUEST + random.below(0x1000))
    const type = BigInt(random.pick([0x8e, 0x8f, 0xee]))
    return (handler & 0xffffn) | (BigInt(long ? 8 : 24) << 16n) | (type << 40n) | ((handler >> 16n) << 48n)
  })
  return quads(long ? gates.flatMap((gate) => [gate, 0n]) : gates)
}

/** The program, VMCB and tables of a seed: mostly a guest under the host above, at times a host of random instructions. */
export function randomGuest(seed: number): RandomGuest {
  const random = new Random(seed)
  const mode = random.pick(MODES)
  const directory = Uint32Array.from({ length: 1024 }, (_, index) =>
    random.chance(95) ? ((index % 8) * 0x40_0000) | 0xe7 : random.word(),
  )
  const guest: RandomGuest['loads'] = [
    [GUEST, randomCode(random, mode.bits)],
    [VMCB, randomVmcb(random, mode.fields)],
    [MAPS, randomTable(random, () => 0n)],
    [NESTED, quads([BigInt(NESTED + 0x1000) | 7n])],
    [NESTED + 0x1000, quads([random.chance(30) ? 0x87n : BigInt(NESTED + 0x2000) | 7n])],
    [NESTED + 0x2000, quads([BigInt(NESTED + 0x3000) | 7n])],
    [NESTED + 0x3000, randomTable(random, (index) => BigInt(index * 0x1000) | 7n)],
    [PAGE_DIRECTORY_32, new Uint8Array(directory.buffer)],
    [IDT, randomGates(random, mode.bits === 64)],
  ]
  if (random.chance(80)) return { kind: 'long', loads: [[START.program, HOST], ...guest] }
  const [kind, bits] = random.pick([
    ['long', 64],
    ['protected', 32],
    ['real', 16],
  ] as const)
  return { kind, loads: [[START.program, randomCode(random, bits)], ...guest] }
}
