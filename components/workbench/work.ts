/** The reader's texts: where they come from, what they replaced, and that they are kept. It knows neither machine nor DOM. */
import { batch, computed, signal } from '@preact/signals'
import type { Lab } from '../../emulator/lab/index.ts'
import type { Claim } from '../reader/claim.ts'
import { isSameWork, putAside } from '../reader/merge.ts'
import { MOST_VERSIONS, parseSavedWork, slugOf, type SavedWork, type Version } from '../reader/records.ts'
import type { ReaderStore } from '../reader/store.ts'
import type { Texts } from './protocol.ts'

/** Where the texts come from, as far as the reader should be told. */
export type Origin =
  | { readonly kind: 'start' }
  | { readonly kind: 'saved'; readonly savedAt: number }
  /** Work on another version of the lab. */
  | { readonly kind: 'changed'; readonly savedAt: number }
  | { readonly kind: 'unreadable' }
  | { readonly kind: 'fresh' }
  | { readonly kind: 'started-over' }
  /** A link or a file; `isCurrent` is false if it was made with another version of the lab. */
  | { readonly kind: 'shared'; readonly from: 'link' | 'file'; readonly isCurrent: boolean }

/** Texts that somebody else wrote, or the reader elsewhere. */
export interface SharedTexts {
  readonly texts: Texts
  readonly from: 'link' | 'file'
  readonly isCurrent: boolean
}

/** What becomes of what is saved. */
export type Keeping = 'lasting' | 'refused' | 'full' | 'elsewhere'

/** What becomes of what could not be saved. */
export function keepingAfter(error: unknown): Keeping {
  return error instanceof DOMException && error.name === 'QuotaExceededError' ? 'full' : 'refused'
}

export interface WorkOptions {
  readonly key: string
  /** The reader asked to ignore saved work. */
  readonly fresh: boolean
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly claim: Claim
  /** Called when something has been saved that is to stay. */
  readonly onSaved?: () => void
}

/** Equal for the names in `a`. */
export function sameTexts(a: Texts, b: Texts): boolean {
  return Object.keys(a).every((name) => a[name] === b[name])
}

interface Beginning {
  readonly texts: Texts
  readonly origin: Origin
  readonly versions: readonly Version[]
}

export class Work {
  readonly texts = signal<Texts>({})
  readonly origin = signal<Origin>({ kind: 'start' })
  /** Texts that were put aside, the newest first. */
  readonly versions = signal<readonly Version[]>([])
  /** What becomes of the texts, and of what else is kept of the reader in this lab. */
  readonly #keepingTexts = signal<Keeping>('lasting')
  readonly keepingRest = signal<Keeping>('lasting')
  readonly keeping = computed(() =>
    this.#keepingTexts.value === 'lasting' ? this.keepingRest.value : this.#keepingTexts.value,
  )
  readonly #start = signal<Texts | undefined>(undefined)
  readonly isAtStart = computed(() => {
    const start = this.#start.value
    return start === undefined || sameTexts(this.texts.value, start)
  })
  readonly #options: WorkOptions
  #storage: ReaderStore | undefined
  #saved: Texts | undefined
  /** The record as this object read or saved it last. */
  #known: SavedWork | undefined
  /** Texts that are on the page though others are saved, until the reader changes something. */
  #guests: Texts | undefined
  #editable: ReadonlySet<string> = new Set()
  #unclaim: () => void = () => undefined

  constructor(options: WorkOptions) {
    this.#options = options
  }

  /** Begins with shared texts, else with the reader's saved work, else with the lab's texts. */
  async open(
    { start, lab }: { readonly start: Texts; readonly lab: Pick<Lab, 'files'> },
    storage: ReaderStore,
    shared?: SharedTexts,
  ): Promise<void> {
    this.#storage = storage
    this.#editable = new Set(lab.files.filter(({ editable }) => editable).map(({ name }) => name))
    const begin = await this.#restored(start, storage)
    batch(() => {
      this.#start.value = start
      this.texts.value = begin.texts
      this.origin.value = begin.origin
      this.versions.value = begin.versions
      this.#keepingTexts.value = storage.isLasting ? 'lasting' : 'refused'
      if (shared !== undefined) this.adopt(shared)
    })
    this.#guests = shared !== undefined || begin.origin.kind === 'fresh' ? this.texts.value : undefined
    if (storage.isLasting)
      this.#unclaim = this.#options.claim(
        `world-switch-lab:${this.#options.key}`,
        (isOurs) => void this.#claimed(isOurs),
      )
  }

  async #restored(start: Texts, storage: ReaderStore): Promise<Beginning> {
    const { key, fresh } = this.#options
    let stored: unknown
    let other: SavedWork | undefined
    try {
      stored = await storage.load('lab-work', key)
      if (stored === undefined) other = await newestOf(storage, `${slugOf(key)}:`)
    } catch {
      stored = 'unreadable'
    }
    const fromStart = (kind: 'start' | 'unreadable' | 'fresh', versions: readonly Version[] = []) => ({
      texts: start,
      origin: { kind },
      versions,
    })
    if (stored === undefined && other !== undefined) return this.#fromOtherVersion(start, other)
    if (stored === undefined) return fromStart('start')
    const saved = parseSavedWork(stored, Object.keys(start))
    if (saved === undefined) return fromStart('unreadable')
    this.#saved = saved.texts
    this.#known = saved
    if (sameTexts(saved.texts, start)) return fromStart('start', saved.versions)
    if (fresh) return fromStart('fresh', withVersion(saved.versions, saved))
    return {
      texts: saved.texts,
      origin: { kind: 'saved', savedAt: saved.savedAt },
      versions: saved.versions,
    }
  }

  /** Work on another version of the lab, as far as it fits this one. That record stays as it is. */
  #fromOtherVersion(start: Texts, { texts: old, savedAt }: SavedWork): Beginning {
    const fitting = this.#fitting(old, start)
    if (sameTexts(start, fitting)) return { texts: start, origin: { kind: 'start' }, versions: [] }
    if (this.#options.fresh)
      return { texts: start, origin: { kind: 'fresh' }, versions: [{ texts: fitting, savedAt }] }
    return { texts: fitting, origin: { kind: 'changed', savedAt }, versions: [] }
  }

  /** The texts of the start, but for editable ones that `texts` has, too. */
  #fitting(texts: Texts, start: Texts): Texts {
    return Object.fromEntries(
      Object.entries(start).map(([name, text]) => [
        name,
        this.#editable.has(name) && Object.hasOwn(texts, name) ? texts[name] : text,
      ]),
    )
  }

  /** Another tab has the lab open, or has just been closed. */
  async #claimed(isOurs: boolean): Promise<void> {
    if (!isOurs) {
      this.#keepingTexts.value = 'elsewhere'
      return
    }
    if (this.#keepingTexts.value !== 'elsewhere' || this.#storage === undefined) return
    this.#keepingTexts.value = 'lasting'
    // What the other tab left is put aside, not overwritten.
    const left = await this.#storage.load('lab-work', this.#options.key).catch(() => undefined)
    const saved = parseSavedWork(left, Object.keys(this.texts.value))
    this.#known = saved
    if (saved === undefined || sameTexts(saved.texts, this.texts.value)) return
    this.versions.value = withVersion([...saved.versions, ...this.versions.value], saved)
    this.#saved = saved.texts
  }

  /** False when that is the text already. */
  edit(name: string, text: string): boolean {
    if (this.texts.value[name] === text) return false
    this.texts.value = { ...this.texts.value, [name]: text }
    return true
  }

  /** What stands now is put aside, unless it is the start. */
  #putAside(): void {
    if (!this.isAtStart.value)
      this.versions.value = withVersion(this.versions.value, {
        texts: this.texts.value,
        savedAt: this.#options.now(),
      })
  }

  /** Puts another text in the place of one; restore() undoes it, even if that was the start. */
  replace(name: string, text: string): void {
    if (this.texts.value[name] === text) return
    batch(() => {
      this.versions.value = withVersion(this.versions.value, {
        texts: this.texts.value,
        savedAt: this.#options.now(),
      })
      this.texts.value = { ...this.texts.value, [name]: text }
    })
    void this.save()
  }

  /** Puts the texts of the start back; restore() undoes it. */
  startOver(): void {
    const start = this.#start.value
    if (start === undefined) return
    batch(() => {
      this.#putAside()
      this.texts.value = start
      this.origin.value = { kind: 'started-over' }
    })
    void this.save()
  }

  /**
   * Shows texts of a link or a file; what stands is put aside. Read-only files stay as they are. What a link brings is not saved before
   * the reader changes it.
   */
  adopt({ texts, from, isCurrent }: SharedTexts): void {
    const start = this.#start.value
    if (start === undefined) return
    const next = this.#fitting(texts, start)
    batch(() => {
      if (!sameTexts(next, this.texts.value)) this.#putAside()
      this.texts.value = next
      this.origin.value = { kind: 'shared', from, isCurrent }
    })
    this.#guests = from === 'link' ? this.texts.value : undefined
    if (from === 'file') void this.save()
  }

  /** Brings back texts that were put aside, the newest if not said otherwise; what stands now is put aside in turn. */
  restore(index = 0): void {
    const version = this.versions.value[index] as Version | undefined
    if (version === undefined) return
    batch(() => {
      this.versions.value = this.versions.value.filter((_, at) => at !== index)
      this.#putAside()
      this.texts.value = version.texts
      this.origin.value = { kind: 'start' }
    })
    void this.save()
  }

  dismissNote(): void {
    this.origin.value = { kind: 'start' }
  }

  /** What is to be saved instead of `record`: what another page has put into the store is put aside, not overwritten. */
  #joined(record: SavedWork, stored: unknown): SavedWork {
    const found = parseSavedWork(stored, Object.keys(record.texts))
    const isOther = found !== undefined && (this.#known === undefined || !isSameWork(found, this.#known))
    if (isOther) this.versions.value = putAside({ ...record, versions: this.versions.value }, found).versions
    this.#known = isOther ? { ...record, versions: this.versions.value } : record
    return this.#known
  }

  /**
   * Saves the texts, if there is anything new about them. Never fails: the texts are on the page in any case. A page that is being left
   * cannot wait to hear what lies in the store.
   */
  async save(isLeft = false): Promise<void> {
    const texts = this.texts.value
    if (this.#storage === undefined || this.#keepingTexts.value === 'elsewhere') return
    if (this.#saved === undefined && this.isAtStart.value) return
    if (this.#guests !== undefined && sameTexts(this.#guests, texts)) return
    if (this.#saved !== undefined && sameTexts(this.#saved, texts)) return
    this.#saved = texts
    this.#guests = undefined
    const known = this.#known
    const record: SavedWork = {
      format: 2,
      texts,
      savedAt: this.#options.now(),
      versions: this.versions.value,
    }
    try {
      const join = (_: SavedWork, stored: unknown): SavedWork => this.#joined(record, stored)
      if (isLeft) this.#known = record
      await this.#storage.save('lab-work', this.#options.key, record, isLeft ? undefined : join)
      this.#keepingTexts.value = this.#storage.isLasting ? 'lasting' : 'refused'
      this.#options.onSaved?.()
    } catch (error) {
      this.#saved = undefined
      this.#known = known
      // Given up when the page was left: unfinished.ts has it.
      if (error instanceof DOMException && error.name === 'AbortError') return
      this.#keepingTexts.value = keepingAfter(error)
    }
  }

  dispose(): void {
    this.#unclaim()
  }
}

/** `version` before all others, once. */
function withVersion(versions: readonly Version[], { texts, savedAt }: Version): Version[] {
  const others = versions.filter((one) => !sameTexts(one.texts, texts))
  return [{ texts, savedAt }, ...others].slice(0, MOST_VERSIONS)
}

/** The newest work whose key begins with `prefix`. */
async function newestOf(storage: ReaderStore, prefix: string): Promise<SavedWork | undefined> {
  const found = (await storage.entries('lab-work', prefix)).flatMap(
    ([, record]) => parseSavedWork(record) ?? [],
  )
  return found.sort((a, b) => b.savedAt - a.savedAt).at(0)
}
