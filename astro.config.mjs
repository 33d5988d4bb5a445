// How the book is built: static pages, MDX with the book's own directives, highlighting at build time.
import { unified } from '@astrojs/markdown-remark'
import mdx from '@astrojs/mdx'
import { defineConfig } from 'astro/config'
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import remarkDirective from 'remark-directive'
import { bookTheme, nasm, vmcb } from './src/highlight/languages.ts'
import { buildName } from './scripts/build/build-name.ts'
import { contentSecurityPolicyIntegration } from './scripts/build/content-security-policy.ts'
import { searchIndex } from './scripts/build/search-index.ts'
import { serviceWorker } from './scripts/build/service-worker.ts'
import { stringsByUser } from './scripts/build/strings-by-user.ts'
import { rehypeBasePath } from './src/markdown/rehype-base-path.ts'
import { rehypeScrollableTables } from './src/markdown/rehype-scrollable-tables.ts'
import { remarkBoxes } from './src/markdown/remark-boxes.ts'
import { remarkReferences } from './src/markdown/remark-references.ts'
import { parseGlossary, parseSources } from './src/references.ts'

// The path under which the book will be served: WORLD_SWITCH_BASE=/book/ npm run build
const base = process.env['WORLD_SWITCH_BASE'] ?? '/'

/**
 * The text of a file of the project.
 * @param {string} path
 */
function read(path) {
  return readFileSync(new URL(path, import.meta.url), 'utf8')
}

const sources = parseSources(read('content/sources.yaml'))
const glossary = parseGlossary(read('content/glossary.yaml'), sources)

const { version } = JSON.parse(read('package.json'))
const name = buildName(import.meta.dirname, version)

/** With both, a page has the strings that it shows, and no others: constants at their places, functions beside their users. */
const optimization = /** @type {const} */ ({ inlineConst: { mode: 'all' } })
const strings = stringsByUser(fileURLToPath(new URL('components/strings.ts', import.meta.url)))

export default defineConfig({
  base,
  // What comes after the build runs in this order: the service worker lists what the others leave.
  integrations: [mdx(), contentSecurityPolicyIntegration(), searchIndex(), serviceWorker()],
  trailingSlash: 'always',
  // The default drops the space between a word and a link on the next line.
  compressHTML: true,
  devToolbar: { enabled: false },
  vite: {
    plugins: [strings],
    define: { 'import.meta.env.BUILD_NAME': JSON.stringify(name) },
    // Modules, so that a worker can load L0 when a lab needs it.
    worker: { format: 'es', plugins: () => [strings], rolldownOptions: { optimization } },
    build: {
      // The Content-Security-Policy knows no fonts but files.
      assetsInlineLimit: (file) => (file.endsWith('.woff2') ? false : undefined),
      rolldownOptions: {
        optimization,
        // Astro marks each chapter with a directive of its own, of which the bundler warns.
        onLog: (level, log, handle) => log.code === 'MODULE_LEVEL_DIRECTIVE' || handle(level, log),
      },
    },
  },
  markdown: {
    // Astro's default processor ignores these plugins and drops directives without a word.
    processor: unified({
      remarkPlugins: [remarkDirective, remarkBoxes, [remarkReferences, { glossary, sources }]],
      rehypePlugins: [rehypeScrollableTables, [rehypeBasePath, base]],
    }),
    shikiConfig: { theme: bookTheme, langs: [nasm, vmcb] },
  },
})
