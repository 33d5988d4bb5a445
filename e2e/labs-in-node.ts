// A lab's files and runs in this process, to compare the page with.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as hypervisor from '../emulator/hypervisor/index.ts'
import { editTexts, LabSession, parseLab, type ParsedLab } from '../emulator/lab/index.ts'

function textsBelow(folder: string, prefix = ''): [string, string][] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(folder, path)).isFile())
    .map((path) => [prefix + path, readFileSync(join(folder, path), 'utf8')])
}

/** The folder's texts by path, and the designs that labs can name. */
export function labFiles(slug: string): Map<string, string> {
  return new Map([...textsBelow(join('content/labs', slug)), ...textsBelow('content/designs', 'designs/')])
}

/** A text of the lab: `folder` is "start" or "solution". */
export function labText(slug: string, folder: 'start' | 'solution', name: string): string {
  const text = labFiles(slug).get(`${folder}/${name}`)
  if (text === undefined) throw new Error(`${slug} has no ${folder}/${name}`)
  return text
}

function parsed(slug: string): ParsedLab & { lab: NonNullable<ParsedLab['lab']> } {
  const { lab, ...rest } = parseLab(slug, labFiles(slug))
  if (lab === undefined) throw new Error(`${slug} cannot be read`)
  return { lab, ...rest }
}

/** Those that are not as in the start. */
function differing(texts: ReadonlyMap<string, string>, start: ReadonlyMap<string, string>) {
  return new Map([...texts].filter(([name, text]) => text !== start.get(name)))
}

/** What a reader has to enter to solve the lab. */
export function solutionTexts(slug: string): Map<string, string> {
  const { solution, start } = parsed(slug)
  return differing(solution, start)
}

/** What a reader can enter that must not pass: the variant that cheats, if it edits no locked text, or else another. */
export function refusedTexts(slug: string): Map<string, string> {
  const { lab, solution, start, variants } = parsed(slug)
  const locked = lab.files.filter(({ editable }) => !editable).map(({ name }) => name)
  const possible = variants.filter(({ edits }) => edits.every(({ file }) => !locked.includes(file)))
  const variant = possible.find(({ cheat }) => cheat) ?? possible.at(0)
  if (variant === undefined) throw new Error(`${slug} has no variant that a reader can enter`)
  const texts = editTexts(variant.from === 'start' ? start : solution, variant.edits)
  if (typeof texts === 'string') throw new Error(`${slug}: ${texts}`)
  return differing(texts, start)
}

/** What is said of each goal after a run of the start with some other texts. */
export function goalsOf(slug: string, texts: ReadonlyMap<string, string>) {
  const { lab, start } = parsed(slug)
  const session = new LabSession(lab, { hypervisor })
  session.reset(session.build(new Map([...start, ...texts])))
  session.run()
  return session.goals().map(({ text, met, conditions }) => ({
    text,
    met,
    reasons: [...new Set(conditions.filter((condition) => !condition.met).map(({ reason }) => reason))],
  }))
}

/** The state digest after running the texts of the start to the end. */
export function digestOfStart(slug: string): string {
  const { lab, start } = parsed(slug)
  const session = new LabSession(lab, { hypervisor })
  session.reset(session.build(start))
  session.run()
  return session.machine.digest()
}
