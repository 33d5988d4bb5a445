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

/** Equal in all texts and times. */
export function isSameWork(a: SavedWork, b: SavedWork): boolean {
  const others = [b, ...b.versions]
  return (
    a.versions.length === b.versions.length &&
    [a, ...a.versions].every((one, at) => one.savedAt === others[at].savedAt && isSame(one, others[at]))
  )
}

/** The texts of `standing` stand, even if a version is newer; all others are versions that can be restored. */
export function putAside(standing: SavedWork, other: SavedWork): SavedWork {
  const all = [other, ...standing.versions, ...other.versions]
    .map(({ texts, savedAt }) => ({ texts, savedAt }))
    .sort((one, another) => another.savedAt - one.savedAt)
  const distinct = all.filter((one, index) => all.findIndex((another) => isSame(one, another)) === index)
  return {
    ...standing,
    versions: distinct.filter((one) => !isSame(one, standing)).slice(0, MOST_VERSIONS),
  }
}

/** The newer texts stand. */
function mergeWork(a: SavedWork, b: SavedWork): SavedWork {
  return a.savedAt >= b.savedAt ? putAside(a, b) : putAside(b, a)
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
export function addShelf<S extends Shelf>(
  store: ReaderStore,
  shelf: S,
  records: Readonly<Record<string, Shelves[S]>>,
): Promise<void> {
  return store.add(shelf, records, (record, stored) => {
    const present = PARSERS[shelf](stored)
    return present === undefined ? record : merge(shelf, present, record)
  })
}
