/**
 * A machine as a file: what it is like, its texts or its image, and its state, so that it can be loaded into a machine that fits.
 *
 *   "WSMF"            then, compressed with gzip:
 *   length, JSON      the project; of an image all but its bytes
 *   length, bytes     those of the image, if there is one
 *   the rest          what Machine.save() gave
 *
 * What comes back is untrusted: it is bounded and judged here, and the state by Machine.restore().
 */
import { isRecord } from '../reader/records.ts'
import * as text from '../strings.ts'
import { concatenate } from '../workbench/bytes.ts'
import { through } from '../workbench/streams.ts'
import { parseImage, parseProject, type Project } from './project.ts'

const MAGIC = 'WSMF'
const FORMAT = 1
/** Bytes, as a file and unpacked. */
export const LARGEST_MACHINE_FILE = 256 * 0x10_0000
const LARGEST_UNPACKED = 512 * 0x10_0000
const LENGTH_BYTES = 4

export interface SavedMachine {
  readonly project: Project
  readonly state: Uint8Array<ArrayBuffer>
}

export type MachineFile =
  { readonly ok: true; readonly saved: SavedMachine } | { readonly ok: false; readonly message: string }

function refuse(message: string): MachineFile {
  return { ok: false, message }
}

function block(bytes: Uint8Array): Uint8Array {
  return concatenate([new Uint8Array(Uint32Array.of(bytes.length).buffer), bytes])
}

export function isMachineFile(bytes: Uint8Array): boolean {
  return new TextDecoder().decode(bytes.subarray(0, MAGIC.length)) === MAGIC
}

/** Throws RangeError for a machine with more than 512 MiB of memory in use. */
export async function writeMachineFile({ project, state }: SavedMachine): Promise<Uint8Array<ArrayBuffer>> {
  const { options, files, image } = project
  const encoder = new TextEncoder()
  const json = JSON.stringify({
    format: FORMAT,
    options,
    files,
    image: image && { ...image, bytes: undefined },
  })
  const content = concatenate([block(encoder.encode(json)), block(image?.bytes ?? new Uint8Array(0)), state])
  if (content.length > LARGEST_UNPACKED)
    throw new RangeError(text.tooMuchMemoryInUse(LARGEST_UNPACKED / 0x10_0000))
  const packed = await through(content, new CompressionStream('gzip'), LARGEST_UNPACKED * 2)
  return concatenate([encoder.encode(MAGIC), packed])
}

/** Takes one block off the front; undefined where there is no whole one. */
function take(
  bytes: Uint8Array<ArrayBuffer>,
): [block: Uint8Array<ArrayBuffer>, rest: Uint8Array<ArrayBuffer>] | undefined {
  if (bytes.length < LENGTH_BYTES) return undefined
  const end = LENGTH_BYTES + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
  return end > bytes.length ? undefined : [bytes.subarray(LENGTH_BYTES, end), bytes.subarray(end)]
}

/** Reads what writeMachineFile() gave. Never rejects. */
export async function readMachineFile(bytes: Uint8Array<ArrayBuffer>): Promise<MachineFile> {
  if (!isMachineFile(bytes)) return refuse(text.notSavedMachine)
  let content: Uint8Array<ArrayBuffer>
  try {
    content = await through(bytes.subarray(MAGIC.length), new DecompressionStream('gzip'), LARGEST_UNPACKED)
  } catch (error) {
    return refuse(error instanceof RangeError ? text.isTooLarge : text.isDamaged)
  }
  const first = take(content)
  const second = first && take(first[1])
  if (first === undefined || second === undefined) return refuse(text.isDamaged)
  const [imageBytes, state] = second
  let described: unknown
  try {
    described = JSON.parse(new TextDecoder().decode(first[0]))
  } catch {
    return refuse(text.isDamaged)
  }
  if (!isRecord(described)) return refuse(text.isDamaged)
  if (described['format'] !== FORMAT) return refuse(text.otherFormat(String(described['format']), FORMAT))
  const project = parseProject(described)
  if (project === undefined) return refuse(text.noMachineDescribed)
  if (described['image'] === undefined) return { ok: true, saved: { project, state } }
  const image = parseImage(described['image'], imageBytes)
  if (image === undefined) return refuse(text.imageDamaged)
  return { ok: true, saved: { project: { ...project, image }, state } }
}
