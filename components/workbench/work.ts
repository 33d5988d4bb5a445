/** The reader's texts: where they come from, what they replaced, and that they are kept. It knows neither machine nor DOM. */
import { batch, computed, signal } from '@preact/signals'
import type { OpenedLab, Texts } from './protocol.ts'
import { parseSavedWork, type SavedWorkStore } from './saved-work.ts'

/** Where the texts come from, as far as the reader should be told. */
export type Origin =
  | { readonly kind: 'start' }
  | { readonly kind: 'saved'; readonly savedAt: number }
  | { readonly kind: 'unreadable' }
  | { readonly kind: 'fresh' }
  | { readonly kind: 'started-over' }

export interface WorkOptions {
  readonly key: string
  /** The reader asked to ignore saved work. */
  readonly fresh: boolean
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** Equal for the names in `a`. */
export function sameTexts(a: Texts, b: Texts): boolean {
  return Object.keys(a).every((name) => a[name] === b[name])
}

export class Work {
  readonly texts = signal<Texts>({})
  readonly origin = signal<Origin>({ kind: 'start' })
  /** Texts that startOver() or ?fresh put aside. */
  readonly earlier = signal<Texts | undefined>(undefined)
  readonly isStorageLasting = signal(true)
  readonly #start = signal<Texts | undefined>(undefined)
  readonly isAtStart = computed(() => {
    const start = this.#start.value
    return start === undefined || sameTexts(this.texts.value, start)
  })
  readonly #options: WorkOptions
  #storage: SavedWorkStore | undefined
  #saved: Texts | undefined

  constructor(options: WorkOptions) {
    this.#options = options
  }

  /** Begins with the reader's saved work, or with the lab's texts where there is none. */
  async open({ start }: OpenedLab, storage: SavedWorkStore): Promise<void> {
    this.#storage = storage
    const { texts, origin, earlier } = await this.#restored(start, storage)
    batch(() => {
      this.#start.value = start
      this.texts.value = texts
      this.origin.value = origin
      this.earlier.value = earlier
      this.isStorageLasting.value = storage.isLasting
    })
  }

  async #restored(
    start: Texts,
    storage: SavedWorkStore,
  ): Promise<{ texts: Texts; origin: Origin; earlier: Texts | undefined }> {
    let stored: unknown
    try {
      stored = await storage.load(this.#options.key)
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

  /** False when that is the text already. */
  edit(name: string, text: string): boolean {
    if (this.texts.value[name] === text) return false
    this.texts.value = { ...this.texts.value, [name]: text }
    return true
  }

  /** Puts the texts of the start back; restoreEarlier() undoes it. */
  startOver(): void {
    const start = this.#start.value
    if (start === undefined) return
    batch(() => {
      this.earlier.value = this.texts.value
      this.texts.value = start
      this.origin.value = { kind: 'started-over' }
    })
    void this.save()
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
      await this.#storage.save(this.#options.key, {
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
