/** What the page and the worker that holds the machine say to each other. Everything here survives structured cloning. */
import type {
  Diagnostic,
  GoalResult,
  Image,
  Lab,
  PredictionResult,
  ScenarioResult,
} from '../../emulator/lab/index.ts'
import type { L0Event, TriptychRow } from '../../emulator/hypervisor/index.ts'
import type { EncodingFields } from '../../emulator/isa/index.ts'
import type {
  CpuState,
  EditableRegister,
  EventState,
  Stop,
  Walk,
  WatchedRegister,
} from '../../emulator/machine/index.ts'
import type { ExitExplanation } from '../../emulator/svm/index.ts'
import type { LatticeRecord } from '../figures/lattice-data.ts'
import type { StateCacheRecord } from '../figures/state-cache-data.ts'
import type { TlbRecord } from '../figures/tlb-data.ts'
import type { WorldSwitchRecord } from '../figures/world-switch-data.ts'
import type { StateCalls } from './state-protocol.ts'

/** The reader's texts by file name. */
export type Texts = Readonly<Record<string, string>>

/** A lab, as the page embeds it: read and checked when the book was built. */
export interface LabPayload {
  readonly slug: string
  /** Of the reader's records. */
  readonly key: string
  readonly lab: Lab
  readonly start: Texts
  readonly solution: Texts
  /** What the machine runs in place of texts. */
  readonly image?: Image | undefined
}

/** What a build found, for the editors. */
export interface Checked {
  readonly usable: boolean
  readonly diagnostics: readonly Diagnostic[]
  /** Symbols of the program, for completion and hover. */
  readonly symbols: ReadonlyMap<string, bigint>
}

/** One #VMEXIT of the run. */
export interface ExitView {
  /** From 1, forgotten ones included; those that L1 sees are counted by themselves. */
  readonly number: number
  /** Under L0: the processor's exits are L0's, and some of them become exits that L1 sees. */
  readonly nested?: { readonly from: 'L1' | 'L2'; readonly to: 'L0' | 'L1' }
  readonly instructions: number
  readonly vmcb: number
  readonly rip: bigint
  readonly explanation: ExitExplanation
  /** The lab does not say which checks failed, or not yet. */
  readonly isKeptBack: boolean
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
  /** By their numbers. */
  readonly cpus: readonly CpuState[]
  /** The processor whose turn it is, and its state. */
  readonly processor: number
  readonly cpu: CpuState
  /** Source line of the next instruction, where it came from one. */
  readonly line: { readonly file: string; readonly line: number } | undefined
  /** The newest exits, oldest first. */
  readonly exits: readonly ExitView[]
  readonly vmcbs: readonly VmcbImages[]
  readonly console: string
  /** Why the run is over; undefined while it can go on. */
  readonly ending: string | undefined
  /** What made the last run pause: a stop that was met. */
  readonly stop: string | undefined
  readonly goals: readonly GoalResult[]
  /** What became of the lab's questions; empty until the run is over. */
  readonly predictions: readonly PredictionResult[]
  /** In a lab whose program is L1. */
  readonly l0: L0View | undefined
}

/** A run under L0. */
export interface L0View {
  /** Who runs, by processor. */
  readonly worlds: readonly ('L0' | 'L1' | 'L2')[]
  /** Where L0's own VMCBs of each processor lie. */
  readonly vmcbs: readonly { readonly name: string; readonly address: number }[]
  /** The order of a race that happens again in this run, in words. */
  readonly replay: string | undefined
}

/** The three VMCBs; undefined while L1 runs. */
export interface TriptychView {
  readonly rows: readonly TriptychRow[] | undefined
  /** Before the last instruction. */
  readonly previous: readonly TriptychRow[] | undefined
}

/** What the explorer found in a race of the lab. */
export interface RaceView {
  readonly id: string
  readonly title: string
  /** In words, by vCPU: that of number 1 first. */
  readonly stores: readonly (readonly string[])[]
  /** Undefined when L1 does not get to the VMRUN that is raced for. */
  readonly report: RaceSummary | undefined
  /** Undefined where more than two sides race. */
  readonly lattice: LatticeRecord | undefined
}

export interface RaceSummary {
  /** Orders that were tried: one for each class of orders that lead to the same end; and how many at most. */
  readonly tried: number
  readonly most: number
  readonly losing: number
  /** Steps of the longest. */
  readonly longest: number
  readonly isComplete: boolean
  /** Every finding with its shortest order, the shortest of them first. */
  readonly losses: readonly {
    readonly property: string
    readonly field: string
    readonly text: string
    readonly steps: readonly string[]
  }[]
}

/** Labs whose program is L1; scenarios are for others, too. */
export interface NestedCalls {
  /** The newest last. */
  l0Events(): readonly L0Event[]
  triptych(processor: number): Promise<TriptychView>
  races(): Promise<readonly RaceView[]>
  /** Starts the machine over, and what others store in the race happens as in the order that leads to its finding of this number. */
  replayRace(id: string, finding: number): Promise<RunView>
  scenarios(): readonly ScenarioResult[]
}

/** What a reset did: without a view, the texts do not build and the machine is as it was. */
export interface ResetResult {
  readonly checked: Checked
  readonly view: RunView | undefined
}

/** A lab as a multiboot image, or why there is none. */
export type Exported =
  | {
      readonly ok: true
      readonly image: Uint8Array<ArrayBuffer>
      readonly commands: readonly { readonly where: string; readonly command: string }[]
    }
  | { readonly ok: false; readonly message: string }

/** The machine with a saved state, or why it did not take it; then it is as it was. */
export type Restored =
  { readonly ok: true; readonly view: RunView } | { readonly ok: false; readonly message: string }

/** Where the reader wants runs to end. Expressions are numbers, symbols, or sums of both. */
export type ReaderStop =
  | { readonly kind: 'line'; readonly file: string; readonly line: number }
  | { readonly kind: 'address'; readonly address: string }
  /** `name` as in the table of exit codes; without it, any #VMEXIT. */
  | {
      readonly kind: 'exit'
      readonly name?: string | undefined
      /** Under L0: of the processor, which L0 takes, or one that L1 sees; without it, both. */
      readonly to?: 'L0' | 'L1' | undefined
    }
  | { readonly kind: 'exception'; readonly vector?: number | undefined }
  | {
      readonly kind: 'memory'
      readonly address: string
      readonly bytes: number
      readonly access: 'write' | 'read'
    }
  /** A write to a field of the VMCB that lies at `vmcb`. */
  | { readonly kind: 'field'; readonly vmcb: string; readonly field: string }
  | { readonly kind: 'register'; readonly name: WatchedRegister; readonly processor: number }

/** What a reader's stop is in the machine, or why it cannot be. */
export type ResolvedStop =
  { readonly ok: true; readonly stop: Stop } | { readonly ok: false; readonly message: string }

/** How far a run goes, if nothing stops it: its end; the next #VMEXIT; one more goal; past a call or guest run; a line. */
export type Destination = 'end' | 'exit' | 'goal' | 'over' | { readonly file: string; readonly line: number }

export interface RunRequest {
  readonly to: Destination
  /** Instructions per second; without it as fast as it goes. */
  readonly pace?: number | undefined
}

/** Something that happened at a position of the run. */
export interface Mark {
  readonly at: number
  readonly kind: 'vmrun' | 'exit' | 'exception' | 'interrupt' | 'edit'
  readonly processor: number
  readonly label: string
  /** The VMCB, of VMRUNs and exits. */
  readonly vmcb?: number
}

/** The run so far, and what is known of how it goes on: going back forgets nothing. */
export interface Timeline {
  readonly position: number
  /** The farthest position that was reached. */
  readonly extent: number
  /** In order; the oldest may be missing. */
  readonly marks: readonly Mark[]
}

/** What somebody at the controls changes while the machine is paused. It is the start of another future. */
export type Edit =
  | { readonly kind: 'memory'; readonly address: number; readonly bytes: Uint8Array; readonly label: string }
  | {
      readonly kind: 'register'
      readonly name: EditableRegister
      readonly value: bigint
      readonly processor: number
    }
  /** Typed at the serial console. */
  | { readonly kind: 'serial'; readonly text: string }

/** An instruction or data of the program, as memory has it now. */
export interface ListingRow {
  /** Linear, as the program was built. */
  readonly address: bigint
  /** All of an instruction; the first ones of data. */
  readonly bytes: Uint8Array
  readonly length: number
  /** How often it stands there, one after the other, from one source line. */
  readonly times: number
  /** The last of them stands for what a line has beyond the rows that are shown of it. */
  readonly kind: 'instruction' | 'data' | 'reserve' | 'rest'
  /** The source line that it comes from; undefined for code that only memory has. */
  readonly place: { readonly file: string; readonly line: number } | undefined
  /** Labels of this address. */
  readonly labels: readonly string[]
  /** Of instructions: what the bytes mean, "" if they are no instruction, and what each is. */
  readonly text: string
  readonly fields: EncodingFields | undefined
  /** What the build put there, if that was an instruction and other bytes are there now. */
  readonly built: string | undefined
}

/** A stretch of the program. */
export interface Listing {
  /** How many lines of the program there are, and the first and the last + 1 of those shown. */
  readonly total: number
  readonly first: number
  readonly end: number
  readonly rows: readonly ListingRow[]
  /** The address of the next instruction, and its rows if it is none of the program's. */
  readonly next: bigint
  readonly elsewhere: readonly ListingRow[]
}

/** How often instructions were executed, by linear address. */
export interface ExecutionCounts {
  /** The position in the run up to which it was counted. */
  readonly instructions: number
  readonly counts: ReadonlyMap<bigint, number>
}

/** An access that a page walk can be shown of. */
export interface PlacedAccess {
  /** "last store" */
  readonly what: string
  readonly linear: bigint
  readonly access: Walk['access']
  readonly user: boolean
  /** The position in the run at which it was made. */
  readonly at: number
}

/** Whose page walk is wanted: of an access that was, or of one to a number, a symbol or a sum of both; `user`: of CPL 3. */
export type WalkRequest = Pick<PlacedAccess, 'access' | 'user'> & { readonly processor: number } & (
    | { readonly linear: bigint; readonly at: number }
    | { readonly expression: string; readonly at?: undefined }
  )

export type WalkResult =
  { readonly ok: true; readonly walk: Walk } | { readonly ok: false; readonly message: string }

/** What the figures are drawn from. The machine stays as it is. */
export interface FigureCalls {
  walk(request: WalkRequest): WalkResult
  /** Accesses of late, and the one that comes next. */
  recentAccesses(processor: number): readonly PlacedAccess[]
  tlb(processor: number): TlbRecord
  /** The last world switch of a processor; undefined before the first. */
  worldSwitch(processor: number): WorldSwitchRecord | undefined
  /** What a processor keeps of the VMCB at a physical address. */
  stateCache(vmcb: number, processor: number): StateCacheRecord
  pendingEvents(processor: number): EventState
}

/** Hears of a long run several times a second: of the position and the console, or of everything when the run is paced. */
export type Progress = (instructions: number, view: RunView | undefined, console: string) => void

/** The worker's side. Everything but open() and check() needs a reset() before. */
export interface Workbench extends NestedCalls, FigureCalls, StateCalls {
  open(payload: LabPayload): Promise<void>
  /** Builds without touching the machine. */
  check(texts: Texts): Checked
  /** Builds, and starts the machine over when the build is usable. */
  reset(texts: Texts): ResetResult
  /** Runs until the destination, the end, the lab's limit, a stop that was set, or stop(). */
  run(request: RunRequest, progress: Progress): Promise<RunView>
  stop(): void
  /** One instruction, all iterations of one with a REP prefix. */
  step(): RunView
  /** Undoes what step() does. */
  stepBack(): RunView
  /** To the last position before this one at which a run would have stopped, or after a #VMEXIT; else to the start. */
  runBack(to: 'stop' | 'exit'): Promise<RunView>
  /** To a position in the run, back or forward; no stop is met on the way. */
  goTo(instructions: number): RunView
  /** Where runs end from now on, also after the next reset(). Lines and symbols are those of the last build. */
  setStops(stops: readonly ReaderStop[]): readonly ResolvedStop[]
  edit(edit: Edit): RunView
  timeline(): Timeline
  /** From now on, until other texts are built, a lab that reveals after a guess names the checks that fail. */
  reveal(): RunView
  /** The texts as a multiboot image, for the file name `file`. */
  exportImage(texts: Texts, file: string): Exported
  /** The machine's state, without its past. */
  saveState(): Uint8Array<ArrayBuffer>
  restoreState(state: Uint8Array): Restored
  /** Lines of the program from index `first` on, or around the next instruction. */
  listing(first: number | undefined, length: number): Listing
  /** Repeats the run from its start and counts. It takes as long as the run takes with every instruction evaluated. */
  countExecutions(progress: Progress): Promise<ExecutionCounts>
  /** The position of the first instruction after which memory had the bytes that it has now; undefined if it always had. */
  whenWritten(address: number, length: number): Promise<number | undefined>
  /** Equal for machines that a guest could not tell apart. */
  digest(): string
}

/** The worker's side as the page sees it: every answer comes later. */
export type RemoteWorkbench = {
  readonly [K in keyof Workbench]: (
    ...args: Parameters<Workbench[K]>
  ) => Promise<Awaited<ReturnType<Workbench[K]>>>
}
