// The addresses of all pages of the built book.
import { readdirSync } from 'node:fs'

/** "/", "/chapters/vmrun/", ...; the page for unknown addresses is not among them. */
export const BUILT_PAGES: readonly string[] = readdirSync('dist', { recursive: true, encoding: 'utf8' })
  .filter((file) => /(^|\/)index\.html$/.test(file))
  .map((file) => `/${file.replace(/index\.html$/, '')}`)
  .sort()

if (BUILT_PAGES.length === 0) throw new Error('dist holds no pages: build the book first')
