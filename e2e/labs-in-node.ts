// A lab's files and runs in this process, to compare the page with.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as hypervisor from '../emulator/hypervisor/index.ts'
import { LabSession, parseLab } from '../emulator/lab/index.ts'

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

/** The state digest after running the texts of the start to the end. */
export function digestOfStart(slug: string): string {
  const { lab, start } = parseLab(slug, labFiles(slug))
  if (lab === undefined) throw new Error(`${slug} cannot be read`)
  const session = new LabSession(lab, { hypervisor })
  session.reset(session.build(start))
  session.run()
  return session.machine.digest()
}
