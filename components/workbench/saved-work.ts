/** The reader's work between visits: one record per lab and version of its files, in IndexedDB, or in memory where that is refused. */
import { openDB, type IDBPDatabase } from 'idb'
import type { LabPayload, Texts } from './protocol.ts'

export interface SavedWork {
  readonly format: 1
  readonly texts: Texts
  /** What the texts were before the reader started over; that step can be undone. */
  readonly earlier?: Texts
  /** Milliseconds since 1970. */
  readonly savedAt: number
}

export interface SavedWorkStore {
  /** False where storage is refused: work then lasts as long as the page. */
  readonly isLasting: boolean
  /** The record as it lies there; parseSavedWork() judges it. */
  load(key: string): Promise<unknown>
  save(key: string, work: SavedWork): Promise<void>
}

/** Largest text that is believed to be a reader's. Characters. */
const LARGEST_TEXT = 1_000_000

/** A record's key: the slug and a hash of the lab's files, because texts fit only the version they were written for. */
export function savedWorkKey({ slug, files }: LabPayload): string {
  let hash = 0xcbf2_9ce4_8422_2325n
  // FNV-1a over UTF-16 units.
  for (const part of Object.entries(files).sort().flat())
    for (let i = 0; i <= part.length; i++) {
      const unit = i < part.length ? part.charCodeAt(i) : 0
      hash = BigInt.asUintN(64, (hash ^ BigInt(unit)) * 0x100_0000_01b3n)
    }
  return `${slug}:${hash.toString(16).padStart(16, '0')}`
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parseTexts(value: unknown, names: readonly string[]): Texts | undefined {
  if (!isRecord(value)) return undefined
  const texts: Record<string, string> = {}
  for (const name of names) {
    const text = value[name]
    if (typeof text !== 'string' || text.length > LARGEST_TEXT) return undefined
    texts[name] = text
  }
  return texts
}

/** What was stored, if it is a record with a text for each of `names`; otherwise undefined. */
export function parseSavedWork(value: unknown, names: readonly string[]): SavedWork | undefined {
  if (!isRecord(value) || value['format'] !== 1) return undefined
  const savedAt = value['savedAt']
  const texts = parseTexts(value['texts'], names)
  if (texts === undefined || typeof savedAt !== 'number' || !Number.isFinite(savedAt)) return undefined
  const earlier = parseTexts(value['earlier'], names)
  return { format: 1, texts, savedAt, ...(earlier === undefined ? {} : { earlier }) }
}

const DATABASE = 'world-switch'
const RECORDS = 'lab-work'

/** Keeps records as long as the page lives. */
export function memoryStore(): SavedWorkStore {
  const records = new Map<string, SavedWork>()
  return {
    isLasting: false,
    load: (key) => Promise.resolve(records.get(key)),
    save(key, work) {
      records.set(key, work)
      return Promise.resolve()
    },
  }
}

function databaseStore(database: IDBPDatabase): SavedWorkStore {
  return {
    isLasting: true,
    load: (key) => database.get(RECORDS, key),
    async save(key, work) {
      await database.put(RECORDS, work, key)
    },
  }
}

let opening: Promise<SavedWorkStore> | undefined

/** The page's store. Never rejects: where the browser refuses storage, it is in memory. */
export function savedWorkStore(): Promise<SavedWorkStore> {
  opening ??= openDB(DATABASE, 1, {
    upgrade(database) {
      database.createObjectStore(RECORDS)
    },
  }).then(databaseStore, memoryStore)
  return opening
}
