/** The state of one lab and what the reader can do with it. It knows no DOM: the panels read its signals. */
import { batch, computed, effect, signal, untracked, type ReadonlySignal } from '@preact/signals'
import type { Diagnostic } from '../../emulator/lab/index.ts'
import type { Claim } from '../reader/claim.ts'
import type { ReaderStore } from '../reader/store.ts'
import * as text from '../strings.ts'
import { ClosedError, type Client } from './client.ts'
import { Exercise } from './exercise.ts'
import { isMachineFree, leaveMachine, takeMachine, type MachineOwner } from './live-machine.ts'
import type { Checked, Edit, Exported, LabPayload, RunRequest, RunView, Texts } from './protocol.ts'
import { ReaderStops } from './reader-stops.ts'
import { rememberPanels } from './remembered.ts'
import type { Settings } from './settings.ts'
import type { SharedResult } from './shared-lab.ts'
import { goToShared, sharedTexts, showPanels } from './sharing.ts'
import { isSpeed } from './speeds.ts'
import { sameTexts, Work } from './work.ts'

/** The machine's side: being loaded, at rest, at work for some time, or gone. */
export type Activity = 'opening' | 'idle' | 'running' | 'crashed'

/** A place in a text, counted from 1. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column?: number
}

/** A place to show. */
export interface Target extends Place {
  /** What goes there: the view of the text alone; the cursor; the cursor and the focus, because the reader wants to go on there. */
  readonly moves: 'view' | 'cursor' | 'focus'
}

/** What takes less is not shown to be going on: buttons would flicker at every step. Milliseconds. */
const WORTH_SHOWING = 60

/** Milliseconds after the last keystroke until the texts are checked. */
const CHECK_DELAY = 150

export interface LabStoreOptions {
  readonly payload: LabPayload
  readonly connect: () => Client
  readonly storage: () => Promise<ReaderStore>
  /** The reader asked to ignore saved work. */
  readonly fresh: boolean
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly settings: Settings
  readonly claim: Claim
  /** Called when something has been saved that is to stay. */
  readonly onSaved?: () => void
  /** What the page's address brings. */
  readonly shared?: () => Promise<SharedResult | undefined>
}

const NO_SYMBOLS: ReadonlyMap<string, bigint> = new Map()

export class LabStore implements MachineOwner {
  readonly activity = signal<Activity>('opening')
  /** A command is being carried out, though it may be over before that is worth showing. */
  readonly isBusy = signal(false)
  /** What a crash said. */
  readonly failure = signal('')
  readonly opened = signal<LabPayload | undefined>(undefined)
  readonly work: Work
  readonly exercise: Exercise
  readonly stops = new ReaderStops(() => this.#stopsChanged())
  /** Instructions per second of runs; undefined for as fast as it goes. */
  readonly pace = signal<number | undefined>(undefined)
  readonly activeFile = signal('')
  /** The panel in front; undefined for the lab's first. */
  readonly panel = signal<string | undefined>(undefined)
  /** Panels that the reader has opened besides the lab's. */
  readonly morePanels = signal<readonly string[]>([])
  /** Where the reader is in the active file, counted from 1. */
  readonly cursor = signal({ line: 1, column: 1 })
  /** Where the editor should go; a new object each time. */
  readonly target = signal<Target | undefined>(undefined)
  readonly diagnostics = signal<readonly Diagnostic[]>([])
  readonly symbols = signal<ReadonlyMap<string, bigint>>(NO_SYMBOLS)
  readonly view = signal<RunView | undefined>(undefined)
  /** The view before, for marking what the last command changed; absent after a reset. */
  readonly previous = signal<RunView | undefined>(undefined)
  /** Instructions so far, told during a long run. */
  readonly progress = signal<number | undefined>(undefined)
  /** What the program wrote so far. */
  readonly console = signal('')
  /** For the live region. */
  readonly announcement = signal('')
  readonly hintsShown = signal(0)
  /** The reader writes an error report. */
  readonly isReporting = signal(false)
  /** Why the link in the address could not be followed. */
  readonly linkProblem = signal('')

  readonly #options: LabStoreOptions
  #client: Client | undefined
  #checkTimer: ReturnType<typeof setTimeout> | undefined
  /** The texts that the machine was started with. */
  readonly #built = signal<Texts | undefined>(undefined)

  /** The texts are not those that the machine runs. */
  readonly isStale: ReadonlySignal<boolean> = computed(() => {
    const built = this.#built.value
    return built !== undefined && !sameTexts(this.work.texts.value, built)
  })
  readonly errors = computed(() => this.diagnostics.value.filter(({ severity }) => severity === 'error'))
  /** The machine is at rest and runs the texts as they stand. */
  readonly canTravel = computed(
    () => this.activity.value === 'idle' && this.#built.value !== undefined && !this.isStale.value,
  )
  readonly isActiveFileEditable = computed(
    () =>
      this.opened.value?.lab.files.some(
        ({ name, editable }) => editable && name === this.activeFile.value,
      ) === true,
  )
  readonly canStepBack = computed(() => this.canTravel.value && (this.view.value?.instructions ?? 0) > 0)
  readonly #key: string
  readonly #stopFollowing: () => void
  readonly #stopRemembering: () => void
  /** The newest position that the reader wants to see. */
  #wanted: number | undefined

  constructor(options: LabStoreOptions) {
    this.#options = options
    const { payload, settings, now } = options
    this.#key = payload.key
    this.work = new Work({ ...options, key: this.#key })
    this.exercise = new Exercise(this.#key, now, (keeping) => (this.work.keepingRest.value = keeping))
    const pace = settings.read('pace')
    if (isSpeed(pace)) this.pace.value = pace
    this.#stopFollowing = this.#followTexts()
    this.#stopRemembering = rememberPanels(this)
  }

  /** Breakpoints go with their lines, whoever changes the texts. */
  #followTexts(): () => void {
    let before: Texts = {}
    return effect(() => {
      const texts = this.work.texts.value
      untracked(() => {
        for (const [name, text] of Object.entries(texts))
          if (before[name] !== undefined && before[name] !== text) this.stops.follow(name, before[name], text)
      })
      before = texts
    })
  }

  /** Opens the lab with the reader's work; the machine begins with it too, unless another lab is at work. */
  async open(): Promise<void> {
    const storage = this.#options.storage()
    const client = this.#options.connect()
    this.#client = client
    try {
      const opened = this.#options.payload
      await client.open(opened)
      const link = await this.#options.shared?.()
      const shared = link?.ok === true ? link.shared : undefined
      await this.work.open(opened, await storage, shared && sharedTexts(opened, shared, 'link'))
      await this.exercise.open(opened.lab, await storage)
      batch(() => {
        this.opened.value = opened
        this.activeFile.value =
          (opened.lab.files.find(({ editable }) => editable) ?? opened.lab.files.at(0))?.name ?? ''
      })
      if (link?.ok === false) this.linkProblem.value = link.message
      this.stops.restore(this.#options.settings.read(`stops:${this.#key}`))
      if (shared !== undefined) this.stops.lend(shared.stops)
      showPanels(this, shared)
      if (isMachineFree()) {
        await this.#reset()
      } else {
        this.#note(await client.check(this.work.texts.value))
        this.release()
      }
      this.activity.value = 'idle'
      if (shared !== undefined) await goToShared(this, shared)
    } catch (error) {
      this.#caught(error)
    }
  }

  /** The worker, started and opened if need be, and taken from the lab that had one. */
  async #machine(): Promise<Client> {
    takeMachine(this)
    if (this.#client === undefined) {
      const client = this.#options.connect()
      this.#client = client
      await client.open(this.#options.payload)
    }
    return this.#client
  }

  get isExpendable(): boolean {
    return this.activity.value === 'idle' && !this.isBusy.value && (this.view.value?.instructions ?? 0) === 0
  }

  /** Tells the editors what a build found. */
  #note({ diagnostics, symbols }: Checked): void {
    batch(() => {
      this.diagnostics.value = diagnostics
      this.symbols.value = symbols
    })
  }

  release(): void {
    // A check that is due would take the machine back from the lab that has just got it.
    clearTimeout(this.#checkTimer)
    this.#client?.close()
    this.#client = undefined
    this.#built.value = undefined
    // Taken by another lab, also while this one opened: the next command takes it back.
    if (this.opened.value !== undefined && this.activity.value !== 'crashed') this.activity.value = 'idle'
  }

  /** For an element that leaves the page. */
  dispose(): void {
    this.#stopFollowing()
    this.#stopRemembering()
    this.work.dispose()
    this.release()
    leaveMachine(this)
  }

  #give(activity: Activity, failure: string): void {
    batch(() => {
      this.activity.value = activity
      this.failure.value = failure
      this.announce(failure)
    })
  }

  /** Every failure of a call ends here: a released machine is no failure, anything else offers a restart. */
  #caught(error: unknown): void {
    if (error instanceof ClosedError) return
    const message = error instanceof Error ? error.message : String(error)
    this.release()
    leaveMachine(this)
    this.#give('crashed', message)
  }

  /** Starts a new worker after a crash; the texts are kept. */
  async restart(): Promise<void> {
    this.failure.value = ''
    if (this.opened.value === undefined) {
      this.activity.value = 'opening'
      return this.open()
    }
    this.activity.value = 'idle'
    return this.reset()
  }

  /** The reader typed. */
  edit(name: string, text: string): void {
    if (this.work.edit(name, text)) this.#scheduleCheck()
  }

  #scheduleCheck(): void {
    clearTimeout(this.#checkTimer)
    this.#checkTimer = setTimeout(() => void this.#check(), CHECK_DELAY)
  }

  /** Saves, and tells the editors what is wrong. A machine that has not begun to run starts over with the new texts at once. */
  async #check(): Promise<void> {
    // A page that is left may be gone before the browser has stored anything.
    void this.work.save()
    if (this.isBusy.value) {
      this.#scheduleCheck()
      return
    }
    if (this.activity.value !== 'idle') return
    try {
      if ((this.view.value?.instructions ?? 0) === 0) {
        await this.#reset()
      } else {
        const texts = this.work.texts.value
        const checked = await (await this.#machine()).check(texts)
        if (texts === this.work.texts.value) this.#note(checked)
      }
    } catch (error) {
      this.#caught(error)
    }
  }

  /** Builds the texts and starts the machine over. False when they have errors: then nothing runs. */
  async #reset(): Promise<boolean> {
    const texts = this.work.texts.value
    const { checked, view } = await (await this.#machine()).reset(texts)
    batch(() => {
      this.#note(checked)
      if (view === undefined) return
      this.#built.value = texts
      this.#show(view)
      this.previous.value = undefined
    })
    if (view !== undefined) await this.#tellStops()
    return view !== undefined
  }

  #stopsChanged(): void {
    this.#options.settings.write(`stops:${this.#key}`, this.stops.own())
    void this.#tellStops()
  }

  /** The machine learns where runs end; the reader, where each stop came to lie. Edited texts have to be built before that. */
  async #tellStops(): Promise<void> {
    const client = this.#client
    if (client === undefined || this.#built.value === undefined || this.isStale.value) return
    try {
      this.stops.noteResolved(await client.setStops(this.stops.enabled.value))
    } catch (error) {
      this.#caught(error)
    }
  }

  /** A machine that holds the texts as they stand; undefined when they have errors. */
  async #ready(): Promise<Client | undefined> {
    clearTimeout(this.#checkTimer)
    void this.work.save()
    const isOver = this.view.value?.ending !== undefined
    const mustReset =
      this.#client === undefined || this.#built.value === undefined || this.isStale.value || isOver
    if (mustReset && !(await this.#reset())) {
      const [first] = this.errors.value
      if (first !== undefined) this.goToLine(first.file, first.line)
      this.announce(
        text.nothingRuns(this.errors.value.length, first?.file ?? '', first?.line ?? 1, first?.message ?? ''),
      )
      return undefined
    }
    return this.#machine()
  }

  /** Does something that leads to a new view; `prepare` gives the machine for it, or undefined where it cannot. */
  async #act(
    prepare: () => Promise<Client | undefined>,
    action: (client: Client) => Promise<RunView>,
  ): Promise<void> {
    if (this.activity.value !== 'idle' || this.isBusy.value) return
    const end = this.#begin()
    try {
      const client = await prepare()
      if (client === undefined) return
      const wasOver = this.view.value?.ending !== undefined
      const view = await action(client)
      if (view.ending !== undefined && !wasOver) this.exercise.noteEnd(view)
      batch(() => {
        this.#show(view)
        this.#follow(view)
        this.announce(describeStop(view))
      })
    } catch (error) {
      this.#caught(error)
    } finally {
      end()
    }
  }

  /** The machine is at work, and shown to be if it takes long. Returns what ends that. */
  #begin(): () => void {
    this.isBusy.value = true
    const timer = setTimeout(() => (this.activity.value = 'running'), WORTH_SHOWING)
    return () => {
      clearTimeout(timer)
      batch(() => {
        this.isBusy.value = false
        this.progress.value = undefined
        // A crash has set it to something else by now.
        if (this.activity.value === 'running') this.activity.value = 'idle'
      })
    }
  }

  /** Tells a screen reader something. The same words as before are told again: a space more makes them another text. */
  announce(message: string): void {
    this.announcement.value = message === this.announcement.value ? `${message}\u00a0` : message
  }

  #show(view: RunView): void {
    this.previous.value = this.view.value
    this.view.value = view
    this.console.value = view.console
  }

  /** Shows the current line. A run that is over leaves the reader in the text that led to it. */
  #follow({ line, ending }: RunView): void {
    if (line === undefined) return
    if (ending === undefined || line.file === this.activeFile.value) this.show({ ...line, moves: 'view' })
  }

  /** Instructions per second from the next run on; undefined for as fast as it goes. */
  setPace(pace: number | undefined): void {
    this.pace.value = pace
    this.#options.settings.write('pace', pace ?? null)
  }

  run(to: RunRequest['to'] = 'end'): Promise<void> {
    const pace = this.pace.value
    return this.#act(
      () => this.#ready(),
      (client) =>
        client.run({ to, pace }, (instructions, view, console) => {
          batch(() => {
            this.progress.value = instructions
            this.console.value = console
            if (view === undefined) return
            this.#show(view)
            this.#follow(view)
          })
        }),
    )
  }

  step(): Promise<void> {
    return this.#act(
      () => this.#ready(),
      (client) => client.step(),
    )
  }

  /** Goes back, or to another position. Unlike #ready(), it does not start a run over that has ended. */
  async #travel(action: (client: Client) => Promise<RunView>): Promise<void> {
    if (!this.canTravel.value) return
    await this.#act(() => this.#machine(), action)
  }

  async stepBack(): Promise<void> {
    if (this.canStepBack.value) await this.#travel((client) => client.stepBack())
  }

  async runBack(to: 'stop' | 'exit'): Promise<void> {
    if (this.canStepBack.value) await this.#travel((client) => client.runBack(to))
  }

  /** To a position in the run. While the machine is on its way, only the newest wish is remembered: a reader drags faster. */
  async goTo(instructions: number): Promise<void> {
    const isOnItsWay = this.#wanted !== undefined
    this.#wanted = instructions
    if (isOnItsWay) return
    let reached: number | undefined
    while (reached !== this.#wanted) {
      const to = this.#wanted
      await this.#travel((client) => client.goTo(to))
      reached = to
    }
    this.#wanted = undefined
  }

  /** Changes the paused machine; the run goes on from there as another one. */
  change(edit: Edit): Promise<void> {
    return this.#travel((client) => client.edit(edit))
  }

  async reset(): Promise<void> {
    if (this.activity.value !== 'idle' || this.isBusy.value) return
    void this.work.save()
    try {
      if (await this.#reset()) this.announce(text.machineIsAtStart)
      else this.announce(text.notReset(this.errors.value.length))
    } catch (error) {
      this.#caught(error)
    }
  }

  /** The machine's state; undefined where no machine is at rest with the texts as they stand. */
  async saveState(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.canTravel.value ? this.ask((client) => client.saveState()) : undefined
  }

  /** Goes on from a state of a machine like this one with the same texts. Returns why it cannot; undefined once it has. */
  async restoreState(state: Uint8Array): Promise<string | undefined> {
    let problem: string | undefined = text.textsDoNotBuild
    await this.#act(
      () => this.#ready(),
      async (client) => {
        const restored = await client.restoreState(state)
        problem = restored.ok ? undefined : restored.message
        return restored.ok ? restored.view : this.view.value!
      },
    )
    return problem
  }

  /** Ends what the machine is at, or starts it over after a crash; resolves when that is done. */
  async rest(): Promise<void> {
    if (this.activity.value === 'crashed') await this.restart()
    if (this.isBusy.value) this.stop()
    await new Promise<void>((resolve) => {
      const end = effect(() => {
        if (this.activity.value === 'opening' || this.isBusy.value) return
        resolve()
        queueMicrotask(() => end())
      })
    })
  }

  stop(): void {
    this.#client?.stop().catch((error: unknown) => this.#caught(error))
  }

  /** Asks the machine at rest something; undefined where there is none that holds a build. */
  async ask<T>(question: (client: Client) => Promise<T>): Promise<T | undefined> {
    const client = this.#client
    if (client === undefined || this.#built.value === undefined || this.activity.value !== 'idle')
      return undefined
    try {
      return await question(client)
    } catch (error) {
      this.#caught(error)
      return undefined
    }
  }

  /** Asks the machine something that takes a while: the reader sees how far it has come, and Stop ends it. */
  async study<T>(
    question: (client: Client, progress: (instructions: number) => void) => Promise<T>,
  ): Promise<T | undefined> {
    if (!this.canTravel.value || this.isBusy.value) return undefined
    const end = this.#begin()
    try {
      return await question(await this.#machine(), (instructions) => (this.progress.value = instructions))
    } catch (error) {
      this.#caught(error)
      return undefined
    } finally {
      end()
    }
  }

  /** Starts the machine over, and others store in the race as in the order of its finding of this number. */
  async replayRace(id: string, finding: number): Promise<void> {
    const view = await this.ask((client) => client.replayRace(id, finding))
    if (view === undefined) return
    batch(() => {
      this.previous.value = undefined
      this.view.value = view
      this.announce(text.raceHappensAgain(view.l0?.replay ?? ''))
    })
  }

  goToLine(file: string, line: number, takesFocus = false): void {
    this.show({ file, line, moves: takesFocus ? 'focus' : 'cursor' })
  }

  /** Shows a place in a text; files that are not the lab's are left out. */
  show(target: Target): void {
    if (!(target.file in this.work.texts.value)) return
    batch(() => {
      this.activeFile.value = target.file
      this.target.value = target
    })
  }

  /** Shows where the name at the cursor is defined, or says that the lab's texts do not define it. */
  async goToDefinition(): Promise<void> {
    const { definitionAt } = await import('./editors/definitions.ts')
    const place = definitionAt(this.work.texts.value, { file: this.activeFile.value, ...this.cursor.value })
    if (place === undefined) this.announce(text.notDefinedHere)
    else this.show({ ...place, moves: 'focus' })
  }

  /** Puts the text of the active file into columns. */
  async format(): Promise<void> {
    const { formatText } = await import('./editors/formatter.ts')
    const name = this.activeFile.value
    this.edit(name, formatText(name, this.work.texts.value[name]))
  }

  /** Replaces a whole text by one that the reader asked for but did not write; what stands is put aside. */
  replace(name: string, text: string): void {
    this.work.replace(name, text)
    this.#scheduleCheck()
  }

  /** What the reader chose in this lab under a name, at whatever visit. It is untrusted. */
  recall(name: string): unknown {
    return this.#options.settings.read(`${name}:${this.#options.payload.slug}`)
  }

  remember(name: string, choice: unknown): void {
    this.#options.settings.write(`${name}:${this.#options.payload.slug}`, choice)
  }

  /** Puts the texts of the start back. */
  startOver(): void {
    this.work.startOver()
    this.#scheduleCheck()
  }

  /** Brings back what was put aside, the stops that a link took the place of, too. */
  restore(version = 0): void {
    this.work.restore(version)
    this.announce(text.textsAreBack)
    this.stops.giveBack()
    this.#scheduleCheck()
  }

  /** The checks that failed are named from now on, until other texts are built. False where no machine holds the build any more. */
  async reveal(): Promise<boolean> {
    const view = await this.ask((client) => client.reveal())
    if (view !== undefined) this.view.value = view
    return view !== undefined
  }

  /** The texts as a multiboot image. */
  async exportImage(file: string): Promise<Exported | undefined> {
    try {
      return await (await this.#machine()).exportImage(this.work.texts.value, file)
    } catch (error) {
      this.#caught(error)
      return undefined
    }
  }

  openPanel(id: string): void {
    batch(() => {
      this.morePanels.value = [...this.morePanels.value.filter((other) => other !== id), id]
      this.panel.value = id
    })
  }

  showHint(): void {
    const hints = this.opened.value?.lab.hints.length ?? 0
    this.hintsShown.value = Math.min(hints, this.hintsShown.value + 1)
    this.exercise.noteHints(this.hintsShown.value)
  }
}

/** What a run or step came to, in a sentence or two. */
export function describeStop(view: RunView): string {
  const last = view.exits.at(-1)
  const exit = last === undefined ? '' : ` ${text.lastExit(last.explanation.name)}`
  const met = view.goals.filter((goal) => goal.met).length
  if (view.ending === undefined) {
    const why = view.stop === undefined ? '' : ` ${text.stoppedBy(view.stop)}`
    return `${text.stoppedAtInstruction(view.instructions)}${why}${exit}`
  }
  const ending = view.ending[0].toUpperCase() + view.ending.slice(1)
  const goals = view.goals.length === 0 ? '' : ` ${text.goalsAreMet(met, view.goals.length)}`
  return `${ending}.${exit}${goals}`
}
