/**
 * A lab as a multiboot image, to be run elsewhere: the state in which the lab's machine begins, taken from that machine, in an ELF32
 * file with a stub that brings it about (export-stub.ts).
 */
import { assemble } from '../isa/index.ts'
import type { Build } from './build.ts'
import { PC_HOLE, stubSource } from './export-stub.ts'
import type { Lab } from './schema.ts'
import { LabSession } from './session.ts'

const MIB = 0x10_0000
const PAGE = 4096
/** What a loader and firmware want for themselves above the image. MiB. */
const LOADER_ROOM = 4

export type ExportResult =
  | {
      readonly ok: true
      readonly image: Uint8Array<ArrayBuffer>
      /** RAM that a machine must have to run the image. MiB. */
      readonly memory: number
    }
  | { readonly ok: false; readonly reason: string }

/** Pages of RAM that are not zero, neighbours in one piece: what export-stub.ts calls contents. Undefined with RAM where a PC has none. */
function contentsOf(ram: Uint8Array): Uint8Array | undefined {
  const words = new Uint32Array(ram.buffer, ram.byteOffset, ram.length / 4)
  const isZero = (page: number): boolean =>
    words.subarray(page * (PAGE / 4), (page + 1) * (PAGE / 4)).every((word) => word === 0)
  const pieces: number[][] = []
  for (let page = 0; page < ram.length / PAGE; page++) {
    if (isZero(page)) continue
    if (page * PAGE >= PC_HOLE.start && page * PAGE < PC_HOLE.end) return undefined
    const last = pieces.at(-1)
    if (last?.[1] === page) last[1] = page + 1
    else pieces.push([page, page + 1])
  }
  const sizes = pieces.map(([first, end]) => 8 + (end - first) * PAGE)
  const contents = new Uint8Array(sizes.reduce((sum, size) => sum + size, 8))
  const view = new DataView(contents.buffer)
  let at = 0
  pieces.forEach(([first, end], index) => {
    view.setUint32(at, first * PAGE, true)
    view.setUint32(at + 4, ((end - first) * PAGE) / 4, true)
    contents.set(ram.subarray(first * PAGE, end * PAGE), at + 8)
    at += sizes[index]
  })
  return contents
}

/** The image of a lab with texts that were built for it, or why no other machine can be brought into its start state. */
export function exportImage(lab: Lab, built: Build): ExportResult {
  const { start, memory, caches, l0 } = lab.machine
  const refuse = (reason: string): ExportResult => ({ ok: false, reason })
  if (l0 !== undefined) return refuse('its program runs under L0, which is part of our machine')
  if (caches) return refuse('its caches, framebuffer and bus master are those of our machine alone')
  if (start === 'reset') return refuse('it begins at RESET, where other machines have their firmware')
  if (!built.usable) return refuse('its texts have errors')
  const session = new LabSession(lab)
  session.reset(built)
  const ramBytes = memory * MIB
  const contents = contentsOf(session.machine.readMemory(0, ramBytes))
  if (contents === undefined)
    return refuse('something of it lies between A0000h and FFFFFh, where other machines have no RAM')
  const source = stubSource(start, session.machine.inspect(), ramBytes, contents.length)
  const stub = assemble({ files: new Map([['stub.asm', source]]), entry: 'stub.asm' })
  if (stub.bytes.length === 0) throw new Error(stub.diagnostics.map(({ message }) => message).join('; '))
  const image = new Uint8Array(stub.bytes.length + contents.length)
  image.set(stub.bytes)
  image.set(contents, stub.bytes.length)
  return { ok: true, image, memory: memory + Math.ceil(image.length / MIB) + LOADER_ROOM }
}

/** Command lines that run an image of a lab, `file`, in our machine, in QEMU and with KVM. */
export function exportCommands(
  { machine: { cpus } }: Lab,
  file: string,
  memory: number,
): readonly { readonly where: string; readonly command: string }[] {
  const pc = `qemu-system-x86_64 -kernel ${file} -m ${memory} -smp ${cpus} -serial stdio -display none -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=4`
  return [
    { where: 'QEMU', command: `${pc} -accel tcg -cpu max,+svm` },
    { where: 'KVM, on an AMD processor with nested SVM', command: `${pc} -accel kvm -cpu host,+svm` },
    { where: 'World Switch', command: `world-switch boot ${file} --memory ${memory} --cpus ${cpus}` },
  ]
}
