/** A machine that runs bytes instead of texts: a multiboot kernel, or a flat binary at an address. A lab session in all else. */
import { checkKernel, ImageError, START } from '../machine/index.ts'
import { build, type Build } from './build.ts'
import { errorAt } from './diagnostics.ts'
import type { Lab } from './schema.ts'
import { LabSession, type SessionOptions } from './session.ts'

export type Image = { readonly name: string; readonly bytes: Uint8Array } & (
  | {
      readonly kind: 'multiboot'
      /** What the kernel is told, its own name first. */
      readonly commandLine: string
    }
  /** It lies at `address` and begins there, in the start state of the lab. */
  | { readonly kind: 'flat'; readonly address: number }
)

const MIB = 0x10_0000

export class ImageSession extends LabSession {
  readonly #image: Image

  /** `lab` says what the machine is like; it has no files. */
  constructor(lab: Lab, image: Image, options: SessionOptions = {}) {
    super(lab, options)
    this.#image = image
  }

  /** No program, but what is wrong with the image. */
  override build(): Build {
    const { name } = this.#image
    const { start, memory } = this.lab.machine
    const empty = build({
      files: new Map([[name, '']]),
      program: name,
      vmcbs: [],
      // That of RESET takes a program anywhere.
      start: 'reset',
      ramBytes: memory * MIB,
    })
    const problem = this.#problem()
    if (problem === undefined)
      return { ...empty, entry: this.#image.kind === 'flat' ? this.#image.address : 0 }
    const place = { file: name, line: 1, column: 1, endColumn: 1 }
    const hint =
      this.#image.kind === 'flat' ? `the machine has ${memory} MiB of RAM and begins in ${start} mode` : ''
    return { ...empty, diagnostics: [errorAt(place, 'bad-image', problem, hint)], usable: false }
  }

  /** Why the image cannot be started; undefined if it can. */
  #problem(): string | undefined {
    const { kind, bytes } = this.#image
    const { start, memory } = this.lab.machine
    const ramBytes = memory * MIB
    if (kind === 'multiboot') {
      try {
        checkKernel(bytes, ramBytes)
      } catch (error) {
        if (error instanceof ImageError) return error.message
        throw error
      }
      return undefined
    }
    const { address } = this.#image
    if (address + bytes.length > ramBytes)
      return `${bytes.length} bytes at ${address.toString(16)}h do not fit in RAM`
    if ((start === 'long' || start === 'protected') && address < START.program)
      return `below ${START.program.toString(16)}h lie the tables and the stack of the start state`
    if (start === 'real' && address >= MIB) return 'a program in real mode begins below 100000h'
    return undefined
  }

  protected override place({ entry }: Build): void {
    const image = this.#image
    if (image.kind === 'multiboot') {
      const { bytes: kernel, commandLine } = image
      this.machine.boot({ kernel, commandLine, modules: [] })
      return
    }
    this.machine.start(this.lab.machine.start, entry)
    this.machine.load(image.address, image.bytes)
  }
}
