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

function progressOf(
  { slug, key }: Contents['labs'][number],
  records: Readonly<Record<string, LabProgress>>,
): { readonly record: LabProgress; readonly isOld: boolean } | undefined {
  if (Object.hasOwn(records, key)) return { record: records[key], isOld: false }
  const old = Object.entries(records)
    .filter(([other]) => slugOf(other) === slug)
    .map(([, record]) => record)
    .sort((a, b) => b.lastAt - a.lastAt)
  return old.length === 0 ? undefined : { record: old[0], isOld: true }
}

/** A row for each lab of the book. */
export function labRows({ labs }: Contents, records: Readonly<Record<string, LabProgress>>): LabRow[] {
  return labs.map((lab) => {
    const { title, path } = lab
    const found = progressOf(lab, records)
    if (found === undefined || found.record.attempts === 0)
      return {
        title,
        path,
        state: 'new',
        summary: text.labNotBegun,
        isOld: false,
        attempts: 0,
        lastAt: undefined,
      }
    const { record, isOld } = found
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
