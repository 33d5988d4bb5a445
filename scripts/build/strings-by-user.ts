/** How the strings of the interface get into the pages: each module that uses some has a copy of components/strings.ts of its own. */
import type { Plugin } from 'vite'

/**
 * Otherwise all that any page says would be in one chunk, which every page would load: a bundler does not divide a module. What a
 * module does not use of its copy is dropped.
 */
export function stringsByUser(file: string): Plugin {
  return {
    name: 'strings-by-user',
    apply: 'build',
    enforce: 'pre',
    async resolveId(source, importer, options) {
      if (importer === undefined || !source.endsWith('/strings.ts')) return null
      const resolved = await this.resolve(source, importer, { ...options, skipSelf: true })
      return resolved?.id === file ? `${file}?for=${encodeURIComponent(importer)}` : resolved
    },
  }
}
