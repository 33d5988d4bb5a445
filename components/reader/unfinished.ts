/**
 * Texts that were still on their way into the database when their page was left. WebKit carries out nothing that such a page asks of
 * IndexedDB; localStorage takes them at once, and the next page that opens the store puts them where they belong.
 */
import { addShelf } from './merge.ts'
import { PARSERS, type SavedWork } from './records.ts'
import type { ReaderStore } from './store.ts'

export const UNFINISHED = 'world-switch-unfinished:'

/** By their keys in the store. */
const underway = new Map<string, { readonly work: SavedWork; readonly letGo: () => void }>()
/** Those of them that localStorage has. */
const kept = new Set<string>()

/** Waits until texts have been saved; keepUnfinished() knows of them meanwhile. `letGo` ends the saving; it throws if that is too late. */
export async function untilSaved(
  key: string,
  work: SavedWork,
  saving: Promise<unknown>,
  letGo: () => void,
): Promise<void> {
  underway.set(key, { work, letGo })
  try {
    await saving
  } finally {
    if (underway.get(key)?.work === work) {
      underway.delete(key)
      // The page was only hidden. What failed is told to the reader, who is still here.
      if (kept.delete(key)) localStorage.removeItem(UNFINISHED + key)
    }
  }
}

/**
 * For a page that may be gone before anything else happens. One that is being left waits for nothing that the database has not got
 * yet: in WebKit it would never hear of it, and keep the shelf from the pages after it.
 */
export function keepUnfinished(isLeft: boolean): void {
  for (const [key, { work, letGo }] of underway)
    try {
      localStorage.setItem(UNFINISHED + key, JSON.stringify(work))
      kept.add(key)
      if (!isLeft) continue
      letGo()
      // Only localStorage has it now.
      kept.delete(key)
    } catch {
      // Storage is full or refused, or the database has it already.
    }
}

/** Puts into the store what pages left unfinished. Never fails: what the store has no room for waits for the next page. */
export async function bringBackUnfinished(store: ReaderStore): Promise<void> {
  try {
    for (const name of Object.keys(localStorage).filter((one) => one.startsWith(UNFINISHED))) {
      const work = PARSERS['lab-work'](parseJson(localStorage.getItem(name) ?? ''))
      if (work !== undefined) await addShelf(store, 'lab-work', { [name.slice(UNFINISHED.length)]: work })
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
