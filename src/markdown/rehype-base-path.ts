// Links of the prose to pages of the book ("/chapters/vmrun/") lead there under a sub-path, too.
import type { Root } from 'hast'
import { visit } from 'unist-util-visit'

/** `base` is Astro's: "/" or "/book/". */
export function rehypeBasePath(base: string) {
  const prefix = base.replace(/\/$/, '')
  return (tree: Root) => {
    visit(tree, 'element', ({ tagName, properties }) => {
      const { href } = properties
      if (tagName === 'a' && typeof href === 'string' && /^\/(?!\/)/.test(href)) {
        properties['href'] = prefix + href
      }
    })
  }
}
