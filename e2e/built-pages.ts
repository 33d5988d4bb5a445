// The addresses of all pages of the built book.
import { readdirSync } from 'node:fs'

/** "/", "/chapters/vmrun/", ...; the page for unknown addresses is not among them. */
export const BUILT_PAGES: readonly string[] = readdirSync('dist', { recursive: true, encoding: 'utf8' })
  .filter((file) => /(^|\/)index\.html$/.test(file))
  .map((file) => `/${file.replace(/index\.html$/, '')}`)
  .sort()

/**
 * As BUILT_PAGES, with the first page only of those that one template makes from a table: /reference/vmcb/asid/, /lab/.../. Without
 * the whole book in one page, which holds nothing that its chapters do not.
 */
export const BUILT_TEMPLATES: readonly string[] = BUILT_PAGES.filter((address) => {
  if (address === '/print/') return false
  const family = /^\/(reference\/[^/]+|lab|embed)\/(?=[^/]+\/$)/.exec(address)?.[0]
  return (
    family === undefined ||
    BUILT_PAGES.find((other) => other.startsWith(family) && other !== family) === address
  )
})

if (BUILT_PAGES.length === 0) throw new Error('dist holds no pages: build the book first')
