/** Where the reader's work lies between visits: IndexedDB, or memory where the browser refuses it. */
import { openDB, type IDBPDatabase } from 'idb'
import type { SavedWork, Shelf, Shelves } from './records.ts'
import { bringBackUnfinished, untilSaved } from './unfinished.ts'

export interface ReaderStore {
  /** False where storage is refused: records then last as long as the page. */
  readonly isLasting: boolean
  /** The record as it lies there; the parsers of records.ts judge it. */
  load(shelf: Shelf, key: string): Promise<unknown>
  /** Rejects with a QuotaExceededError where the browser has no room for it. */
  save<S extends Shelf>(shelf: S, key: string, record: Shelves[S]): Promise<void>
  /** Changes a record in one go: no other tab writes between. `change` gets what lies there. */
  update<S extends Shelf>(shelf: S, key: string, change: (stored: unknown) => Shelves[S]): Promise<void>
  /** All records of a shelf whose keys begin with `prefix`. */
  entries(shelf: Shelf, prefix?: string): Promise<(readonly [key: string, record: unknown])[]>
  /** Forgets everything. */
  clear(): Promise<void>
}

const DATABASE = 'world-switch'
const VERSION = 2
export const SHELF_NAMES: readonly Shelf[] = ['lab-work', 'lab-progress', 'quiz']

/** Keeps records as long as the page lives. */
export function memoryStore(): ReaderStore {
  const records = new Map<string, Map<string, unknown>>(SHELF_NAMES.map((name) => [name, new Map()]))
  return {
    isLasting: false,
    load: (shelf, key) => Promise.resolve(records.get(shelf)!.get(key)),
    save(shelf, key, record) {
      records.get(shelf)!.set(key, record)
      return Promise.resolve()
    },
    update(shelf, key, change) {
      const kept = records.get(shelf)!
      kept.set(key, change(kept.get(key)))
      return Promise.resolve()
    },
    entries: (shelf, prefix = '') =>
      Promise.resolve([...records.get(shelf)!].filter(([key]) => key.startsWith(prefix))),
    clear() {
      for (const shelf of records.values()) shelf.clear()
      return Promise.resolve()
    },
  }
}

function databaseStore(database: IDBPDatabase): ReaderStore {
  return {
    isLasting: true,
    load: (shelf, key) => database.get(shelf, key),
    async save(shelf, key, record) {
      const transaction = database.transaction(shelf, 'readwrite')
      const saving = Promise.all([transaction.store.put(record, key), commit(transaction)])
      await (shelf === 'lab-work' ? untilSaved(key, record as SavedWork, saving) : saving)
    },
    async update(shelf, key, change) {
      const transaction = database.transaction(shelf, 'readwrite')
      const changed = change(await transaction.store.get(key))
      await Promise.all([transaction.store.put(changed, key), commit(transaction)])
    },
    async entries(shelf, prefix = '') {
      const keys = (await database.getAllKeys(shelf)).map(String).filter((key) => key.startsWith(prefix))
      return Promise.all(keys.map(async (key) => [key, (await database.get(shelf, key)) as unknown] as const))
    },
    async clear() {
      for (const shelf of SHELF_NAMES) await database.clear(shelf)
    },
  }
}

/**
 * Ends a transaction whose requests have all been made. Left to end by itself, it waits for events, which WebKit does not deliver
 * to a page that is being left: the shelf would then be locked for the pages after it.
 */
function commit(transaction: { commit(): void; readonly done: Promise<void> }): Promise<void> {
  transaction.commit()
  return transaction.done
}

let opening: Promise<ReaderStore> | undefined

/** The page's store. Never rejects: where the browser refuses storage, it is in memory. */
export function readerStore(): Promise<ReaderStore> {
  opening ??= openDatabase().then(async (database) => {
    const store = databaseStore(database)
    await bringBackUnfinished(store)
    return store
  }, memoryStore)
  return opening
}

/** Rejects where the browser refuses it, some at once. */
async function openDatabase(): Promise<IDBPDatabase> {
  return openDB(DATABASE, VERSION, {
    upgrade(database) {
      for (const shelf of SHELF_NAMES)
        if (!database.objectStoreNames.contains(shelf)) database.createObjectStore(shelf)
    },
    // Another tab has a newer version of the book and waits to change the store: this one lets go of it.
    blocking(_current, _blocked, event) {
      ;(event.target as IDBDatabase).close()
    },
  })
}

let asked = false

/** Asks the browser, once per page, not to throw the reader's work away when it needs room. */
export function askForLastingStorage(): void {
  if (asked) return
  asked = true
  // Browsers may refuse, and some have no such thing outside of secure contexts.
  const storage = navigator.storage as StorageManager | undefined
  storage?.persist?.().catch(() => undefined)
}
