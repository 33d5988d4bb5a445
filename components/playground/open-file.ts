/** What a file from disk is: a text of the project, an image, or a saved machine. Every byte of it is untrusted. */
import type { Image } from '../../emulator/lab/index.ts'
import * as text from '../strings.ts'
import { isMachineFile, LARGEST_MACHINE_FILE } from './machine-file.ts'
import { LARGEST_IMAGE, LARGEST_TEXT, nameProblem } from './project.ts'

export type OpenedFile =
  | { readonly kind: 'text'; readonly name: string; readonly text: string }
  | { readonly kind: 'image'; readonly image: Image }
  | { readonly kind: 'machine'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'refused'; readonly message: string }

/** Of the browser's File. */
export interface FileLike {
  readonly name: string
  /** Bytes. */
  readonly size: number
  arrayBuffer(): Promise<ArrayBuffer>
}

const MIB = 0x10_0000
const TEXT_NAME = /\.(asm|s|inc|vmcb|ya?ml|txt)$/i
const ELF = [0x7f, 0x45, 0x4c, 0x46]
/** Where a flat binary lies at first: the reader can choose another place. */
export const FLAT_ADDRESS = 0x1_0000

function refuse(message: string): OpenedFile {
  return { kind: 'refused', message }
}

/** The name of a text in the project: the assembler's texts end in .asm. */
function textName(name: string): string {
  return name.replace(/\.(s|txt)$/i, '.asm')
}

/** Never rejects. */
export async function openFile(file: FileLike): Promise<OpenedFile> {
  const { name, size } = file
  if (size === 0) return refuse(text.fileIsEmpty)
  if (size > LARGEST_MACHINE_FILE)
    return refuse(text.fileTooLargeToOpen(Math.ceil(size / MIB), LARGEST_MACHINE_FILE / MIB))
  let bytes: Uint8Array<ArrayBuffer>
  try {
    bytes = new Uint8Array(await file.arrayBuffer())
  } catch {
    return refuse(text.fileUnreadable)
  }
  if (isMachineFile(bytes)) return { kind: 'machine', bytes }
  if (TEXT_NAME.test(name)) return openText(textName(name), bytes)
  if (size > LARGEST_IMAGE) return refuse(text.imageTooLarge(Math.ceil(size / MIB), LARGEST_IMAGE / MIB))
  if (ELF.every((byte, at) => bytes[at] === byte))
    return { kind: 'image', image: { kind: 'multiboot', name, bytes, commandLine: name } }
  return { kind: 'image', image: { kind: 'flat', name, bytes, address: FLAT_ADDRESS } }
}

function openText(name: string, bytes: Uint8Array): OpenedFile {
  if (bytes.length > LARGEST_TEXT) return refuse(text.textTooLong(LARGEST_TEXT / 1_000_000))
  const problem = nameProblem(name, [])
  if (problem !== undefined) return refuse(text.badName(problem))
  try {
    return { kind: 'text', name, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch {
    return refuse(text.notUtf8)
  }
}
