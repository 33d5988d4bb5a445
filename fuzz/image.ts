/**
 * The guest of the fuzzer: a multiboot kernel (guest/host.asm) that runs cases, and the module that holds them. The layout of the
 * module is in host.asm.
 */
import { readFileSync } from 'node:fs'
import { assemble, type Assembly } from '../emulator/isa/index.ts'

/** Where things lie in physical memory. */
export const AT = {
  /** What guests see, guest/arena.asm. */
  arena: 0x2_0000,
  /** Two pages of the arena. */
  stack: 0x2_6000,
  /** The first page behind the arena: its page tables map a few special pages there. */
  pages: 0x3_4000,
  /** Zeros: permission maps that intercept nothing. */
  zeros: 0x4_0000,
  /** Ones: permission maps that intercept everything. */
  ones: 0x5_0000,
  host: 0x20_0000,
} as const

/** The part of a VMCB that is compared: the control area, and the save area up to the last-branch records. */
export const IMAGE_BYTES = 0x700

const ARENA_BYTES = AT.pages - AT.arena

const NAMES: ReadonlyMap<string, bigint> = new Map([
  ['HOST', BigInt(AT.host)],
  ['ARENA', BigInt(AT.arena)],
  ['ARENA_BYTES', BigInt(ARENA_BYTES)],
  ['GUEST_STACK', BigInt(AT.stack)],
  ['PAGES', BigInt(AT.pages)],
  ['ZEROS', BigInt(AT.zeros)],
  ['ONES', BigInt(AT.ones)],
  ['IMAGE_BYTES', BigInt(IMAGE_BYTES)],
])

function assembled(name: string): Assembly {
  const text = readFileSync(new URL(`guest/${name}`, import.meta.url), 'utf8')
  const assembly = assemble({ files: new Map([[name, text]]), entry: name, bits: 32, symbols: NAMES })
  const [first] = assembly.diagnostics
  if (first !== undefined) throw new Error(`${first.file}:${first.line}: ${first.message}`)
  return assembly
}

const arena = assembled('arena.asm')

/** Address of a label of arena.asm. Throws when there is none. */
export function label(name: string): bigint {
  const address = arena.symbols.get(name)
  if (address === undefined) throw new Error(`arena.asm has no label ${name}`)
  return address
}

/** An ELF32 executable of one segment (System V ABI, chapters 4 and 5). */
function elf32(address: number, entry: number, bytes: Uint8Array): Uint8Array {
  const HEADERS = 52 + 32
  const file = new Uint8Array(HEADERS + bytes.length)
  const view = new DataView(file.buffer)
  file.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1])
  // 16 type, 18 machine: ET_EXEC, EM_386; 40 size of this header, 42 and 44 size and number of program headers.
  for (const [offset, value] of [
    [16, 2],
    [18, 3],
    [40, 52],
    [42, 32],
    [44, 1],
  ])
    view.setUint16(offset, value, true)
  // 20 version, 24 entry, 28 offset of the program headers.
  for (const [offset, value] of [
    [20, 1],
    [24, entry],
    [28, 52],
  ])
    view.setUint32(offset, value, true)
  // PT_LOAD, offset, virtual and physical address, size in the file and in memory, flags RWX, alignment.
  const program = [1, HEADERS, address, address, bytes.length, bytes.length, 7, 4]
  program.forEach((value, n) => view.setUint32(52 + n * 4, value, true))
  file.set(bytes, HEADERS)
  return file
}

const host = assembled('host.asm')

/** The kernel, which QEMU and our machine boot alike. */
export const KERNEL = elf32(AT.host, Number(host.symbols.get('start')), host.bytes)

/** What the host gives to VMRUN. */
export interface Input {
  /** Of IMAGE_BYTES bytes. */
  readonly vmcb: DataView
  /** RAX at VMRUN, when it is not the address of the VMCB. */
  readonly rax: bigint | undefined
}

const VMCB_ADDRESS = host.symbols.get('vmcb')!
const CASES = 0x1000 + ARENA_BYTES

/** The module for some cases. `ticks`: how long a guest may run, in ticks of the APIC timer; `first`: the number of the first. */
export function moduleOf(inputs: readonly Input[], ticks: number, first: number): Uint8Array {
  const size = 16 + IMAGE_BYTES
  const bytes = new Uint8Array(CASES + inputs.length * size)
  const view = new DataView(bytes.buffer)
  for (const [n, value] of [ticks, inputs.length, first].entries()) view.setUint32(n * 4, value, true)
  bytes.set(arena.bytes, 0x1000)
  inputs.forEach(({ vmcb, rax }, n) => {
    const at = CASES + n * size
    view.setBigUint64(at, rax ?? VMCB_ADDRESS, true)
    bytes.set(new Uint8Array(vmcb.buffer, vmcb.byteOffset, IMAGE_BYTES), at + 16)
  })
  return bytes
}
