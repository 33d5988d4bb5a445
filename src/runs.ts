// Labs run while the book is built: the chapters' tables and answers are what the machine does.
import * as hypervisor from '../emulator/hypervisor/index.ts'
import { LabSession, parseLab, type Lab } from '../emulator/lab/index.ts'
import { readLab } from './labs.ts'

export interface ReadLab {
  readonly lab: Lab
  readonly start: ReadonlyMap<string, string>
  /** All texts of the solution, those that are as in the start, too. */
  readonly solution: ReadonlyMap<string, string>
}

/** A lab with its texts by name. */
export function readTexts(slug: string): ReadLab {
  const { lab, files } = readLab(slug)
  const { start, solution } = parseLab(slug, new Map(Object.entries(files)))
  return { lab, start, solution }
}

/** A machine before the first instruction of a lab's program; texts that cannot be built are an error of the build. */
export function beginLab(lab: Lab, texts: ReadonlyMap<string, string>, seed = 0): LabSession {
  const session = new LabSession(lab, { executor: 'evaluate', hypervisor, seed })
  const build = session.build(texts)
  if (!build.usable)
    throw new Error(`lab ${lab.slug}: ${build.diagnostics.map(({ message }) => message).join('; ')}`)
  session.reset(build)
  return session
}

/** The same at the end of its run. */
export function runLab(lab: Lab, texts: ReadonlyMap<string, string>, seed = 0): LabSession {
  const session = beginLab(lab, texts, seed)
  session.run()
  return session
}
