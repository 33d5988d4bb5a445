/** The pages that a build has written. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** The paths of all HTML files in `folder`, in the order of their names. */
export function builtPages(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.html'))
    .sort()
    .map((file) => join(folder, file))
}
