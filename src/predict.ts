// What the machine does, found by running it while the book is built: with an edited VMCB, the answers to the chapters'
// predictions; and under each policy of the state cache.
import * as hypervisor from '../emulator/hypervisor/index.ts'
import { LabSession, parseLab, type Lab } from '../emulator/lab/index.ts'
import { STATE_CACHE_POLICIES, type StateCachePolicy } from '../emulator/machine/index.ts'
import { CHECKS, type Check } from '../emulator/svm/index.ts'
import { readDesign } from './designs.ts'
import { readLab } from './labs.ts'

export interface FirstExit {
  /** The manual's name without 'VMEXIT_': 'VMMCALL', 'INVALID', 'NPF'. */
  readonly name: string
  /** For INVALID, those that failed. */
  readonly checks: readonly Check[]
}

/** Runs a lab's solution with lines of its VMCB replaced. The first #VMEXIT answers; under L0 the first that L1 sees. */
export function firstExit(slug: string, lines: readonly string[]): FirstExit {
  const { lab, files } = readLab(slug)
  const texts = new Map(parseLab(slug, new Map(Object.entries(files))).solution)
  const { name } = lab.files.find((file) => file.symbol !== undefined)!
  texts.set(name, replaceLines(texts.get(name) ?? '', lines))
  const exit = runToEnd(lab, texts).outcome().exits.at(0)
  if (exit === undefined) throw new Error(`lab ${slug} with "${lines.join('; ')}" ends without a #VMEXIT`)
  return { name: exit.name.toUpperCase(), checks: CHECKS.filter(({ id }) => exit.failedChecks.includes(id)) }
}

/** The name that a line of a .vmcb text sets. */
function nameIn(line: string): string {
  return line.split('=')[0].trim()
}

function replaceLines(text: string, lines: readonly string[]): string {
  const replaced = new Set(lines.map(nameIn))
  return [...text.split('\n').filter((line) => !replaced.has(nameIn(line))), ...lines].join('\n')
}

function runToEnd(lab: Lab, texts: ReadonlyMap<string, string>, seed = 0): LabSession {
  const session = new LabSession(lab, { executor: 'evaluate', hypervisor, seed })
  const build = session.build(texts)
  if (!build.usable) throw new Error(build.diagnostics.map(({ message }) => message).join('; '))
  session.reset(build)
  session.run()
  return session
}

/** Doublewords that a lab's program leaves from a label on. */
interface Words {
  readonly label: string
  readonly count: number
}

function wordsAfter(session: LabSession, { label, count }: Words): number[] {
  const outcome = session.outcome()
  const at = outcome.symbols.get(label)
  if (at === undefined) throw new Error(`lab ${session.lab.slug} has no label ${label}`)
  return Array.from({ length: count }, (_, i) => Number(outcome.memory(at + BigInt(i * 4), 4)))
}

/** A run of a lab's start on a processor with one policy of the state cache. */
export interface PolicyRun {
  readonly policy: StateCachePolicy
  readonly seed: number
  readonly words: readonly number[]
}

/** Runs a lab's start under each policy, `random` with several seeds. */
export function underEachPolicy(slug: string, { seeds, ...words }: Words & { seeds: number }): PolicyRun[] {
  const { lab, files } = readLab(slug)
  const { start } = parseLab(slug, new Map(Object.entries(files)))
  return STATE_CACHE_POLICIES.flatMap((policy) =>
    Array.from({ length: policy === 'random' ? seeds : 1 }, (_, seed): PolicyRun => {
      const machine = { ...lab.machine, state_cache: policy, seed }
      return { policy, seed, words: wordsAfter(runToEnd({ ...lab, machine }, start, seed), words) }
    }),
  )
}

/** Runs the start of a lab without L0: as it is, and as L1 under a design. */
export function withAndWithoutL0(slug: string, { design, ...words }: Words & { design: string }) {
  const { lab, files } = readLab(slug)
  const { start } = parseLab(slug, new Map(Object.entries(files)))
  const underL0: Lab = {
    ...lab,
    machine: { ...lab.machine, l0: { design } },
    designs: { [design]: readDesign(design).text },
  }
  return {
    without: wordsAfter(runToEnd(lab, start), words),
    with: wordsAfter(runToEnd(underL0, start), words),
  }
}
