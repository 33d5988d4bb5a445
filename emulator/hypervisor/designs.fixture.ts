/** The designs of the case study, read from content/designs. */
import { readdirSync, readFileSync } from 'node:fs'
import { parseDecisions, type Decisions } from './decisions.ts'

const FOLDER = new URL('../../content/designs/', import.meta.url)

/** The five designs in the order in which the book tells them. */
export const FIVE = ['before-the-series', 'live-page', 'own-field', 'save-cache-with-controls', 'as-merged']

export const DESIGN_NAMES: readonly string[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => name.replace(/\.yaml$/, ''))

export function designText(name: string): string {
  return readFileSync(new URL(`${name}.yaml`, FOLDER), 'utf8')
}

/** A design by the name of its file. */
export function design(name: string): Decisions {
  const { decisions, diagnostics } = parseDecisions(`${name}.yaml`, designText(name))
  if (decisions === undefined) throw new Error(JSON.stringify(diagnostics))
  return decisions
}
