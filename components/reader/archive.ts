/** All of a reader's work as one file: to keep, to carry to another browser, and to put together with what is there. */
import * as text from '../strings.ts'
import { addShelf } from './merge.ts'
import { isRecord, PARSERS, type Shelf, type Shelves } from './records.ts'
import { SHELF_NAMES, type ReaderStore } from './store.ts'

const KIND = 'world-switch-work'
const FORMAT = 1
/** Larger files are not read. Characters. */
export const LARGEST_ARCHIVE = 20_000_000
const MOST_RECORDS = 10_000
const LONGEST_KEY = 500

type Records = { readonly [S in Shelf]: Readonly<Record<string, Shelves[S]>> }

export type ParsedArchive =
  | {
      readonly ok: true
      readonly records: Records
      /** Records that are not in order. */ readonly bad: number
    }
  | { readonly ok: false; readonly message: string }

async function readShelf<S extends Shelf>(store: ReaderStore, shelf: S): Promise<[string, Shelves[S]][]> {
  const entries = await store.entries(shelf)
  return entries.flatMap(([key, value]) => {
    const record = PARSERS[shelf](value)
    return record === undefined ? [] : [[key, record] as [string, Shelves[S]]]
  })
}

/** Everything that is in order in the store. */
export async function readRecords(store: ReaderStore): Promise<Records> {
  return {
    'lab-work': Object.fromEntries(await readShelf(store, 'lab-work')),
    'lab-progress': Object.fromEntries(await readShelf(store, 'lab-progress')),
    quiz: Object.fromEntries(await readShelf(store, 'quiz')),
  }
}

/** The text of the file. */
export async function writeArchive(store: ReaderStore): Promise<string> {
  return JSON.stringify({ kind: KIND, format: FORMAT, ...(await readRecords(store)) }, null, 1)
}

/** Reads what writeArchive() wrote, or anything else that somebody takes for it. */
export function parseArchive(content: string): ParsedArchive {
  const refuse = (message: string): ParsedArchive => ({ ok: false, message })
  if (content.length > LARGEST_ARCHIVE) return refuse(text.workTooLarge(LARGEST_ARCHIVE))
  let value: unknown
  try {
    value = JSON.parse(content)
  } catch {
    return refuse(text.workNotJson)
  }
  if (!isRecord(value) || value['kind'] !== KIND) return refuse(text.notFileOfWork)
  if (value['format'] !== FORMAT) return refuse(text.otherFormat(value['format'], FORMAT))
  let bad = 0
  const records = Object.fromEntries(
    SHELF_NAMES.map((shelf) => {
      const entries = isRecord(value[shelf]) ? Object.entries(value[shelf]).slice(0, MOST_RECORDS) : []
      const good = entries.flatMap(([key, record]) => {
        const parsed = key.length > LONGEST_KEY ? undefined : PARSERS[shelf](record)
        if (parsed === undefined) bad++
        return parsed === undefined ? [] : [[key, parsed] as const]
      })
      return [shelf, Object.fromEntries(good)]
    }),
  )
  return { ok: true, records: records as unknown as Records, bad }
}

/** Puts the records of a file together with those of the store. Rejects where the store has no room. */
export async function addRecords(store: ReaderStore, records: Records): Promise<void> {
  await addShelf(store, 'lab-work', records['lab-work'])
  await addShelf(store, 'lab-progress', records['lab-progress'])
  await addShelf(store, 'quiz', records.quiz)
}
