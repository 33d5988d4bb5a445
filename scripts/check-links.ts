/**
 * Follows every link of the built book in dist/ that leads to a place in the book: file and fragment must be there. Ends with status 1
 * and says which page and which link it is if one is broken.
 */
import process from 'node:process'
import { brokenLinks } from './built-links.ts'

const { count, broken } = brokenLinks('dist', process.env['WORLD_SWITCH_BASE'] ?? '/')
for (const { page, link, problem } of broken) console.error(`${page}: ${link} ${problem}`)
console.log(`${count} links, ${broken.length} broken`)
process.exitCode = broken.length === 0 ? 0 : 1
