// What the machine does, found by running it while the book is built: with an edited VMCB, the answers to the chapters'
// predictions; and under each policy of the state cache.
import type { Lab, LabSession } from '../emulator/lab/index.ts'
import { STATE_CACHE_POLICIES, type StateCachePolicy } from '../emulator/machine/index.ts'
import { CHECKS, type Check } from '../emulator/svm/index.ts'
import { readDesign } from './designs.ts'
import { readTexts, runLab } from './runs.ts'

export interface FirstExit {
  /** The manual's name without 'VMEXIT_': 'VMMCALL', 'INVALID', 'NPF'. */
  readonly name: string
  /** For INVALID, those that failed. */
  readonly checks: readonly Check[]
}

/** Runs a lab's solution with lines of its VMCB replaced. The first #VMEXIT answers; under L0 the first that L1 sees. */
export function firstExit(slug: string, lines: readonly string[]): FirstExit {
  const { lab, solution } = readTexts(slug)
  const texts = new Map(solution)
  const { name } = lab.files.find((file) => file.symbol !== undefined)!
  texts.set(name, replaceLines(texts.get(name) ?? '', lines))
  const exit = runLab(lab, texts).outcome().exits.at(0)
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
  const { lab, start } = readTexts(slug)
  return STATE_CACHE_POLICIES.flatMap((policy) =>
    Array.from({ length: policy === 'random' ? seeds : 1 }, (_, seed): PolicyRun => {
      const machine = { ...lab.machine, state_cache: policy, seed }
      return { policy, seed, words: wordsAfter(runLab({ ...lab, machine }, start, seed), words) }
    }),
  )
}

/** Runs the start of a lab without L0: as it is, and as L1 under a design. */
export function withAndWithoutL0(slug: string, { design, ...words }: Words & { design: string }) {
  const { lab, start } = readTexts(slug)
  const underL0: Lab = {
    ...lab,
    machine: { ...lab.machine, l0: { design } },
    designs: { [design]: readDesign(design).text },
  }
  return {
    without: wordsAfter(runLab(lab, start), words),
    with: wordsAfter(runLab(underL0, start), words),
  }
}
