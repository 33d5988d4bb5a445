/** What the page and the worker that holds the machine say to each other. Everything here survives structured cloning. */
import type { Diagnostic, GoalResult, Lab } from '../../emulator/lab/index.ts'
import type { CpuState } from '../../emulator/machine/index.ts'
import type { ExitExplanation } from '../../emulator/svm/index.ts'

/** A lab's folder, as the page embeds it. */
export interface LabPayload {
  readonly slug: string
  readonly files: Readonly<Record<string, string>>
}

/** The reader's texts by file name. */
export type Texts = Readonly<Record<string, string>>

export type Opened =
  | { readonly ok: true; readonly lab: Lab; readonly start: Texts; readonly solution: Texts }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] }

/** What a build found, for the editors. */
export interface Checked {
  readonly usable: boolean
  readonly diagnostics: readonly Diagnostic[]
  /** Symbols of the program, for completion and hover. */
  readonly symbols: ReadonlyMap<string, bigint>
}

/** One #VMEXIT of the run. */
export interface ExitView {
  readonly instructions: number
  readonly vmcb: number
  readonly rip: bigint
  readonly explanation: ExitExplanation
}

/** A VMCB as it lies in memory, beside the image that its text gave. */
export interface VmcbView {
  readonly name: string
  readonly address: number
  readonly image: Uint8Array
  readonly initial: Uint8Array
}

/** The machine and the run, as the panels show them. */
export interface RunView {
  readonly instructions: number
  readonly cpu: CpuState
  /** Source line of the next instruction, where it came from one. */
  readonly line: { readonly file: string; readonly line: number } | undefined
  readonly exits: readonly ExitView[]
  /** Events that the bounded log has forgotten. */
  readonly forgotten: number
  readonly vmcbs: readonly VmcbView[]
  readonly console: string
  /** Why the run is over; undefined while it can go on. */
  readonly ending: string | undefined
  readonly goals: readonly GoalResult[]
}

/** The worker's side. Every call that needs a machine first builds the texts given to reset(). */
export interface Workbench {
  open(payload: LabPayload): Opened
  /** Builds without touching the machine. */
  check(texts: Texts): Checked
  /** Builds, and starts the machine over when the build is usable. */
  reset(texts: Texts): { readonly checked: Checked; readonly view: RunView | undefined }
  /** Runs until the end, the lab's limit or stop(). `progress` hears of long runs several times a second. */
  run(progress: (instructions: number) => void): Promise<RunView>
  stop(): void
  step(): RunView
  /** To an instruction count, back or forward. */
  goTo(instructions: number): RunView
  digest(): string
}
