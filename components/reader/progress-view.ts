/** What the progress page says, from the book's contents and the reader's records. */
import * as text from '../strings.ts'
import { slugOf, type LabProgress, type QuizAnswer } from './records.ts'

/** What the book has, as the page embeds it. */
export interface Contents {
  readonly labs: readonly {
    readonly slug: string
    /** labKey() of the lab as it is now. */
    readonly key: string
    readonly title: string
    readonly goals: number
    /** The page that the lab is on. */
    readonly path: string
  }[]
  readonly quizzes: readonly { readonly title: string; readonly path: string; readonly questions: number }[]
}

export interface LabRow {
  readonly title: string
  readonly path: string
  readonly state: 'new' | 'begun' | 'done'
  readonly summary: string
  /** The record is of another version of the lab. */
  readonly isOld: boolean
  readonly attempts: number
  /** Milliseconds since 1970. */
  readonly lastAt: number | undefined
}

export interface QuizRow {
  readonly title: string
  readonly path: string
  readonly questions: number
  readonly answered: number
  readonly right: number
}

/** The newest record of each lab, of whatever version, by the lab's slug. */
function newestBySlug(records: Readonly<Record<string, LabProgress>>): Map<string, LabProgress> {
  const newest = new Map<string, LabProgress>()
  for (const [key, record] of Object.entries(records)) {
    const slug = slugOf(key)
    const before = newest.get(slug)
    if (before === undefined || record.lastAt > before.lastAt) newest.set(slug, record)
  }
  return newest
}

/** A row for each lab of the book. */
export function labRows({ labs }: Contents, records: Readonly<Record<string, LabProgress>>): LabRow[] {
  const newest = newestBySlug(records)
  return labs.map(({ slug, key, title, path }) => {
    const isOld = !Object.hasOwn(records, key)
    const record = isOld ? newest.get(slug) : records[key]
    if (record === undefined || record.attempts === 0)
      return {
        title,
        path,
        state: 'new',
        summary: text.labNotBegun,
        isOld: false,
        attempts: 0,
        lastAt: undefined,
      }
    const isDone = record.completedAt !== undefined
    return {
      ...{ title, path, isOld, attempts: record.attempts, lastAt: record.lastAt },
      state: isDone ? 'done' : 'begun',
      summary: isDone ? text.labDone : text.goalsMet(record.met.length, record.goals),
    }
  })
}

/** A row for each chapter that has a quiz. */
export function quizRows({ quizzes }: Contents, records: Readonly<Record<string, QuizAnswer>>): QuizRow[] {
  return quizzes.map(({ title, path, questions }) => {
    // Questions that are no longer asked may be among them.
    const answers = Object.values(records).filter((answer) => answer.path === path)
    const right = answers.filter(({ isRight }) => isRight).length
    return {
      ...{ title, path, questions },
      answered: Math.min(answers.length, questions),
      right: Math.min(right, questions),
    }
  })
}
