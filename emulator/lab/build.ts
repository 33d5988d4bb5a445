/** From texts to bytes: the assembled program, with the images of .vmcb files laid over it. */
import type { Decisions } from '../hypervisor/index.ts'
import { assemble, type Assembly, type CodeBits, type Diagnostic } from '../isa/index.ts'
import { START, type StartKind } from '../machine/index.ts'
import { hex, svmInclude } from '../svm/index.ts'
import { errorAt, isUsable } from './diagnostics.ts'
import type { Hypervisor } from './hypervisor.ts'
import type { Lab } from './schema.ts'
import { parseVmcbText, type VmcbText } from './vmcb-text.ts'

/** A VMCB text and the symbol of the program at which its image is placed. */
export interface VmcbSource {
  readonly name: string
  readonly symbol: string
}

/** The name of the text that says what L0 decides. */
export const DESIGN_FILE = 'l0.yaml'

/** The text of the design that the lab's L0 begins with; undefined when the lab names none. */
export function designOf({ machine, designs }: Lab): string | undefined {
  const name = machine.l0?.design
  return name === undefined ? undefined : designs?.[name]
}

export interface BuildInput {
  /** All texts by file name; svm.inc is added. */
  readonly files: ReadonlyMap<string, string>
  /** The file to assemble. */
  readonly program: string
  readonly vmcbs: readonly VmcbSource[]
  /** The state in which the program begins: it decides the code size until the first `bits`, and where a program may lie. */
  readonly start: StartKind
  /** Bytes of RAM that everything has to fit in. */
  readonly ramBytes: number
  /** What L0 decides, if there is one: the text of a design, for when `files` has no l0.yaml, and the reader of such texts. */
  readonly l0?:
    { readonly design: string | undefined; readonly parse: Hypervisor['parseDecisions'] } | undefined
}

export interface PlacedVmcb {
  readonly name: string
  readonly symbol: string
  readonly address: number
  readonly text: VmcbText
}

export interface Build {
  /** What was built. */
  readonly files: ReadonlyMap<string, string>
  readonly program: Assembly
  /** Linear address of the first instruction: the symbol `start` or `_start`, else the origin. */
  readonly entry: number
  readonly vmcbs: readonly PlacedVmcb[]
  /** What L0 decides; undefined without L0, or when its text has errors. */
  readonly decisions: Decisions | undefined
  /** Everything that is wrong, assembler and VMCB texts together. */
  readonly diagnostics: readonly Diagnostic[]
  readonly usable: boolean
}

const SVM_INCLUDE = svmInclude()

const CODE_BITS: Readonly<Record<StartKind, CodeBits>> = { long: 64, protected: 32, real: 16, reset: 16 }

/** Assembles and places. Never throws; a build with errors is not `usable`. */
export function build(input: BuildInput): Build {
  const program = assemble({
    files: new Map([...input.files, ['svm.inc', SVM_INCLUDE]]),
    entry: input.program,
    bits: CODE_BITS[input.start],
    maxBytes: input.ramBytes,
  })
  const diagnostics: Diagnostic[] = [...program.diagnostics]
  const report = (file: string, code: string, message: string, hint: string): void => {
    diagnostics.push(errorAt({ file, line: 1, column: 1, endColumn: 2 }, code, message, hint))
  }
  const origin = Number(program.origin)
  if (
    isUsable(program.diagnostics) &&
    (input.start === 'long' || input.start === 'protected') &&
    origin < START.program
  )
    report(
      input.program,
      'origin-too-low',
      `the program begins at ${hex(origin)}; below ${hex(START.program)} lie the tables and the stack of the start state`,
      `begin it with: org 0x${START.program.toString(16)}`,
    )
  if (isUsable(program.diagnostics) && origin + program.bytes.length > input.ramBytes)
    report(
      input.program,
      'beyond-memory',
      `the program ends at ${hex(origin + program.bytes.length)}, beyond the ${input.ramBytes / 0x10_0000} MiB of RAM`,
      'begin it lower with org',
    )
  const vmcbs: PlacedVmcb[] = []
  for (const { name, symbol } of input.vmcbs) {
    const text = parseVmcbText(name, input.files.get(name) ?? '', program.symbols)
    const address = program.symbols.get(symbol)
    // Without a program there are no symbols, and every line that uses one would be blamed for it.
    if (!isUsable(program.diagnostics)) continue
    diagnostics.push(...text.diagnostics)
    if (address === undefined) {
      report(
        name,
        'no-symbol',
        `the program has no symbol "${symbol}", at which this VMCB is placed`,
        `define it: ${symbol}: resb 4096`,
      )
      continue
    }
    if (address % 4096n !== 0n || address + 4096n > BigInt(input.ramBytes)) {
      report(
        name,
        'bad-place',
        `"${symbol}" is at ${hex(address)}; a VMCB begins at a multiple of 1000h within RAM`,
        'write "align 4096" before it',
      )
      continue
    }
    vmcbs.push({ name, symbol, address: Number(address), text })
  }
  const designed = input.l0?.parse(DESIGN_FILE, input.files.get(DESIGN_FILE) ?? input.l0.design ?? '')
  diagnostics.push(...(designed?.diagnostics ?? []))
  const entry = program.symbols.get('start') ?? program.symbols.get('_start') ?? program.origin
  return {
    files: input.files,
    program,
    entry: Number(entry),
    vmcbs,
    decisions: designed?.decisions,
    diagnostics,
    usable: isUsable(diagnostics),
  }
}
