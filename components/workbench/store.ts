/** The state of one lab and what the reader can do with it. It knows no DOM: the panels read its signals. */
import { batch, computed, signal, type ReadonlySignal } from '@preact/signals'
import type { Diagnostic } from '../../emulator/lab/index.ts'
import { ClosedError, type Client } from './client.ts'
import { count, plural } from './format.ts'
import { isMachineFree, leaveMachine, takeMachine, type MachineOwner } from './live-machine.ts'
import type { Checked, LabPayload, OpenedLab, RunView, Texts } from './protocol.ts'
import { parseSavedWork, savedWorkKey, type SavedWorkStore } from './saved-work.ts'

/** The machine's side: being loaded, at rest, at work, or gone. */
export type Activity = 'opening' | 'idle' | 'running' | 'crashed' | 'unusable'

/** Where the texts come from, as far as the reader should be told. */
export type Origin =
  | { readonly kind: 'start' }
  | { readonly kind: 'saved'; readonly savedAt: number }
  | { readonly kind: 'unreadable' }
  | { readonly kind: 'fresh' }
  | { readonly kind: 'started-over' }

/** A line to show. */
export interface Target {
  readonly file: string
  readonly line: number
  /** The reader chose it, and is to go on there. */
  readonly takesFocus: boolean
}

/** Milliseconds after the last keystroke until the texts are checked. */
const CHECK_DELAY = 150

export interface LabStoreOptions {
  readonly payload: LabPayload
  readonly connect: () => Client
  readonly storage: () => Promise<SavedWorkStore>
  /** The reader asked to ignore saved work. */
  readonly fresh: boolean
  /** Milliseconds since 1970. */
  readonly now: () => number
}

function sameTexts(a: Texts, b: Texts): boolean {
  return Object.keys(a).every((name) => a[name] === b[name])
}

const NO_SYMBOLS: ReadonlyMap<string, bigint> = new Map()

export class LabStore implements MachineOwner {
  readonly activity = signal<Activity>('opening')
  /** What a crash or an unusable lab said. */
  readonly failure = signal('')
  readonly opened = signal<OpenedLab | undefined>(undefined)
  readonly texts = signal<Texts>({})
  readonly activeFile = signal('')
  /** Where the editor should go; a new object each time. */
  readonly target = signal<Target | undefined>(undefined)
  readonly diagnostics = signal<readonly Diagnostic[]>([])
  readonly symbols = signal<ReadonlyMap<string, bigint>>(NO_SYMBOLS)
  readonly view = signal<RunView | undefined>(undefined)
  /** The view before, for marking what the last command changed; absent after a reset. */
  readonly previous = signal<RunView | undefined>(undefined)
  /** Instructions so far, told during a long run. */
  readonly progress = signal<number | undefined>(undefined)
  /** For the live region. */
  readonly announcement = signal('')
  readonly hintsShown = signal(0)
  readonly origin = signal<Origin>({ kind: 'start' })
  readonly isStorageLasting = signal(true)
  /** Texts that "start over" replaced. */
  readonly earlier = signal<Texts | undefined>(undefined)

  readonly #options: LabStoreOptions
  readonly #key: string
  #client: Client | undefined
  #storage: SavedWorkStore | undefined
  #saved: Texts | undefined
  #checkTimer: ReturnType<typeof setTimeout> | undefined
  /** The texts that the machine was started with. */
  readonly #built = signal<Texts | undefined>(undefined)

  /** The texts are not those that the machine runs. */
  readonly isStale: ReadonlySignal<boolean> = computed(() => {
    const built = this.#built.value
    return built !== undefined && !sameTexts(this.texts.value, built)
  })
  readonly errors = computed(() => this.diagnostics.value.filter(({ severity }) => severity === 'error'))
  readonly canStepBack = computed(
    () =>
      this.activity.value === 'idle' &&
      this.#built.value !== undefined &&
      !this.isStale.value &&
      (this.view.value?.instructions ?? 0) > 0,
  )
  readonly isAtStart = computed(() => {
    const start = this.opened.value?.start
    return start === undefined || sameTexts(this.texts.value, start)
  })

  constructor(options: LabStoreOptions) {
    this.#options = options
    this.#key = savedWorkKey(options.payload)
  }

  /** Opens the lab with the reader's work; the machine begins with it too, unless another lab is at work. */
  async open(): Promise<void> {
    const storage = this.#options.storage()
    const client = this.#options.connect()
    this.#client = client
    try {
      const opened = await client.open(this.#options.payload)
      if (!opened.ok) {
        this.#give('unusable', opened.diagnostics.map((d) => `${d.file}:${d.line}: ${d.message}`).join('\n'))
        this.release()
        return
      }
      this.#storage = await storage
      const { texts, origin, earlier } = await this.#restored(opened)
      batch(() => {
        this.opened.value = opened
        this.activeFile.value =
          opened.lab.files.find(({ editable }) => editable)?.name ?? opened.lab.files[0].name
        this.texts.value = texts
        this.origin.value = origin
        this.earlier.value = earlier
        this.isStorageLasting.value = this.#storage!.isLasting
      })
      if (isMachineFree()) {
        await this.#reset()
      } else {
        this.#note(await client.check(texts))
        this.release()
      }
      this.activity.value = 'idle'
    } catch (error) {
      this.#caught(error)
    }
  }

  async #restored({
    start,
  }: OpenedLab): Promise<{ texts: Texts; origin: Origin; earlier: Texts | undefined }> {
    let stored: unknown
    try {
      stored = await this.#storage!.load(this.#key)
    } catch {
      stored = 'unreadable'
    }
    const fromStart = (kind: 'start' | 'unreadable' | 'fresh', earlier?: Texts) => ({
      texts: start,
      origin: { kind },
      earlier,
    })
    if (stored === undefined) return fromStart('start')
    const saved = parseSavedWork(stored, Object.keys(start))
    if (saved === undefined) return fromStart('unreadable')
    this.#saved = saved.texts
    if (sameTexts(saved.texts, start)) return fromStart('start', saved.earlier)
    if (this.#options.fresh) return fromStart('fresh', saved.texts)
    return { texts: saved.texts, origin: { kind: 'saved', savedAt: saved.savedAt }, earlier: saved.earlier }
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
    return this.activity.value !== 'running' && (this.view.value?.instructions ?? 0) === 0
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
    if (this.activity.value === 'running') this.activity.value = 'idle'
  }

  /** For an element that leaves the page. */
  dispose(): void {
    this.release()
    leaveMachine(this)
  }

  #give(activity: Activity, failure: string): void {
    batch(() => {
      this.activity.value = activity
      this.failure.value = failure
      this.announcement.value = failure
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
    if (this.texts.value[name] === text) return
    this.texts.value = { ...this.texts.value, [name]: text }
    this.#scheduleCheck()
  }

  #scheduleCheck(): void {
    clearTimeout(this.#checkTimer)
    this.#checkTimer = setTimeout(() => void this.#check(), CHECK_DELAY)
  }

  /** Tells the editors what is wrong. A machine that has not begun to run starts over with the new texts at once. */
  async #check(): Promise<void> {
    if (this.activity.value === 'running') {
      this.#scheduleCheck()
      return
    }
    if (this.activity.value !== 'idle') return
    try {
      if ((this.view.value?.instructions ?? 0) === 0) {
        await this.#reset()
      } else {
        const texts = this.texts.value
        const checked = await (await this.#machine()).check(texts)
        if (texts === this.texts.value) this.#note(checked)
      }
    } catch (error) {
      this.#caught(error)
    }
  }

  /** Builds the texts and starts the machine over. False when they have errors: then nothing runs. */
  async #reset(): Promise<boolean> {
    const texts = this.texts.value
    const { checked, view } = await (await this.#machine()).reset(texts)
    batch(() => {
      this.#note(checked)
      if (view === undefined) return
      this.#built.value = texts
      this.previous.value = undefined
      this.view.value = view
    })
    return view !== undefined
  }

  /** A machine that holds the texts as they stand; undefined when they have errors. */
  async #ready(): Promise<Client | undefined> {
    clearTimeout(this.#checkTimer)
    void this.save()
    const isOver = this.view.value?.ending !== undefined
    const mustReset =
      this.#client === undefined || this.#built.value === undefined || this.isStale.value || isOver
    if (mustReset && !(await this.#reset())) {
      const [first] = this.errors.value
      if (first !== undefined) this.goToLine(first.file, first.line)
      this.announcement.value = `Nothing runs: ${plural(this.errors.value.length, 'error')}. ${first?.file ?? ''} line ${first?.line ?? 1}: ${first?.message ?? ''}`
      return undefined
    }
    return this.#machine()
  }

  /** Does something that leads to a new view; `prepare` gives the machine for it, or undefined where it cannot. */
  async #act(
    prepare: () => Promise<Client | undefined>,
    action: (client: Client) => Promise<RunView>,
  ): Promise<void> {
    if (this.activity.value !== 'idle') return
    this.activity.value = 'running'
    try {
      const client = await prepare()
      if (client === undefined) return
      const before = this.view.value
      const view = await action(client)
      batch(() => {
        this.previous.value = before
        this.view.value = view
        this.#follow(view)
        this.announcement.value = describeStop(view)
      })
    } catch (error) {
      this.#caught(error)
    } finally {
      batch(() => {
        this.progress.value = undefined
        // A crash has set it to something else by now.
        if (this.activity.value === 'running') this.activity.value = 'idle'
      })
    }
  }

  /** Shows the current line. A run that is over leaves the reader in the text that led to it. */
  #follow({ line, ending }: RunView): void {
    if (line === undefined) return
    if (ending === undefined || line.file === this.activeFile.value) this.goToLine(line.file, line.line)
  }

  run(): Promise<void> {
    return this.#act(
      () => this.#ready(),
      (client) => client.run((instructions) => (this.progress.value = instructions)),
    )
  }

  step(): Promise<void> {
    return this.#act(
      () => this.#ready(),
      (client) => client.step(),
    )
  }

  async stepBack(): Promise<void> {
    if (!this.canStepBack.value) return
    // Not #ready(), which would start a run over that has ended.
    await this.#act(
      () => this.#machine(),
      (client) => client.stepBack(),
    )
  }

  async reset(): Promise<void> {
    if (this.activity.value !== 'idle') return
    void this.save()
    try {
      if (await this.#reset()) this.announcement.value = 'The machine is at its start.'
      else this.announcement.value = `Not reset: ${plural(this.errors.value.length, 'error')} in the texts.`
    } catch (error) {
      this.#caught(error)
    }
  }

  stop(): void {
    this.#client?.stop().catch((error: unknown) => this.#caught(error))
  }

  async memory(expression: string, length: number) {
    if (this.#built.value === undefined || this.activity.value !== 'idle') return undefined
    try {
      return await this.#client?.memory(expression, length)
    } catch (error) {
      this.#caught(error)
      return undefined
    }
  }

  async digest(): Promise<string | undefined> {
    try {
      return await this.#client?.digest()
    } catch (error) {
      this.#caught(error)
      return undefined
    }
  }

  goToLine(file: string, line: number, takesFocus = false): void {
    if (!(file in this.texts.value)) return
    batch(() => {
      this.activeFile.value = file
      this.target.value = { file, line, takesFocus }
    })
  }

  showHint(): void {
    const hints = this.opened.value?.lab.hints.length ?? 0
    this.hintsShown.value = Math.min(hints, this.hintsShown.value + 1)
  }

  /** Puts the texts of the start back; restoreEarlier() undoes it. */
  startOver(): void {
    const start = this.opened.value?.start
    if (start === undefined) return
    batch(() => {
      this.earlier.value = this.texts.value
      this.texts.value = start
      this.origin.value = { kind: 'started-over' }
    })
    void this.save()
    this.#scheduleCheck()
  }

  /** Brings back what startOver() or ?fresh put aside; what stands now is put aside in turn. */
  restoreEarlier(): void {
    const earlier = this.earlier.value
    if (earlier === undefined) return
    batch(() => {
      this.earlier.value = this.isAtStart.value ? undefined : this.texts.value
      this.texts.value = earlier
      this.origin.value = { kind: 'start' }
    })
    void this.save()
    this.#scheduleCheck()
  }

  dismissNote(): void {
    this.origin.value = { kind: 'start' }
  }

  /** Saves the texts, if there is anything new about them. Never fails: the texts are on the page in any case. */
  async save(): Promise<void> {
    const texts = this.texts.value
    const isUntouched = this.#saved === undefined && this.isAtStart.value
    const isFresh = this.origin.value.kind === 'fresh' && this.isAtStart.value
    if (this.#storage === undefined || isUntouched || isFresh) return
    if (this.#saved !== undefined && sameTexts(this.#saved, texts)) return
    this.#saved = texts
    const earlier = this.earlier.value
    try {
      await this.#storage.save(this.#key, {
        format: 1,
        texts,
        savedAt: this.#options.now(),
        ...(earlier === undefined ? {} : { earlier }),
      })
    } catch {
      this.#saved = undefined
      this.isStorageLasting.value = false
    }
  }
}

/** What a run or step came to, in a sentence or two. */
export function describeStop(view: RunView): string {
  const last = view.exits.at(-1)
  const exit = last === undefined ? '' : ` Last exit: ${last.explanation.name}.`
  const met = view.goals.filter((goal) => goal.met).length
  if (view.ending === undefined) return `At instruction ${count(view.instructions)}.${exit}`
  const ending = view.ending[0].toUpperCase() + view.ending.slice(1)
  return `${ending}.${exit} ${met} of ${plural(view.goals.length, 'goal')} met.`
}
