/** The search index: after the build pagefind reads the pages that say what kind of page they are (src/layouts/Page.astro). */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AstroIntegration } from 'astro'
import { close, createIndex } from 'pagefind'

/** Of what pagefind makes, its search without its user interfaces: the book has its own (components/search). */
const NEEDED = /^pagefind(-worker)?\.js$|^pagefind-entry\.json$|\.pf_|^wasm\.en\./

export function searchIndex(): AstroIntegration {
  return {
    name: 'search-index',
    hooks: {
      'astro:build:done': async ({ dir, logger }) => {
        const { index, errors } = await createIndex({
          // "g_pat" and "np_enable" are words.
          includeCharacters: '_',
          // The contents of a page, and the ways to others.
          excludeSelectors: ['.in-page', '.onward', '.chapter-place'],
          // The excerpts of many pages in one file.
          maxFragments: 16,
        })
        if (index === undefined) throw new Error(errors.join('\n'))
        const indexed = await index.addDirectory({ path: fileURLToPath(dir) })
        const built = await index.getFiles()
        await close()
        if (indexed.errors.length + built.errors.length > 0)
          throw new Error([...indexed.errors, ...built.errors].join('\n'))
        const files = built.files.filter(({ path }) => NEEDED.test(path))
        await Promise.all(
          files.map(async ({ path, content }) => {
            const file = fileURLToPath(new URL(`pagefind/${path}`, dir))
            await mkdir(dirname(file), { recursive: true })
            await writeFile(file, content)
          }),
        )
        const bytes = files.reduce((sum, { content }) => sum + content.length, 0)
        logger.info(
          `${indexed.page_count} pages; ${files.length} files, ${(bytes / 1e3).toFixed(0)} KB, find what is in them`,
        )
      },
    },
  }
}
