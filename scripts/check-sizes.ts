/**
 * Holds the built book in dist/ to its budgets: the JavaScript of a page before the editor, the worker with emulator and assembler, L0.
 * No page may load anything from another origin. Ends with status 1 and says which page or chunk it is if one does not hold.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import process from 'node:process'
import { brotliBytes } from './brotli.ts'
import { builtPages } from './build/built-pages.ts'
import { Chunks, chunksOfPage, foreignSources, inlineCode } from './built-chunks.ts'

const FOLDER = 'dist'

/** Bytes after brotli, as all here. A workbench counts with its page, though it is loaded only when a lab comes near. */
const PAGE_BUDGET = 60 * 1024
/** mount.tsx of a folder puts what it holds into a page; whatever else is loaded later waits for the reader, or is the editor. */
const isMount = (name: string): boolean => name.startsWith('mount.')

/** Chunks of the worker by how their names begin. */
const WORKER_BUDGETS = [
  { prefix: 'worker-', holds: 'emulator, assembler and worker', budget: 150 * 1024 },
  { prefix: 'hypervisor-', holds: 'L0, for labs whose program is L1', budget: 80 * 1024 },
] as const

const chunks = new Chunks(FOLDER)
const measured = new Map<string, number>()
const problems: string[] = []

function bytesOf(name: string): number {
  const bytes = measured.get(name) ?? brotliBytes(chunks.code(name))
  measured.set(name, bytes)
  return bytes
}

function kibibytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`
}

let largest = { page: '', bytes: 0 }
for (const file of builtPages(FOLDER)) {
  const page = relative(FOLDER, file)
  const html = readFileSync(file, 'utf8')
  for (const source of foreignSources(html)) problems.push(`${page} loads ${source} from another origin`)
  const names = [...chunks.closure(chunksOfPage(html), isMount)]
  if (html.includes('<ws-lab') && !names.some(isMount))
    problems.push(`${page} has a lab, but none of its scripts leads to the workbench`)
  const bytes = names.reduce((sum, name) => sum + bytesOf(name), brotliBytes(inlineCode(html)))
  if (bytes > largest.bytes) largest = { page, bytes }
  if (bytes > PAGE_BUDGET) {
    const heaviest = names.sort((a, b) => bytesOf(b) - bytesOf(a)).slice(0, 5)
    const list = heaviest.map((name) => `${name} ${kibibytes(bytesOf(name))}`).join(', ')
    problems.push(
      `${page} loads ${kibibytes(bytes)} of JavaScript before the editor; its budget is ${kibibytes(PAGE_BUDGET)} (${list}, ...)`,
    )
  }
}
console.log(
  `JavaScript before the editor: at most ${kibibytes(largest.bytes)} of ${kibibytes(PAGE_BUDGET)} (${largest.page})`,
)

const files = readdirSync(join(FOLDER, '_astro'))
for (const { prefix, holds, budget } of WORKER_BUDGETS) {
  const found = files.filter((name) => name.startsWith(prefix) && name.endsWith('.js'))
  if (found.length !== 1) problems.push(`there is not one chunk ${prefix}*.js (${holds}) but ${found.length}`)
  for (const name of found) {
    const bytes = bytesOf(name)
    console.log(`${holds}: ${kibibytes(bytes)} of ${kibibytes(budget)}`)
    if (bytes > budget)
      problems.push(`${name} (${holds}) has ${kibibytes(bytes)}; its budget is ${kibibytes(budget)}`)
  }
}

for (const problem of problems) console.error(problem)
process.exitCode = problems.length === 0 ? 0 : 1
