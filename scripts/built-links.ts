/** The links of a built book. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { builtPages } from './build/built-pages.ts'

export interface BrokenLink {
  readonly page: string
  readonly link: string
  readonly problem: string
}

/** The text of scripts and styles is no part of the page. */
const NO_MARKUP = /(<(script|style)\b[^>]*>).*?<\/\2>/gs
const LINK = /\s(?:href|src)="([^"]*)"/g
const ID = /\sid="([^"]*)"/g

function unescape(attribute: string): string {
  return attribute
    .replaceAll('&quot;', '"')
    .replaceAll('&#34;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&#38;', '&')
    .replaceAll('&amp;', '&')
}

function attributes(markup: string, pattern: RegExp): string[] {
  return [...markup.matchAll(pattern)].map(([, value]) => unescape(value))
}

/** `base`: the path under which the book will be served, with slashes at both ends. */
export function brokenLinks(folder: string, base: string): { count: number; broken: BrokenLink[] } {
  // Of no other host, so that links to other sites are told apart.
  const origin = 'http://book.invalid'
  const markup = new Map(
    builtPages(folder).map((file) => [file, readFileSync(file, 'utf8').replace(NO_MARKUP, '$1')]),
  )
  const ids = new Map<string, Set<string>>()
  const idsOf = (file: string): Set<string> => {
    const found = ids.get(file) ?? new Set(attributes(markup.get(file) ?? '', ID))
    ids.set(file, found)
    return found
  }

  /** Why a link leads nowhere, or undefined. */
  const problemOf = ({ pathname, hash }: URL): string | undefined => {
    if (!pathname.startsWith(base)) return `leaves ${base}`
    const path = join(folder, decodeURIComponent(pathname.slice(base.length)))
    const file = pathname.endsWith('/') ? join(path, 'index.html') : path
    if (!existsSync(file) || !statSync(file).isFile()) return 'leads to no file'
    // #lab-smallest-vmcb=1.abc is the state of the lab at #lab-smallest-vmcb.
    const fragment = decodeURIComponent(hash.slice(1).replace(/=.*/, ''))
    return fragment === '' || idsOf(file).has(fragment) ? undefined : 'leads to no place on that page'
  }

  let count = 0
  const broken: BrokenLink[] = []
  for (const [file, text] of markup) {
    const page =
      base +
      relative(folder, file)
        .split(sep)
        .join('/')
        .replace(/(^|\/)index\.html$/, '$1')
    for (const link of new Set(attributes(text, LINK))) {
      const url = URL.canParse(link, origin + page) ? new URL(link, origin + page) : undefined
      if (url !== undefined && url.origin !== origin) continue
      count++
      const problem = url === undefined ? 'is no address' : problemOf(url)
      if (problem !== undefined) broken.push({ page, link, problem })
    }
  }
  return { count, broken }
}
