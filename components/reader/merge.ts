/** Records of the same thing, put together: nothing of the reader's is lost. */
import {
  lastItems,
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
import type { ReaderStore } from './store.ts'

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

/** Decided predictions after open ones. */
function rank({ held }: Prediction): number {
  return held === undefined ? 0 : 1
}

function mergeProgress(a: LabProgress, b: LabProgress): LabProgress {
  const [early, late] = a.firstAt <= b.firstAt ? [a, b] : [b, a]
  const completed = [a.completedAt, b.completedAt].filter((at) => at !== undefined)
  // The machine's word stands, and of two the first; what has not been run yet can still be changed.
  const decided = [...late.predictions, ...early.predictions].filter(({ held }) => held !== undefined)
  const all = new Map<string, Prediction>(
    [...early.predictions, ...late.predictions, ...decided].map((one) => [one.id, one]),
  )
  // Two full lists are more than a record can hold: what the machine has decided counts.
  const predictions = [...all.values()].sort((one, other) => rank(one) - rank(other))
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
    predictions: lastItems(predictions),
    guesses: lastItems([...guesses.values()].sort((one, other) => one.at - other.at)),
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

/** Two records of the same thing as one. */
export function merge<S extends Shelf>(shelf: S, a: Shelves[S], b: Shelves[S]): Shelves[S] {
  return MERGE[shelf](a, b)
}

/** Puts records together with those of the store. Rejects where the store has no room. */
export async function addShelf<S extends Shelf>(
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
