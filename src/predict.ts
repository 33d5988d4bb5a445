// What VMRUN does with an edited VMCB: the answers to the chapters' predictions, found by running the machine while the book
// is built.
import * as hypervisor from '../emulator/hypervisor/index.ts'
import { LabSession, parseLab, type Lab } from '../emulator/lab/index.ts'
import { explainExit, type ExitExplanation } from '../emulator/svm/index.ts'
import { readLab } from './labs.ts'

/** Runs a lab's solution with lines of its VMCB replaced. The first #VMEXIT answers. */
export function firstExit(slug: string, lines: readonly string[]): ExitExplanation {
  const { lab, files } = readLab(slug)
  const texts = new Map(parseLab(slug, new Map(Object.entries(files))).solution)
  const { name } = lab.files.find((file) => file.symbol !== undefined)!
  texts.set(name, replaceLines(texts.get(name) ?? '', lines))
  const exit = runToExit(lab, texts)
  if (exit === undefined) throw new Error(`lab ${slug} with "${lines.join('; ')}" ends without a #VMEXIT`)
  return exit
}

/** The name that a line of a .vmcb text sets. */
function nameIn(line: string): string {
  return line.split('=')[0].trim()
}

function replaceLines(text: string, lines: readonly string[]): string {
  const replaced = new Set(lines.map(nameIn))
  return [...text.split('\n').filter((line) => !replaced.has(nameIn(line))), ...lines].join('\n')
}

function runToExit(lab: Lab, texts: ReadonlyMap<string, string>): ExitExplanation | undefined {
  const session = new LabSession(lab, { executor: 'evaluate', hypervisor })
  const build = session.build(texts)
  if (!build.usable) throw new Error(build.diagnostics.map(({ message }) => message).join('; '))
  session.reset(build)
  session.run()
  const exit = session.machine.events.since().find((event) => event.kind === 'vmexit')
  return exit && explainExit(exit)
}
