/** ELF32 executables for the i386: the file header and the segments to load (System V ABI, chapters 4 and 5). */

/** An executable that cannot be loaded: what is wrong, and where in the file. */
export class ImageError extends Error {
  /** Byte offset in the kernel's file of the field at fault; undefined when the file is not to blame. */
  readonly offset: number | undefined

  constructor(offset: number | undefined, rule: string) {
    super(offset === undefined ? rule : `at file offset ${offset.toString(16)}h: ${rule}`)
    this.name = 'ImageError'
    this.offset = offset
  }
}

/** A piece of the file and where it belongs in physical memory; what `bytes` does not cover is zero. */
export interface Segment {
  readonly address: number
  readonly bytes: Uint8Array
  readonly memoryBytes: number
}

export interface Executable {
  /** Physical address of the first instruction. */
  readonly entry: number
  readonly segments: readonly Segment[]
}

const HEADER_BYTES = 52
const PROGRAM_HEADER_BYTES = 32
const PT_LOAD = 1

/** Field offsets in the file header. */
const HEADER = {
  class: 4,
  data: 5,
  type: 16,
  machine: 18,
  entry: 24,
  phoff: 28,
  phentsize: 42,
  phnum: 44,
} as const

/** Field offsets in a program header. */
const PROGRAM = { type: 0, offset: 4, paddr: 12, filesz: 16, memsz: 20 } as const

function checkHeader(file: Uint8Array, view: DataView): void {
  if (file.length < HEADER_BYTES)
    throw new ImageError(file.length, `the file ends within the ELF header, which has ${HEADER_BYTES} bytes`)
  if (view.getUint32(0) !== 0x7f45_4c46)
    throw new ImageError(0, 'not an ELF file: it does not begin with 7Fh "ELF"')
  if (file[HEADER.class] !== 1)
    throw new ImageError(HEADER.class, `EI_CLASS must be 1 (ELF32), not ${file[HEADER.class]}`)
  if (file[HEADER.data] !== 1)
    throw new ImageError(HEADER.data, `EI_DATA must be 1 (little-endian), not ${file[HEADER.data]}`)
  const expected = [
    ['type', 2, 'ET_EXEC'],
    ['machine', 3, 'EM_386'],
    ['phentsize', PROGRAM_HEADER_BYTES, 'the size of an ELF32 program header'],
  ] as const
  for (const [field, value, meaning] of expected) {
    const found = view.getUint16(HEADER[field], true)
    if (found !== value)
      throw new ImageError(HEADER[field], `e_${field} must be ${value} (${meaning}), not ${found}`)
  }
}

function readSegment(file: Uint8Array, view: DataView, header: number, ramBytes: number): Segment {
  const field = (name: keyof typeof PROGRAM): number => view.getUint32(header + PROGRAM[name], true)
  const [offset, address, fileBytes, memoryBytes] = [
    field('offset'),
    field('paddr'),
    field('filesz'),
    field('memsz'),
  ]
  if (fileBytes > memoryBytes)
    throw new ImageError(header + PROGRAM.filesz, `p_filesz ${fileBytes} exceeds p_memsz ${memoryBytes}`)
  if (offset + fileBytes > file.length)
    throw new ImageError(
      header + PROGRAM.offset,
      `the segment's bytes ${offset}..${offset + fileBytes} lie beyond the end of the file (${file.length} bytes)`,
    )
  if (address + memoryBytes > ramBytes)
    throw new ImageError(
      header + PROGRAM.paddr,
      `the segment ${address.toString(16)}h..${(address + memoryBytes).toString(16)}h does not fit ` +
        `in ${ramBytes / 0x10_0000} MiB of RAM`,
    )
  return { address, bytes: file.subarray(offset, offset + fileBytes), memoryBytes }
}

/** Reads an executable that is to run in `ramBytes` of RAM. Throws ImageError. */
export function readElf32(file: Uint8Array, ramBytes: number): Executable {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  checkHeader(file, view)
  const table = view.getUint32(HEADER.phoff, true)
  const count = view.getUint16(HEADER.phnum, true)
  if (table + count * PROGRAM_HEADER_BYTES > file.length)
    throw new ImageError(
      HEADER.phoff,
      `the ${count} program headers at ${table} lie beyond the end of the file`,
    )
  const segments: Segment[] = []
  for (let i = 0; i < count; i++) {
    const header = table + i * PROGRAM_HEADER_BYTES
    if (view.getUint32(header + PROGRAM.type, true) === PT_LOAD)
      segments.push(readSegment(file, view, header, ramBytes))
  }
  if (segments.length === 0) throw new ImageError(HEADER.phnum, 'the file has no segment to load (PT_LOAD)')
  const entry = view.getUint32(HEADER.entry, true)
  if (!segments.some(({ address, memoryBytes }) => entry >= address && entry < address + memoryBytes))
    throw new ImageError(HEADER.entry, `e_entry ${entry.toString(16)}h lies in no segment`)
  return { entry, segments }
}
