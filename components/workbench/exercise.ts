/** The reader as a student of one lab: attempts, goals, hints, predictions and guesses, and that they are kept. It knows no DOM. */
import { signal } from '@preact/signals'
import { addShelf } from '../reader/merge.ts'
import {
  lastItems,
  oneMore,
  parseLabProgress,
  type Guess,
  type LabProgress,
  type Prediction,
} from '../reader/records.ts'
import type { ReaderStore } from '../reader/store.ts'
import type { Lab } from '../../emulator/lab/index.ts'
import type { RunView } from './protocol.ts'
import { keepingAfter, type Keeping } from './work.ts'

export class Exercise {
  /** What is known of the reader in this lab. */
  readonly progress = signal<LabProgress | undefined>(undefined)
  readonly #key: string
  readonly #now: () => number
  #storage: ReaderStore | undefined
  readonly #onWritten: (keeping: Keeping) => void
  /** Records are written one after the other. */
  #writing: Promise<void> = Promise.resolve()

  /** `onWritten` is told what became of each record. */
  constructor(key: string, now: () => number, onWritten: (keeping: Keeping) => void = () => undefined) {
    this.#key = key
    this.#now = now
    this.#onWritten = onWritten
  }

  async open({ title, goals }: Lab, storage: ReaderStore): Promise<void> {
    this.#storage = storage
    const now = this.#now()
    this.progress.value = (await this.#stored()) ?? {
      ...{ format: 1, title, attempts: 0, firstAt: now, lastAt: now, met: [], goals: goals.length },
      ...{ completedAt: undefined, hints: 0, predictions: [], guesses: [] },
    }
  }

  async #stored(): Promise<LabProgress | undefined> {
    try {
      return parseLabProgress(await this.#storage?.load('lab-progress', this.#key))
    } catch {
      return undefined
    }
  }

  #change(changes: Partial<LabProgress>): void {
    if (this.progress.value === undefined) return
    const next = { ...this.progress.value, ...changes, lastAt: this.#now() }
    this.progress.value = next
    this.#writing = this.#writing.then(() => this.#write(next))
  }

  /** Another tab may have written since: the records are put together. Never rejects. */
  async #write(record: LabProgress): Promise<void> {
    try {
      if (this.#storage === undefined) return
      await addShelf(this.#storage, 'lab-progress', { [this.#key]: record })
      this.#onWritten('lasting')
    } catch (error) {
      // It stays on the page.
      this.#onWritten(keepingAfter(error))
    }
  }

  prediction(id: string): Prediction | undefined {
    return this.progress.value?.predictions.find((one) => one.id === id)
  }

  /** The reader says, before the first run has ended, what will happen. */
  predict(id: string, chosen: number): void {
    if (this.prediction(id)?.held !== undefined) return
    this.#change({ predictions: this.#withPrediction([{ id, chosen }]) })
  }

  #withPrediction(changed: readonly Prediction[]): Prediction[] {
    const others = (this.progress.value?.predictions ?? []).filter(
      ({ id }) => !changed.some((one) => one.id === id),
    )
    return lastItems([...others, ...changed])
  }

  /** A run has ended. The first one decides the predictions. */
  noteEnd(view: RunView): void {
    const progress = this.progress.value
    if (progress === undefined) return
    const met = view.goals.filter((goal) => goal.met).map(({ id }) => id)
    const isComplete = met.length === view.goals.length
    const decided = view.predictions.flatMap(({ id, held }) => {
      const before = this.prediction(id)
      return held === undefined || before?.held !== undefined ? [] : [{ id, chosen: before?.chosen, held }]
    })
    this.#change({
      attempts: oneMore(progress.attempts),
      met: met.length >= progress.met.length ? met : progress.met,
      completedAt: progress.completedAt ?? (isComplete ? this.#now() : undefined),
      predictions: this.#withPrediction(decided),
    })
  }

  noteHints(shown: number): void {
    if (shown > (this.progress.value?.hints ?? 0)) this.#change({ hints: shown })
  }

  /** The reader commits to the field that makes VMRUN fail, and to a reason. */
  noteGuess(guess: Omit<Guess, 'at'>): void {
    const guesses = this.progress.value?.guesses ?? []
    this.#change({ guesses: lastItems([...guesses, { ...guess, at: this.#now() }]) })
  }
}
