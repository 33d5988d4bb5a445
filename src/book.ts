// The book's order: content/book.yaml joined with the chapters that are written.
import { getCollection, type CollectionEntry } from 'astro:content'
import { z } from 'astro/zod'
import { parse } from 'yaml'
import bookYaml from '../content/book.yaml?raw'

const bookSchema = z.strictObject({
  parts: z.array(
    z.strictObject({
      title: z.string(),
      chapters: z.array(
        z.strictObject({
          slug: z.string().regex(/^[a-z0-9-]+$/),
          title: z.string(),
          about: z.string().describe('One sentence, shown while the chapter is planned.'),
        }),
      ),
    }),
  ),
})

export interface Chapter {
  /** Place in the book, from 1. */
  number: number
  slug: string
  title: string
  about: string
  part: string
  /** The text, once it is written. */
  entry: CollectionEntry<'chapters'> | undefined
}

export type WrittenChapter = Chapter & { entry: CollectionEntry<'chapters'> }

const ROMAN = ['I', 'II', 'III', 'IV', 'V']

export interface Part {
  /** Roman: II. */
  number: string
  title: string
  chapters: Chapter[]
}

/** The parts in order. A file in content/chapters that the book does not list is an error. */
export async function readParts(): Promise<Part[]> {
  const entries = new Map((await getCollection('chapters')).map((entry) => [entry.id, entry]))
  let number = 0
  const parts = bookSchema.parse(parse(bookYaml)).parts.map(({ title, chapters }, index) => ({
    number: ROMAN[index] ?? String(index + 1),
    title,
    chapters: chapters.map((chapter) => {
      number++
      const id = `${String(number).padStart(2, '0')}-${chapter.slug}`
      const entry = entries.get(id)
      entries.delete(id)
      return { ...chapter, number, part: title, entry }
    }),
  }))
  if (entries.size > 0) {
    throw new Error(
      `content/book.yaml lists no chapter for ${[...entries.keys()].join(', ')} in content/chapters`,
    )
  }
  return parts
}

/** The chapters that can be read, in order. */
export async function readWrittenChapters(): Promise<WrittenChapter[]> {
  const chapters = (await readParts()).flatMap((part) => part.chapters)
  return chapters.filter((chapter): chapter is WrittenChapter => chapter.entry !== undefined)
}
