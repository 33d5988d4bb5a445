/** Breakpoints and watchpoints as the reader keeps them: each can be switched off, and says where it came to lie. */
import { computed, signal } from '@preact/signals'
import type { ReaderStop, ResolvedStop } from './protocol.ts'

export interface StopEntry {
  readonly id: number
  readonly stop: ReaderStop
  readonly isEnabled: boolean
  /** Absent until the machine has seen it. */
  readonly resolved: ResolvedStop | undefined
}

export class ReaderStops {
  readonly entries = signal<readonly StopEntry[]>([])
  /** What the machine is told. */
  readonly enabled = computed(() =>
    this.entries.value.filter(({ isEnabled }) => isEnabled).map(({ stop }) => stop),
  )
  readonly #changed: () => void
  #lastId = 0

  /** `changed` is called whenever the machine has to be told. */
  constructor(changed: () => void) {
    this.#changed = changed
  }

  #set(entries: readonly StopEntry[]): void {
    this.entries.value = entries
    this.#changed()
  }

  add(stop: ReaderStop): void {
    const id = ++this.#lastId
    this.#set([...this.entries.value, { id, stop, isEnabled: true, resolved: undefined }])
  }

  remove(id: number): void {
    this.#set(this.entries.value.filter((entry) => entry.id !== id))
  }

  clear(): void {
    this.#set([])
  }

  setEnabled(id: number, isEnabled: boolean): void {
    this.#set(this.entries.value.map((entry) => (entry.id === id ? { ...entry, isEnabled } : entry)))
  }

  /** The breakpoint of a line, set or removed. */
  toggleLine(file: string, line: number): void {
    const found = this.entries.value.find(
      ({ stop }) => stop.kind === 'line' && stop.file === file && stop.line === line,
    )
    if (found === undefined) this.add({ kind: 'line', file, line })
    else this.remove(found.id)
  }

  /** What the machine made of the enabled ones, in their order. */
  noteResolved(resolved: readonly ResolvedStop[]): void {
    let next = 0
    this.entries.value = this.entries.value.map((entry) =>
      entry.isEnabled ? { ...entry, resolved: resolved[next++] } : entry,
    )
  }
}
