/** Test set-up: the book's labs with L0, as their folders have them. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import * as hypervisor from '../hypervisor/index.ts'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseLab, type ParsedLab } from './parse.ts'
import type { Lab } from './schema.ts'
import { LabSession, type SessionOptions } from './session.ts'

const CONTENT = fileURLToPath(new URL('../../content', import.meta.url))

function textsBelow(folder: string): [string, string][] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(folder, path)).isFile())
    .map((path) => [path, readFileSync(join(folder, path), 'utf8')])
}

/** A lab's folder and the designs, with some texts replaced. */
export function l0LabFiles(slug: string, changes: Record<string, string> = {}): Map<string, string> {
  const designs = textsBelow(join(CONTENT, 'designs')).map(([path, text]): [string, string] => [
    `designs/${path}`,
    text,
  ])
  return new Map([...designs, ...textsBelow(join(CONTENT, 'labs', slug)), ...Object.entries(changes)])
}

export function readL0Lab(slug: string): ParsedLab & { readonly lab: Lab } {
  const parsed = parseLab(slug, l0LabFiles(slug))
  if (parsed.lab === undefined) throw new Error(JSON.stringify(parsed.diagnostics))
  return { ...parsed, lab: parsed.lab }
}

/** A session that has run the solution, or the start, with some texts replaced. */
export function ranSession(
  slug: string,
  texts: 'start' | 'solution',
  changes: Record<string, string> = {},
  options: SessionOptions = {},
): LabSession {
  const parsed = readL0Lab(slug)
  const session = new LabSession(parsed.lab, { hypervisor, ...options })
  const built = session.build(new Map([...parsed[texts], ...Object.entries(changes)]))
  if (!built.usable) throw new Error(JSON.stringify(built.diagnostics))
  session.reset(built)
  session.run()
  return session
}
