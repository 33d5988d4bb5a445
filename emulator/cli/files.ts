/** Source files from disk: a program with what it includes, and lab folders. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseDecisions, type Decisions } from '../hypervisor/index.ts'
import { InputError } from './command.ts'

const DESIGNS = fileURLToPath(new URL('../../content/designs', import.meta.url))

const TEXT = /\.(asm|inc|vmcb|yaml|md)$/

export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new InputError(error instanceof Error ? error.message : `cannot read ${path}`)
  }
}

/** The program and the .inc and .asm files beside it, which `%include` finds by name. */
export function readProgram(path: string): { name: string; files: Map<string, string> } {
  const folder = dirname(path)
  const files = new Map([[basename(path), readText(path)]])
  for (const name of readdirSync(folder).sort()) {
    if (/\.(inc|asm)$/.test(name) && !files.has(name)) files.set(name, readText(join(folder, name)))
  }
  return { name: basename(path), files }
}

/** The designs of the book, as labs name them: "designs/as-merged.yaml". */
function readDesigns(): [string, string][] {
  return designNames().map((name) => [`designs/${name}.yaml`, readText(join(DESIGNS, `${name}.yaml`))])
}

/** The text files of a lab's folder by path relative to it, and the designs that it can name. */
export function readLabFolder(folder: string): Map<string, string> {
  const files = new Map(readDesigns())
  for (const inner of ['', 'start', 'solution']) {
    const place = join(folder, inner)
    if (!existsSync(place)) continue
    for (const name of readdirSync(place).sort()) {
      if (TEXT.test(name) && statSync(join(place, name)).isFile())
        files.set(inner === '' ? name : `${inner}/${name}`, readText(join(place, name)))
    }
  }
  return files
}

/** The names that --l0 takes besides files. */
export function designNames(): string[] {
  return readdirSync(DESIGNS)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => name.replace(/\.yaml$/, ''))
    .sort()
}

/** The file that a design is in: one of that name, or a design of the book. Throws InputError. */
function designPath(name: string): string {
  const path = existsSync(name) ? name : join(DESIGNS, `${name}.yaml`)
  if (existsSync(path)) return path
  throw new InputError(`there is no file ${name}, and no such design; designs: ${designNames().join(', ')}`)
}

/** What L0 decides, as a text, from a file or by the name of a design of the book. Throws InputError. */
export function readDesignText(name: string): string {
  return readText(designPath(name))
}

/** What L0 decides. Throws InputError. */
export function readDesign(name: string): Decisions {
  const path = designPath(name)
  const { decisions, diagnostics } = parseDecisions(path, readText(path))
  if (decisions === undefined)
    throw new InputError(diagnostics.map(({ line, message }) => `${path}:${line}: ${message}`).join('\n'))
  return decisions
}
