// What a chapter's file must say about itself. Its title, part and number come from content/book.yaml.
import { defineCollection } from 'astro:content'
import { glob } from 'astro/loaders'
import { z } from 'astro/zod'

const chapters = defineCollection({
  loader: glob({ pattern: '*.mdx', base: './content/chapters' }),
  schema: z.strictObject({
    summary: z.string().describe('One sentence for the contents page and for search engines.'),
    question: z.string().describe('The question that the reader can get wrong; the chapter opens with it.'),
    assumes: z.array(z.string()).default([]).describe('Slugs of the chapters that this one builds on.'),
  }),
})

export const collections = { chapters }
