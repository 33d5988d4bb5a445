// How the book is built: static pages, MDX with the book's own directives, highlighting at build time.
import { unified } from '@astrojs/markdown-remark'
import mdx from '@astrojs/mdx'
import { defineConfig } from 'astro/config'
import remarkDirective from 'remark-directive'
import { bookTheme, nasm, vmcb } from './src/highlight/languages.ts'
import { rehypeScrollableTables } from './src/markdown/rehype-scrollable-tables.ts'
import { remarkBoxes } from './src/markdown/remark-boxes.ts'

export default defineConfig({
  integrations: [mdx()],
  trailingSlash: 'always',
  // The default drops the space between a word and a link on the next line.
  compressHTML: true,
  devToolbar: { enabled: false },
  vite: {
    // Modules, so that a worker can load L0 when a lab needs it.
    worker: { format: 'es' },
    build: {
      rolldownOptions: {
        // Astro marks each chapter with a directive of its own, of which the bundler warns.
        onLog: (level, log, handle) => log.code === 'MODULE_LEVEL_DIRECTIVE' || handle(level, log),
      },
    },
  },
  markdown: {
    // Astro's default processor ignores these plugins and drops directives without a word.
    processor: unified({
      remarkPlugins: [remarkDirective, remarkBoxes],
      rehypePlugins: [rehypeScrollableTables],
    }),
    shikiConfig: { theme: bookTheme, langs: [nasm, vmcb] },
  },
})
