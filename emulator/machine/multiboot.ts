/**
 * A multiboot 1 loader for ELF32 kernels (Multiboot Specification 0.6.96): finds and checks the header, places the segments,
 * the modules and the information structure in RAM. The entry state is start.ts' `protected` with EAX and EBX as returned.
 *
 * RAM from the end of the kernel on, each part page-aligned: modules in order, then the information structure with the module
 * list and the strings behind it.
 */
import { PAGE_SIZE } from '../state/memory-map.ts'
import type { PhysicalMemory } from '../state/memory.ts'
import { ImageError, readElf32, type Executable } from './elf32.ts'

/** What EAX holds when the kernel is entered. */
export const BOOTLOADER_MAGIC = 0x2bad_b002

const HEADER_MAGIC = 0x1bad_b002
/** The header lies 4-byte aligned within this many bytes from the start of the file. */
const SEARCH_BYTES = 8192
/** Requirements of the header that a loader must know, by flag bit: 0 aligned modules, 1 memory sizes. */
const KNOWN_REQUIREMENTS = 0x0003
const REQUIREMENTS = 0xffff

/** Information structure: field offsets, and the flag bits that say which of them are valid. */
const INFO = {
  flags: 0,
  memLower: 4,
  memUpper: 8,
  cmdline: 16,
  modsCount: 20,
  modsAddr: 24,
  bytes: 116,
} as const
const INFO_MEMORY = 1 << 0
const INFO_COMMAND_LINE = 1 << 2
const INFO_MODULES = 1 << 3
const MODULE_ENTRY_BYTES = 16

/** Conventional memory ends here; extended memory begins at 1 MiB. */
const LOWER_KIB = 640
const EXTENDED_BASE = 0x10_0000

export interface BootImage {
  readonly kernel: Uint8Array
  /** The whole command line; by convention it begins with the program's name. */
  readonly commandLine: string
  readonly modules: readonly { readonly commandLine: string; readonly bytes: Uint8Array }[]
}

export interface BootRegisters {
  readonly entry: number
  readonly eax: number
  readonly ebx: number
}

/** Throws ImageError unless the kernel carries a valid multiboot header whose requirements we meet. */
function checkMultibootHeader(kernel: Uint8Array): void {
  const view = new DataView(kernel.buffer, kernel.byteOffset, kernel.byteLength)
  for (let at = 0; at + 12 <= Math.min(kernel.length, SEARCH_BYTES); at += 4) {
    if (view.getUint32(at, true) !== HEADER_MAGIC) continue
    const flags = view.getUint32(at + 4, true)
    if ((HEADER_MAGIC + flags + view.getUint32(at + 8, true)) % 2 ** 32 !== 0)
      throw new ImageError(at + 8, 'magic, flags and checksum of the multiboot header do not add up to 0')
    const unknown = flags & REQUIREMENTS & ~KNOWN_REQUIREMENTS
    if (unknown !== 0)
      throw new ImageError(
        at + 4,
        `the multiboot header requires what this loader lacks: flags ${unknown.toString(16)}h`,
      )
    return
  }
  throw new ImageError(
    0,
    `no multiboot header (1BADB002h, 4-byte aligned) in the first ${SEARCH_BYTES} bytes`,
  )
}

function placeSegments(memory: PhysicalMemory, executable: Executable): number {
  let end = 0
  for (const { address, bytes, memoryBytes } of executable.segments) {
    memory.load(address, bytes)
    memory.load(address + bytes.length, new Uint8Array(memoryBytes - bytes.length))
    end = Math.max(end, address + memoryBytes)
  }
  return end
}

function pageAligned(address: number): number {
  return Math.ceil(address / PAGE_SIZE) * PAGE_SIZE
}

/** Puts bytes one after another into RAM and says where each went. */
function createPlacer(memory: PhysicalMemory, ramBytes: number, start: number) {
  let next = start
  return {
    alignToPage(): void {
      next = pageAligned(next)
    },
    place(bytes: Uint8Array, what: string): number {
      const address = next
      if (address + bytes.length > ramBytes)
        throw new ImageError(
          undefined,
          `${what} of ${bytes.length} bytes does not fit in RAM behind the kernel`,
        )
      memory.load(address, bytes)
      next += bytes.length
      return address
    },
  }
}

function zeroTerminated(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`)
}

/** Throws ImageError for a kernel that cannot be started in `ramBytes` of RAM. */
export function checkKernel(kernel: Uint8Array, ramBytes: number): Executable {
  checkMultibootHeader(kernel)
  return readElf32(kernel, ramBytes)
}

/**
 * Loads the kernel and its modules into the first `ramBytes` bytes of RAM. Throws ImageError and, for what does not fit, leaves RAM
 * partly written.
 */
export function loadMultiboot(
  memory: PhysicalMemory,
  image: BootImage,
  ramBytes = memory.ramBytes,
): BootRegisters {
  const executable = checkKernel(image.kernel, ramBytes)
  const placer = createPlacer(memory, ramBytes, placeSegments(memory, executable))

  const modules = image.modules.map(({ bytes, commandLine }, index) => {
    placer.alignToPage()
    const start = placer.place(bytes, `module ${index + 1}`)
    return { start, end: start + bytes.length, commandLine }
  })

  placer.alignToPage()
  const info = new DataView(new ArrayBuffer(INFO.bytes))
  const ebx = placer.place(new Uint8Array(INFO.bytes), 'the multiboot information')
  const list = new DataView(new ArrayBuffer(modules.length * MODULE_ENTRY_BYTES))
  const listAddress = placer.place(new Uint8Array(list.buffer), 'the module list')
  modules.forEach(({ start, end, commandLine }, index) => {
    const text = placer.place(zeroTerminated(commandLine), 'a module command line')
    for (const [field, value] of [start, end, text].entries())
      list.setUint32(index * MODULE_ENTRY_BYTES + field * 4, value, true)
  })
  memory.load(listAddress, new Uint8Array(list.buffer))

  const fields = [
    [INFO.flags, INFO_MEMORY | INFO_COMMAND_LINE | INFO_MODULES],
    [INFO.memLower, LOWER_KIB],
    [INFO.memUpper, Math.max(0, ramBytes - EXTENDED_BASE) / 1024],
    [INFO.cmdline, placer.place(zeroTerminated(image.commandLine), 'the command line')],
    [INFO.modsCount, modules.length],
    [INFO.modsAddr, listAddress],
  ] as const
  for (const [offset, value] of fields) info.setUint32(offset, value, true)
  memory.load(ebx, new Uint8Array(info.buffer))
  return { entry: executable.entry, eax: BOOTLOADER_MAGIC, ebx }
}
