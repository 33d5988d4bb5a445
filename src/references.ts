// The glossary and the sources of the book: content/glossary.yaml and content/sources.yaml, checked.
// The functions take the files' texts, since both the pages (Vite) and the Markdown plugin (Node) read them.
import { z } from 'astro/zod'
import { parse } from 'yaml'

const id = z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/)

const termSchema = z.strictObject({
  id,
  term: z.string(),
  also: z.array(z.string()).default([]).describe('Other writings that :term[...] finds, plurals included.'),
  text: z.string().describe('One to three sentences.'),
  section: z.string().optional().describe('Of the APM, volume 2 unless it says so: "§15.5.1".'),
  sources: z.array(id).default([]).describe('Entries of content/sources.yaml.'),
  seeAlso: z.array(id).default([]),
  chapter: z.string().optional().describe('Slug of the chapter that teaches it.'),
})

export type Term = z.infer<typeof termSchema>

export const SOURCE_KINDS = ['manual', 'commit', 'mail', 'test', 'paper', 'page'] as const

const sourceSchema = z.strictObject({
  id,
  kind: z.enum(SOURCE_KINDS),
  short: z.string().describe('As the text cites it, without the brackets.'),
  title: z.string(),
  author: z.string().optional(),
  date: z
    .string()
    .regex(/^\d{4}(-\d\d(-\d\d)?)?$/)
    .optional(),
  version: z.string().optional(),
  url: z.url({ protocol: /^https$/ }).optional(),
  messageId: z.string().optional(),
  note: z.string().optional(),
})

export type Source = z.infer<typeof sourceSchema>

/** The entries of a YAML list; a wrong entry, or an id that stands twice, is an error that names file and id. */
function entries<T extends { id: string }>(file: string, text: string, schema: z.ZodType<T>): T[] {
  const list = z.array(z.unknown()).parse(parse(text))
  const found = new Map<string, T>()
  for (const [index, item] of list.entries()) {
    const { data, error } = schema.safeParse(item)
    const name = z.object({ id: z.string() }).safeParse(item).data?.id ?? `entry ${index + 1}`
    if (error !== undefined) throw new Error(`${file}: ${name}: ${z.prettifyError(error)}`)
    if (found.has(data.id)) throw new Error(`${file}: ${data.id} stands twice`)
    found.set(data.id, data)
  }
  return [...found.values()]
}

/** The sources in the order of the file. No message stands twice. */
export function parseSources(text: string): Source[] {
  const file = 'content/sources.yaml'
  const sources = entries(file, text, sourceSchema)
  const messages = new Map<string, string>()
  for (const { id, messageId } of sources) {
    if (messageId === undefined) continue
    const other = messages.get(messageId)
    if (other !== undefined) throw new Error(`${file}: ${id}: the message id of ${other}`)
    messages.set(messageId, id)
  }
  return sources
}

/** The terms by alphabet. What an entry names must exist, and no writing may stand for two terms. */
export function parseGlossary(text: string, sources: readonly Source[]): Term[] {
  const file = 'content/glossary.yaml'
  const terms = entries(file, text, termSchema)
  const ids = new Set(terms.map((term) => term.id))
  const writings = new Map<string, string>()
  for (const term of terms) {
    for (const other of term.seeAlso) {
      if (!ids.has(other)) throw new Error(`${file}: ${term.id}: seeAlso names no entry: ${other}`)
    }
    for (const source of term.sources) {
      if (!sources.some((known) => known.id === source)) {
        throw new Error(`${file}: ${term.id}: no entry of content/sources.yaml: ${source}`)
      }
    }
    for (const writing of writingsOf(term)) {
      const other = writings.get(writing)
      if (other !== undefined) throw new Error(`${file}: "${writing}" stands for ${other} and ${term.id}`)
      writings.set(writing, term.id)
    }
  }
  return terms.sort((a, b) => sortKey(a).localeCompare(sortKey(b), 'en'))
}

/** "#VMEXIT" stands among the V. */
function sortKey({ term }: Term): string {
  return term.replace(/^[^A-Za-z0-9]+/, '')
}

/** Everything that :term[...] may say for a term, in lower case and each once. */
function writingsOf({ id, term, also }: Term): Set<string> {
  return new Set([id, term, ...also].map((writing) => writing.toLowerCase()))
}

/** The term that `text` is a writing of. */
export function findTerm(terms: readonly Term[], text: string): Term | undefined {
  const writing = text.trim().replaceAll(/\s+/g, ' ').toLowerCase()
  return terms.find((term) => writingsOf(term).has(writing))
}

/** The reference of an entry in full: "APM vol 2 §15.5.1". */
export function sectionText({ section }: Pick<Term, 'section'>): string | undefined {
  return section === undefined || section.startsWith('APM') ? section : `APM vol 2 ${section}`
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'June', 'July', 'Aug', 'Sept', 'Oct', 'Nov', 'Dec']

/** "2026-02-05" as "5 Feb 2026"; "2026-03" as "Mar 2026". */
export function dateText(date: string): string {
  const [year = '', month, day] = date.split('-')
  return [day && String(Number(day)), month && MONTHS[Number(month) - 1], year].filter(Boolean).join(' ')
}

/** Author, version, date and identity of a source as one sentence, and the note as another. */
export function sourceDetails({ author, version, date, messageId, note }: Source): string {
  const identity = [author, version, date && dateText(date), messageId && `message id ${messageId}`]
  return [identity.filter(Boolean).join(', '), note]
    .filter(Boolean)
    .map((sentence) => `${sentence}.`)
    .join(' ')
}

/** Where the source can be read: its address, or a message's in the archive of the kernel's lists. */
export function sourceAddress({ url, messageId }: Source): string | undefined {
  return url ?? (messageId && `https://lore.kernel.org/all/${messageId}/`)
}
