/** What the book keeps of a reader's work, as plain data, and the judges of such data: whatever lies in the store or in a file is untrusted. */

/** Texts by file name. */
export type Texts = Readonly<Record<string, string>>

/** Texts as they stood at some time. */
export interface Version {
  readonly texts: Texts
  /** Milliseconds since 1970. */
  readonly savedAt: number
}

/** The texts of a lab. */
export interface SavedWork extends Version {
  readonly format: 2
  /** What the texts were before they were replaced as a whole, the newest first. Each can be restored. */
  readonly versions: readonly Version[]
}

/** What a reader said before the first run, of one question. */
export interface Prediction {
  readonly id: string
  /** Numbers of answers, from 0: the reader's, absent if there was a run before it, and the one that came true. */
  readonly chosen?: number | undefined
  readonly held?: number | undefined
}

/** A reader's commitment to the cause of a VMEXIT_INVALID. */
export interface Guess {
  readonly field: string
  readonly reason: string
  readonly isRight: boolean
  readonly at: number
}

/** How far a reader came in a lab. */
export interface LabProgress {
  readonly format: 1
  readonly title: string
  /** Runs that came to an end. */
  readonly attempts: number
  readonly firstAt: number
  readonly lastAt: number
  /** Names of the goals that the best run met, and how many there are. */
  readonly met: readonly string[]
  readonly goals: number
  /** When all goals were met for the first time. */
  readonly completedAt?: number | undefined
  /** How many hints were looked at. */
  readonly hints: number
  readonly predictions: readonly Prediction[]
  readonly guesses: readonly Guess[]
}

/** What a reader answered to a question of a quiz. */
export interface QuizAnswer {
  readonly format: 1
  readonly question: string
  /** Where it is asked: the page's title and its path. */
  readonly page: string
  readonly path: string
  /** The first answer that was opened, and whether it was right. */
  readonly first: string
  readonly isRight: boolean
  readonly at: number
}

/** The shelves of the store, and what lies on each. */
export interface Shelves {
  readonly 'lab-work': SavedWork
  readonly 'lab-progress': LabProgress
  readonly quiz: QuizAnswer
}

export type Shelf = keyof Shelves

/** Largest text that is believed to be a reader's, and all texts of a lab together. Characters. */
const LARGEST_TEXT = 1_000_000
const LARGEST_WORK = 4_000_000
const MOST_FILES = 50
/** Versions beyond this are forgotten, the oldest first. */
export const MOST_VERSIONS = 20
const LONGEST_LINE = 2000
/** Items of a list in a record: with more the record is not read. */
const MOST_ITEMS = 500

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** The last ones of a list that grows, as many as a record can hold. */
export function lastItems<T>(items: readonly T[]): T[] {
  return items.slice(-MOST_ITEMS)
}

/** One more than `count`, as far as a record can count. */
export function oneMore(count: number): number {
  return Math.min(count + 1, Number.MAX_SAFE_INTEGER)
}

function isLine(value: unknown): value is string {
  return typeof value === 'string' && value.length <= LONGEST_LINE
}

function isList<T>(value: unknown, isItem: (item: unknown) => item is T): value is T[] {
  return Array.isArray(value) && value.length <= MOST_ITEMS && value.every(isItem)
}

/** Texts, each a file's; with `names`, one for each of those and no others. Undefined if `value` is something else. */
export function parseTexts(value: unknown, names?: readonly string[]): Texts | undefined {
  if (!isRecord(value)) return undefined
  const wanted = names ?? Object.keys(value)
  if (wanted.length > MOST_FILES) return undefined
  const entries = wanted.map((name) => [name, Object.hasOwn(value, name) ? value[name] : undefined] as const)
  let size = 0
  for (const [name, text] of entries) {
    if (typeof text !== 'string' || text.length > LARGEST_TEXT || !isLine(name)) return undefined
    size += text.length
  }
  return size > LARGEST_WORK ? undefined : (Object.fromEntries(entries) as Texts)
}

function parseVersion(value: unknown, names?: readonly string[]): Version | undefined {
  if (!isRecord(value)) return undefined
  const texts = parseTexts(value['texts'], names)
  const savedAt = value['savedAt']
  return texts === undefined || !isTime(savedAt) ? undefined : { texts, savedAt }
}

/** Saved work in this format or the one before, with a text for each of `names`; undefined for anything else. */
export function parseSavedWork(value: unknown, names?: readonly string[]): SavedWork | undefined {
  const version = parseVersion(value, names)
  if (version === undefined || !isRecord(value)) return undefined
  const { format, earlier, versions } = value
  if (format === 1) {
    // Format 1 had one earlier version, without its time.
    const before = parseTexts(earlier, names)
    return {
      format: 2,
      ...version,
      versions: before === undefined ? [] : [{ texts: before, savedAt: version.savedAt }],
    }
  }
  if (format !== 2 || !Array.isArray(versions)) return undefined
  const kept = versions.slice(0, MOST_VERSIONS).flatMap((one) => parseVersion(one, names) ?? [])
  return { format: 2, ...version, versions: kept }
}

function isPrediction(value: unknown): value is Prediction {
  if (!isRecord(value)) return false
  const { id, chosen, held } = value
  return isLine(id) && (chosen === undefined || isCount(chosen)) && (held === undefined || isCount(held))
}

function isGuess(value: unknown): value is Guess {
  if (!isRecord(value)) return false
  const { field, reason, isRight, at } = value
  return isLine(field) && isLine(reason) && typeof isRight === 'boolean' && isTime(at)
}

export function parseLabProgress(value: unknown): LabProgress | undefined {
  if (!isRecord(value) || value['format'] !== 1) return undefined
  const { title, attempts, firstAt, lastAt, met, goals, completedAt, hints, predictions, guesses } = value
  const isWhole =
    isLine(title) &&
    isCount(attempts) &&
    isTime(firstAt) &&
    isTime(lastAt) &&
    isList(met, isLine) &&
    isCount(goals) &&
    (completedAt === undefined || isTime(completedAt)) &&
    isCount(hints) &&
    isList(predictions, isPrediction) &&
    isList(guesses, isGuess)
  if (!isWhole) return undefined
  return {
    ...{ format: 1, title, attempts, firstAt, lastAt, met, goals, completedAt, hints },
    predictions: predictions.map(({ id, chosen, held }) => ({ id, chosen, held })),
    guesses: guesses.map(({ field, reason, isRight, at }) => ({ field, reason, isRight, at })),
  }
}

export function parseQuizAnswer(value: unknown): QuizAnswer | undefined {
  if (!isRecord(value) || value['format'] !== 1) return undefined
  const { question, page, path, first, isRight, at } = value
  const isWhole =
    isLine(question) &&
    isLine(page) &&
    isLine(path) &&
    // It becomes a link: it has to lead into this site.
    /^\/(?!\/)[\w/.-]*$/.test(path) &&
    isLine(first) &&
    typeof isRight === 'boolean' &&
    isTime(at)
  return isWhole ? { format: 1, question, page, path, first, isRight, at } : undefined
}

/** The judge of each shelf's records. */
export const PARSERS: { readonly [S in Shelf]: (value: unknown) => Shelves[S] | undefined } = {
  'lab-work': parseSavedWork,
  'lab-progress': parseLabProgress,
  quiz: parseQuizAnswer,
}

/** FNV-1a over UTF-16 units: 16 hexadecimal digits by which contents are told apart. */
export function contentHash(parts: readonly string[]): string {
  let hash = 0xcbf2_9ce4_8422_2325n
  for (const part of parts)
    for (let i = 0; i <= part.length; i++) {
      const unit = i < part.length ? part.charCodeAt(i) : 0
      hash = BigInt.asUintN(64, (hash ^ BigInt(unit)) * 0x100_0000_01b3n)
    }
  return hash.toString(16).padStart(16, '0')
}

/** The key of a lab's records: its slug and a hash of its files, because texts fit only the version they were written for. */
export function labKey(slug: string, files: Readonly<Record<string, string>>): string {
  return `${slug}:${contentHash(Object.entries(files).sort().flat())}`
}

/** The slug in a key of labKey(). */
export function slugOf(key: string): string {
  return key.slice(0, Math.max(0, key.lastIndexOf(':')))
}
