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
  devToolbar: { enabled: false },
  markdown: {
    // Astro's default processor ignores these plugins and drops directives without a word.
    processor: unified({
      remarkPlugins: [remarkDirective, remarkBoxes],
      rehypePlugins: [rehypeScrollableTables],
    }),
    shikiConfig: { theme: bookTheme, langs: [nasm, vmcb] },
  },
})
