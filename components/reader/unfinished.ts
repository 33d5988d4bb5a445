/**
 * Texts that were still on their way into the database when their page was left. WebKit carries out nothing that such a page asks of
 * IndexedDB; localStorage takes them at once, and the next page that opens the store puts them where they belong.
 */
import { addShelf } from './merge.ts'
import { PARSERS, type SavedWork } from './records.ts'
import type { ReaderStore } from './store.ts'

const PREFIX = 'world-switch-unfinished:'

/** By their keys in the store. */
const underway = new Map<string, SavedWork>()
/** Those of them that localStorage has. */
const kept = new Set<string>()

/** Waits until texts have been saved; keepUnfinished() knows of them meanwhile. */
export async function untilSaved(key: string, work: SavedWork, saving: Promise<unknown>): Promise<void> {
  underway.set(key, work)
  try {
    await saving
  } finally {
    if (underway.get(key) === work) {
      underway.delete(key)
      // The page was only hidden. What failed is told to the reader, who is still here.
      if (kept.delete(key)) localStorage.removeItem(PREFIX + key)
    }
  }
}

/** For a page that may be gone before anything else happens. */
export function keepUnfinished(): void {
  for (const [key, work] of underway)
    try {
      localStorage.setItem(PREFIX + key, JSON.stringify(work))
      kept.add(key)
    } catch {
      // Storage is full or refused.
    }
}

/** Puts into the store what pages left unfinished. Never fails: what the store has no room for waits for the next page. */
export async function bringBackUnfinished(store: ReaderStore): Promise<void> {
  try {
    for (const name of Object.keys(localStorage).filter((one) => one.startsWith(PREFIX))) {
      const work = PARSERS['lab-work'](parseJson(localStorage.getItem(name) ?? ''))
      if (work !== undefined) await addShelf(store, 'lab-work', { [name.slice(PREFIX.length)]: work })
      localStorage.removeItem(name)
    }
  } catch {
    // Storage is full or refused.
  }
}

/** Undefined where it is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
