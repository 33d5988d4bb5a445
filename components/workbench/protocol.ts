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

export interface OpenedLab {
  readonly ok: true
  readonly lab: Lab
  readonly start: Texts
  readonly solution: Texts
}

export type Opened = OpenedLab | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] }

/** What a build found, for the editors. */
export interface Checked {
  readonly usable: boolean
  readonly diagnostics: readonly Diagnostic[]
  /** Symbols of the program, for completion and hover. */
  readonly symbols: ReadonlyMap<string, bigint>
}

/** One #VMEXIT of the run. */
export interface ExitView {
  /** From 1, forgotten ones included. */
  readonly number: number
  readonly instructions: number
  readonly vmcb: number
  readonly rip: bigint
  readonly explanation: ExitExplanation
  /** The groups of fields that the VMRUN before it took from the state cache, as the manual names their clean bits. */
  readonly fromCache: readonly string[]
}

/** A VMCB as it lies in memory, beside the image that its text gave. */
export interface VmcbImages {
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
  /** The newest exits, oldest first. */
  readonly exits: readonly ExitView[]
  readonly vmcbs: readonly VmcbImages[]
  readonly console: string
  /** Why the run is over; undefined while it can go on. */
  readonly ending: string | undefined
  readonly goals: readonly GoalResult[]
}

/** What a reset did: without a view, the texts do not build and the machine is as it was. */
export interface ResetResult {
  readonly checked: Checked
  readonly view: RunView | undefined
}

/** A stretch of physical memory, or why there is none. */
export type MemoryView =
  | { readonly ok: true; readonly address: number; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly message: string }

/** The worker's side. Running, stepping and looking need a reset() before. */
export interface Workbench {
  open(payload: LabPayload): Opened
  /** Builds without touching the machine. */
  check(texts: Texts): Checked
  /** Builds, and starts the machine over when the build is usable. */
  reset(texts: Texts): ResetResult
  /** Runs until the end, the lab's limit or stop(). `progress` hears of long runs several times a second. */
  run(progress: (instructions: number) => void): Promise<RunView>
  stop(): void
  /** One instruction, all iterations of one with a REP prefix. */
  step(): RunView
  /** Undoes what step() does. */
  stepBack(): RunView
  /** `length` bytes from the physical address that `expression` gives: a number, a symbol, or a sum of both. */
  memory(expression: string, length: number): MemoryView
  /** Equal for machines that a guest could not tell apart. */
  digest(): string
}

/** The worker's side as the page sees it: every answer comes later. */
export type RemoteWorkbench = {
  readonly [K in keyof Workbench]: (
    ...args: Parameters<Workbench[K]>
  ) => Promise<Awaited<ReturnType<Workbench[K]>>>
}
