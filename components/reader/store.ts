/** Where the reader's work lies between visits: IndexedDB, or memory where the browser refuses it. */
import { openDB, type IDBPDatabase, type IDBPTransaction } from 'idb'
import type { SavedWork, Shelf, Shelves } from './records.ts'
import { bringBackUnfinished, untilSaved } from './unfinished.ts'

/** Puts a record together with what lies in the store, which is untrusted. */
export type Join<S extends Shelf> = (record: Shelves[S], stored: unknown) => Shelves[S]

export interface ReaderStore {
  /** False where storage is refused: records then last as long as the page. */
  readonly isLasting: boolean
  /** The record as it lies there; the parsers of records.ts judge it. */
  load(shelf: Shelf, key: string): Promise<unknown>
  /**
   * Rejects with a QuotaExceededError where the browser has no room for it. With `join`, what it makes of the record and of what lies
   * there is saved, and no other tab writes between.
   */
  save<S extends Shelf>(shelf: S, key: string, record: Shelves[S], join?: Join<S>): Promise<void>
  /** The same for many records, all of them or none. */
  add<S extends Shelf>(shelf: S, records: Readonly<Record<string, Shelves[S]>>, join: Join<S>): Promise<void>
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
    save(shelf, key, record, join) {
      const kept = records.get(shelf)!
      kept.set(key, join === undefined ? record : join(record, kept.get(key)))
      return Promise.resolve()
    },
    add(shelf, added, join) {
      const kept = records.get(shelf)!
      for (const [key, record] of Object.entries(added)) kept.set(key, join(record, kept.get(key)))
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
    async save(shelf, key, record, join) {
      const transaction = database.transaction(shelf, 'readwrite')
      const saving =
        join === undefined
          ? Promise.all([transaction.store.put(record, key), commit(transaction)])
          : joinAll(transaction, { [key]: record }, join)
      const letGo = (): void => transaction.abort()
      await (shelf === 'lab-work' ? untilSaved(key, record as SavedWork, saving, letGo) : saving)
    },
    add: (shelf, records, join) => joinAll(database.transaction(shelf, 'readwrite'), records, join),
    async entries(shelf, prefix = '') {
      const { store } = database.transaction(shelf)
      const range = prefix === '' ? undefined : IDBKeyRange.bound(prefix, `${prefix}\uffff`)
      const [keys, records] = await Promise.all([store.getAllKeys(range), store.getAll(range)])
      return keys.map((key, at) => [key as string, records[at] as unknown] as const)
    },
    async clear() {
      for (const shelf of SHELF_NAMES) await database.clear(shelf)
    },
  }
}

async function joinAll<S extends Shelf>(
  transaction: IDBPTransaction<unknown, [S], 'readwrite'>,
  records: Readonly<Record<string, Shelves[S]>>,
  join: Join<S>,
): Promise<void> {
  const { store } = transaction
  const entries = Object.entries(records)
  // Of a transaction that is aborted the requests tell.
  transaction.done.catch(() => undefined)
  const stored = await Promise.all(entries.map(([key]) => store.get(key) as Promise<unknown>))
  const saving = entries.map(([key, record], at) => store.put(join(record, stored[at]), key))
  await Promise.all([...saving, commit(transaction)])
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
