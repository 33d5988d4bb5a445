import { describe, expect, test } from 'vitest'
import { PhysicalMemory } from '../state/memory.ts'
import { ImageError } from './elf32.ts'
import { BOOTLOADER_MAGIC, loadMultiboot } from './multiboot.ts'

const MIB = 0x10_0000
const CODE = 0x60

/** A kernel of one segment at 1 MiB: the multiboot header, four bytes of code and 8 bytes of zeros in memory. */
function kernel(change: (view: DataView) => void = () => undefined): Uint8Array {
  const view = new DataView(new ArrayBuffer(CODE + 16))
  view.setUint32(0, 0x7f45_4c46)
  view.setUint8(4, 1)
  view.setUint8(5, 1)
  view.setUint16(16, 2, true)
  view.setUint16(18, 3, true)
  view.setUint32(24, MIB + 12, true)
  view.setUint32(28, 52, true)
  view.setUint16(42, 32, true)
  view.setUint16(44, 1, true)
  for (const [index, value] of [1, CODE, MIB, MIB, 16, 24].entries())
    view.setUint32(52 + index * 4, value, true)
  view.setUint32(CODE, 0x1bad_b002, true)
  view.setUint32(CODE + 4, 3, true)
  view.setUint32(CODE + 8, -(0x1bad_b002 + 3), true)
  view.setUint32(CODE + 12, 0xf4f4_f4f4)
  change(view)
  return new Uint8Array(view.buffer)
}

function text(memory: PhysicalMemory, address: number): string {
  const bytes = memory.dump(address, 64)
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)))
}

describe('a good kernel', () => {
  const memory = new PhysicalMemory(2 * MIB, 1)
  memory.load(MIB + 16, Uint8Array.of(1, 2, 3))
  const registers = loadMultiboot(memory, {
    kernel: kernel(),
    commandLine: 'kernel div=100',
    modules: [
      { commandLine: 'env', bytes: Uint8Array.of(7, 8) },
      { commandLine: 'more', bytes: new Uint8Array(5000) },
    ],
  })
  const info = (offset: number): number => memory.read32(registers.ebx + offset)

  test('lies where its segments say, with the rest of the segment zeroed', () => {
    expect(registers.entry).toBe(MIB + 12)
    expect([...memory.dump(MIB + 12, 8)]).toEqual([0xf4, 0xf4, 0xf4, 0xf4, 0, 0, 0, 0])
  })

  test('is entered with the magic in EAX and learns the memory sizes and its command line', () => {
    expect(registers.eax).toBe(BOOTLOADER_MAGIC)
    expect([info(4), info(8)]).toEqual([640, 1024])
    expect(text(memory, info(16))).toBe('kernel div=100')
  })

  test('is not told of a memory map, which bit 6 would announce', () => {
    expect(info(0)).toBe(0b1101)
  })

  test('finds its modules page-aligned, each with its end and its text', () => {
    expect(info(20)).toBe(2)
    const [start, end, name] = [0, 4, 8].map((offset) => memory.read32(info(24) + offset))
    expect([start % 4096, end - start, text(memory, name)]).toEqual([0, 2, 'env'])
    expect([...memory.dump(start, 2)]).toEqual([7, 8])
    expect(memory.read32(info(24) + 16)).toBe(start + 4096)
  })
})

describe('a kernel that cannot be loaded is refused with the place and the rule', () => {
  test.each<[string, Uint8Array, number, RegExp]>([
    ['not ELF', kernel((view) => view.setUint8(1, 0)), 0, /not an ELF file/],
    ['64-bit', kernel((view) => view.setUint8(4, 2)), 4, /EI_CLASS must be 1/],
    ['big-endian', kernel((view) => view.setUint8(5, 2)), 5, /EI_DATA/],
    ['relocatable', kernel((view) => view.setUint16(16, 1, true)), 16, /e_type must be 2/],
    ['for another processor', kernel((view) => view.setUint16(18, 62, true)), 18, /EM_386.*62/],
    ['without program headers', kernel((view) => view.setUint16(44, 0, true)), 44, /no segment/],
    ['with headers beyond its end', kernel((view) => view.setUint16(44, 9, true)), 28, /beyond the end/],
    ['cut short', kernel().subarray(0, CODE + 12), 56, /beyond the end of the file/],
    ['beyond RAM', kernel((view) => view.setUint32(64, 2 * MIB, true)), 64, /does not fit in 2 MiB/],
    ['larger in the file than in memory', kernel((view) => view.setUint32(72, 8, true)), 68, /p_filesz/],
    ['with its entry elsewhere', kernel((view) => view.setUint32(24, 5, true)), 24, /e_entry 5h/],
    ['without a multiboot header', kernel((view) => view.setUint32(CODE, 0)), 0, /no multiboot header/],
    ['with a bad checksum', kernel((view) => view.setUint32(CODE + 8, 0)), CODE + 8, /add up to 0/],
    [
      'wanting a video mode',
      kernel((view) => {
        view.setUint32(CODE + 4, 4, true)
        view.setUint32(CODE + 8, -(0x1bad_b002 + 4), true)
      }),
      CODE + 4,
      /flags 4h/,
    ],
  ])('%s', (_, bytes, offset, rule) => {
    const memory = new PhysicalMemory(2 * MIB, 1)
    const load = (): unknown => loadMultiboot(memory, { kernel: bytes, commandLine: 'kernel', modules: [] })
    expect(load).toThrow(ImageError)
    expect(load).toThrow(rule)
    expect(load).toThrow(`at file offset ${offset.toString(16)}h`)
  })

  test('with a module that does not fit', () => {
    const memory = new PhysicalMemory(2 * MIB, 1)
    const modules = [{ commandLine: '', bytes: new Uint8Array(MIB) }]
    expect(() => loadMultiboot(memory, { kernel: kernel(), commandLine: 'k', modules })).toThrow(/module 1/)
  })
})
