/** Breakpoints and watchpoints as the reader keeps them: each can be switched off, says where it came to lie, and is kept. */
import { computed, signal } from '@preact/signals'
import { GENERAL_REGISTERS, SYSTEM_REGISTERS, type WatchedRegister } from '../../emulator/machine/index.ts'
import { isRecord } from '../reader/records.ts'
import { movedLines } from './moved-lines.ts'
import type { ReaderStop, ResolvedStop } from './protocol.ts'

export interface StopEntry {
  readonly id: number
  readonly stop: ReaderStop
  readonly isEnabled: boolean
  /** Absent until the machine has seen it. */
  readonly resolved: ResolvedStop | undefined
}

/** Whether lines of a file can have breakpoints. */
export function isCode(file: string): boolean {
  return /\.(asm|inc)$/.test(file)
}

/** How a breakpoint is drawn: a disc, a ring for one that is off, a cross for one that cannot be. */
export function breakpointState({ isEnabled, resolved }: StopEntry): 'on' | 'off' | 'refused' {
  if (!isEnabled) return 'off'
  return resolved?.ok === false ? 'refused' : 'on'
}

/** Registers whose change can end a run. */
export const WATCHED_REGISTERS: readonly WatchedRegister[] = [
  ...GENERAL_REGISTERS,
  'rflags',
  ...SYSTEM_REGISTERS,
]

export class ReaderStops {
  readonly entries = signal<readonly StopEntry[]>([])
  /** What the machine is told. */
  readonly enabled = computed(() =>
    this.entries.value.filter(({ isEnabled }) => isEnabled).map(({ stop }) => stop),
  )
  readonly #changed: () => void
  /** The reader's own, while those of a link stand in their place. */
  #own: readonly StopEntry[] | undefined
  #lastId = 0

  /** `changed` is called whenever the machine has to be told. */
  constructor(changed: () => void) {
    this.#changed = changed
  }

  #set(entries: readonly StopEntry[]): void {
    this.entries.value = entries
    this.#changed()
  }

  /** The reader has changed something: the stops of a link become the reader's, beside the reader's own. */
  #change(entries: readonly StopEntry[]): void {
    const shown = new Set(entries.map(({ stop }) => JSON.stringify(stop)))
    const own = this.#own?.filter(({ stop }) => !shown.has(JSON.stringify(stop))) ?? []
    this.#own = undefined
    this.#set([...entries, ...own])
  }

  #entry(stop: ReaderStop, isEnabled: boolean): StopEntry {
    return { id: ++this.#lastId, stop, isEnabled, resolved: undefined }
  }

  add(stop: ReaderStop): void {
    this.#change([...this.entries.value, this.#entry(stop, true)])
  }

  remove(id: number): void {
    this.#change(this.entries.value.filter((entry) => entry.id !== id))
  }

  clear(): void {
    this.#change([])
  }

  setEnabled(id: number, isEnabled: boolean): void {
    this.#change(this.entries.value.map((entry) => (entry.id === id ? { ...entry, isEnabled } : entry)))
  }

  /** The breakpoint of a line, set or removed. */
  toggleLine(file: string, line: number): void {
    const found = this.entries.value.find(
      ({ stop }) => stop.kind === 'line' && stop.file === file && stop.line === line,
    )
    if (found === undefined) this.add({ kind: 'line', file, line })
    else this.remove(found.id)
  }

  /** A text has another content: breakpoints go with their lines. Two that meet in a line become one. */
  follow(file: string, before: string, after: string): void {
    const isIn = ({ stop }: StopEntry): boolean => stop.kind === 'line' && stop.file === file
    if (!this.entries.value.some(isIn)) return
    const moved = movedLines(before, after)
    const taken = new Set<number>()
    const entries = this.entries.value.flatMap((entry) => {
      const { stop } = entry
      if (stop.kind !== 'line' || stop.file !== file) return [entry]
      const line = moved(stop.line)
      if (taken.has(line)) return []
      taken.add(line)
      return [line === stop.line ? entry : { ...entry, stop: { ...stop, line }, resolved: undefined }]
    })
    const isMoved = entries.some((entry, index) => entry !== this.entries.value[index])
    if (isMoved || entries.length < this.entries.value.length) this.#set(entries)
  }

  /** What the machine made of the enabled ones, in their order. */
  noteResolved(resolved: readonly ResolvedStop[]): void {
    let next = 0
    this.entries.value = this.entries.value.map((entry) =>
      entry.isEnabled ? { ...entry, resolved: resolved[next++] } : entry,
    )
  }

  /** As plain data, to be handed on. */
  saved(): readonly unknown[] {
    return this.entries.value.map(plain)
  }

  /** As plain data, to be kept: the reader's own, whatever stands in their place. */
  own(): readonly unknown[] {
    return (this.#own ?? this.entries.value).map(plain)
  }

  /** Takes what own() gave, at an earlier visit; what is not in order is left out. */
  restore(saved: unknown): void {
    const entries = this.#parsed(saved)
    if (entries.length > 0) this.#set(entries)
  }

  /** Puts the stops of a link, as saved() gave them, in the place of the reader's own, until the reader changes something. */
  lend(saved: unknown): void {
    this.#own ??= this.entries.value
    this.#set(this.#parsed(saved))
  }

  /** The stops of a link become the reader's, beside the reader's own. */
  keep(): void {
    this.#change(this.entries.value)
  }

  /** Puts the reader's own back in their place. */
  giveBack(): void {
    const own = this.#own
    if (own === undefined) return
    this.#own = undefined
    this.#set(own)
  }

  #parsed(saved: unknown): StopEntry[] {
    if (!Array.isArray(saved)) return []
    return saved.slice(0, MOST_STOPS).flatMap((one: unknown) => {
      if (!isRecord(one)) return []
      const stop = parseStop(one['stop'])
      return stop === undefined ? [] : [this.#entry(stop, one['isEnabled'] !== false)]
    })
  }
}

function plain({ stop, isEnabled }: StopEntry): unknown {
  return { stop, isEnabled }
}

/** Nobody sets more by hand. */
const MOST_STOPS = 200
const LONGEST_TEXT = 200

/** A stop of untrusted data; undefined if it is none. Names and expressions are judged by the worker. */
function parseStop(value: unknown): ReaderStop | undefined {
  if (!isRecord(value)) return undefined
  const text = (key: string): string | undefined => {
    const found = value[key]
    return typeof found === 'string' && found.length <= LONGEST_TEXT ? found : undefined
  }
  const number = (key: string): number | undefined => {
    const found = value[key]
    return Number.isSafeInteger(found) ? (found as number) : undefined
  }
  switch (value['kind']) {
    case 'line': {
      const file = text('file')
      const line = number('line')
      return file === undefined || line === undefined ? undefined : { kind: 'line', file, line }
    }
    case 'address': {
      const address = text('address')
      return address === undefined ? undefined : { kind: 'address', address }
    }
    case 'exit':
      return {
        kind: 'exit',
        name: text('name'),
        to: (['L0', 'L1'] as const).find((to) => to === value['to']),
      }
    case 'exception':
      return { kind: 'exception', vector: number('vector') }
    case 'memory': {
      const address = text('address')
      const bytes = number('bytes')
      if (address === undefined || bytes === undefined) return undefined
      return { kind: 'memory', address, bytes, access: value['access'] === 'read' ? 'read' : 'write' }
    }
    case 'field': {
      const vmcb = text('vmcb')
      const field = text('field')
      return vmcb === undefined || field === undefined ? undefined : { kind: 'field', vmcb, field }
    }
    case 'register': {
      const name = WATCHED_REGISTERS.find((register) => register === value['name'])
      return name === undefined ? undefined : { kind: 'register', name, processor: number('processor') ?? 0 }
    }
    default:
      return undefined
  }
}
