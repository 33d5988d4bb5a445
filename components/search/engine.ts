/** Asks the index that the build makes (scripts/build/search-index.ts). Pagefind and its index are loaded at the first question. */
import { href } from '../paths.ts'
import { excerptParts, titlesFirst, type ExcerptPart } from './results.ts'

export interface Hit {
  readonly url: string
  readonly title: string
  /** "Chapter", "VMCB field", ... */
  readonly kind: string
  readonly excerpt: readonly ExcerptPart[]
  /** The sections of the page that say it. */
  readonly sections: readonly { readonly url: string; readonly title: string }[]
}

/** The part of pagefind's interface that is used; the package has no types for what runs in a page. */
interface Pagefind {
  options(options: { baseUrl: string; excerptLength: number }): Promise<void>
  search(query: string): Promise<{ results: { data(): Promise<PagefindPage> }[] }>
}

interface PagefindPage {
  readonly url: string
  readonly meta: { readonly title: string; readonly kind: string }
  /** Text with entities, and <mark> around what was found. */
  readonly excerpt: string
  readonly sub_results: readonly { readonly url: string; readonly title: string }[]
}

/** Of more pages nobody reads the list. */
const MOST_HITS = 60
/** In words. */
const EXCERPT_LENGTH = 22
const MOST_SECTIONS = 3

let loading: Promise<Pagefind> | undefined

/** Loads the search. Rejects where it cannot be loaded; the next call tries again. */
export function loadSearch(): Promise<Pagefind> {
  loading ??= load().catch((error: unknown) => {
    loading = undefined
    throw error
  })
  return loading
}

async function load(): Promise<Pagefind> {
  const pagefind = (await import(/* @vite-ignore */ href('/pagefind/pagefind.js'))) as Pagefind
  await pagefind.options({ baseUrl: href('/'), excerptLength: EXCERPT_LENGTH })
  return pagefind
}

/** The pages that hold the words of the query, the best first. */
export async function search(query: string): Promise<readonly Hit[]> {
  const pagefind = await loadSearch()
  const { results } = await pagefind.search(query)
  const pages = await Promise.all(results.slice(0, MOST_HITS).map((result) => result.data()))
  const hits = pages.map(({ url, meta, excerpt, sub_results }) => ({
    url,
    title: meta.title,
    kind: meta.kind,
    excerpt: excerptParts(excerpt),
    sections: sub_results.filter(({ title }) => title !== meta.title).slice(0, MOST_SECTIONS),
  }))
  return titlesFirst(hits, query)
}
