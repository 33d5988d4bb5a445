/** All of a reader's work as one file: to keep, to carry to another browser, and to put together with what is there. */
import * as text from '../strings.ts'
import {
  isRecord,
  MOST_VERSIONS,
  PARSERS,
  type Guess,
  type LabProgress,
  type Prediction,
  type QuizAnswer,
  type SavedWork,
  type Shelf,
  type Shelves,
  type Version,
} from './records.ts'
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
  if (content.length > LARGEST_ARCHIVE) return refuse(text.fileTooLarge)
  let value: unknown
  try {
    value = JSON.parse(content)
  } catch {
    return refuse(text.notJson)
  }
  if (!isRecord(value) || value['kind'] !== KIND) return refuse(text.notFileOfWork)
  if (value['format'] !== FORMAT) return refuse(text.otherFormat(String(value['format']), FORMAT))
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

function isSame(a: Version, b: Version): boolean {
  const names = Object.keys(a.texts)
  return (
    names.length === Object.keys(b.texts).length && names.every((name) => a.texts[name] === b.texts[name])
  )
}

/** The newer texts stand; all others are versions that can be restored. */
function mergeWork(a: SavedWork, b: SavedWork): SavedWork {
  const all = [a, b, ...a.versions, ...b.versions]
    .map(({ texts, savedAt }) => ({ texts, savedAt }))
    .sort((one, other) => other.savedAt - one.savedAt)
  const distinct = all.filter((one, index) => all.findIndex((other) => isSame(one, other)) === index)
  // A version may be newer than the text that stands, but the reader left that one standing.
  const standing = a.savedAt >= b.savedAt ? a : b
  return {
    format: 2,
    texts: standing.texts,
    savedAt: standing.savedAt,
    versions: distinct.filter((one) => !isSame(one, standing)).slice(0, MOST_VERSIONS),
  }
}

function mergeProgress(a: LabProgress, b: LabProgress): LabProgress {
  const [early, late] = a.firstAt <= b.firstAt ? [a, b] : [b, a]
  const completed = [a.completedAt, b.completedAt].filter((at) => at !== undefined)
  // The machine's word stands, and of two the first; what has not been run yet can still be changed.
  const decided = [...late.predictions, ...early.predictions].filter(({ held }) => held !== undefined)
  const predictions = new Map<string, Prediction>(
    [...early.predictions, ...late.predictions, ...decided].map((one) => [one.id, one]),
  )
  const guesses = new Map<string, Guess>(
    [...a.guesses, ...b.guesses].map((one) => [`${one.at} ${one.field}`, one]),
  )
  return {
    format: 1,
    title: late.title,
    // Both may count the same runs, so they are not added.
    attempts: Math.max(a.attempts, b.attempts),
    firstAt: early.firstAt,
    lastAt: Math.max(a.lastAt, b.lastAt),
    met: a.met.length >= b.met.length ? a.met : b.met,
    goals: late.goals,
    completedAt: completed.length === 0 ? undefined : Math.min(...completed),
    hints: Math.max(a.hints, b.hints),
    predictions: [...predictions.values()],
    guesses: [...guesses.values()].sort((one, other) => one.at - other.at),
  }
}

/** The first answer counts. */
function mergeQuiz(a: QuizAnswer, b: QuizAnswer): QuizAnswer {
  return a.at <= b.at ? a : b
}

const MERGE: { readonly [S in Shelf]: (a: Shelves[S], b: Shelves[S]) => Shelves[S] } = {
  'lab-work': mergeWork,
  'lab-progress': mergeProgress,
  quiz: mergeQuiz,
}

/** Two records of the same thing as one; nothing of the reader's is lost. */
export function merge<S extends Shelf>(shelf: S, a: Shelves[S], b: Shelves[S]): Shelves[S] {
  return MERGE[shelf](a, b)
}

async function addShelf<S extends Shelf>(
  store: ReaderStore,
  shelf: S,
  records: Readonly<Record<string, Shelves[S]>>,
): Promise<void> {
  for (const [key, record] of Object.entries(records))
    await store.update(shelf, key, (stored) => {
      const present = PARSERS[shelf](stored)
      return present === undefined ? record : merge(shelf, present, record)
    })
}

/** Puts the records of a file together with those of the store. Rejects where the store has no room. */
export async function addRecords(store: ReaderStore, records: Records): Promise<void> {
  await addShelf(store, 'lab-work', records['lab-work'])
  await addShelf(store, 'lab-progress', records['lab-progress'])
  await addShelf(store, 'quiz', records.quiz)
}
