/**
 * `lab check`: proves that a lab teaches what it says. The start fails, the solution meets every goal under both executors and
 * whatever the processor makes of clean bits, whenever processors take turns and without relying on what the manual leaves
 * undefined; every variant fails exactly the goals it names; every goal is failed by some variant, a cheat among them; and going
 * back to the beginning and forward again ends in the same state.
 */
import * as hypervisor from '../hypervisor/index.ts'
import type { Diagnostic } from '../isa/index.ts'
import { STATE_CACHE_POLICIES } from '../machine/index.ts'
import { editTexts } from './edits.ts'
import type { GoalResult } from './goals.ts'
import { judgePredictions } from './predictions.ts'
import { parseLab, type LabFiles, type ParsedLab } from './parse.ts'
import type { Lab, Variant } from './schema.ts'
import { LabSession, type SessionOptions } from './session.ts'

/** One thing that was checked. */
export interface CheckResult {
  readonly name: string
  readonly passed: boolean
  /** What was found, when it did not pass. */
  readonly detail: string
}

export interface LabReport {
  readonly slug: string
  readonly results: readonly CheckResult[]
}

const EXECUTORS = ['evaluate', 'compile'] as const

/** Sequences of random numbers that a solution is tried with. */
const RANDOM_RUNS = 3
/** The same for labs with several processors, whose turns are as long as the seed says. */
const SCHEDULES = 20

type Policy = NonNullable<SessionOptions['stateCache']>

/** The policies of the state cache under which a lab must come out the same. */
function policies(lab: Lab): readonly Policy[] {
  return lab.machine.state_cache === undefined ? STATE_CACHE_POLICIES : [lab.machine.state_cache]
}

function passed(name: string): CheckResult {
  return { name, passed: true, detail: '' }
}

function failed(name: string, detail: string): CheckResult {
  return { name, passed: false, detail }
}

export function formatDiagnostic({ file, line, column, message, hint, code }: Diagnostic): string {
  return `${file}:${line}:${column}: ${message} [${code}]${hint === '' ? '' : ` (${hint})`}`
}

function unmet(goals: readonly GoalResult[]): string {
  return goals
    .filter((goal) => !goal.met)
    .map(
      (goal) =>
        `${goal.id}: ${goal.conditions
          .filter((c) => !c.met)
          .map((c) => c.reason)
          .join('; ')}`,
    )
    .join(' | ')
}

type Attempt =
  { readonly session: LabSession; readonly goals: readonly GoalResult[] } | { readonly problem: string }

/** Builds and runs texts to the end. */
function attempt(lab: Lab, texts: ReadonlyMap<string, string>, options: SessionOptions): Attempt {
  const session = new LabSession(lab, { hypervisor, ...options })
  const built = session.build(texts)
  if (!built.usable) return { problem: built.diagnostics.map(formatDiagnostic).join('; ') }
  session.reset(built)
  session.run()
  return { session, goals: session.goals() }
}

function checkStart(lab: Lab, parsed: ParsedLab): CheckResult {
  const name = 'the start does not meet the goals'
  const result = attempt(lab, parsed.start, { executor: 'evaluate' })
  // A start that does not assemble is a fair exercise too.
  if ('problem' in result || result.goals.some((goal) => !goal.met)) return passed(name)
  return failed(name, 'the start meets every goal: there is nothing to do')
}

/** A reader who runs the lab unchanged learns the answer to each question. */
function checkPredictions(lab: Lab, parsed: ParsedLab): CheckResult[] {
  if (lab.predict.length === 0) return []
  const name = 'the start makes exactly one answer of each question come true'
  const result = attempt(lab, parsed.start, {})
  if ('problem' in result) return [failed(name, result.problem)]
  const open = judgePredictions(lab, result.session.outcome()).filter(({ held }) => held === undefined)
  return [open.length === 0 ? passed(name) : failed(name, open.map(({ id }) => id).join(', '))]
}

function checkSolution(lab: Lab, parsed: ParsedLab): CheckResult[] {
  const digests: string[] = []
  const results = EXECUTORS.map((executor) => {
    const name = `the solution meets every goal (${executor})`
    const result = attempt(lab, parsed.solution, { executor })
    if ('problem' in result) return failed(name, result.problem)
    digests.push(result.session.machine.digest())
    return result.goals.every((goal) => goal.met) ? passed(name) : failed(name, unmet(result.goals))
  })
  const agree = 'both executors end in the same state'
  results.push(digests[0] === digests[1] ? passed(agree) : failed(agree, `${digests[0]} and ${digests[1]}`))
  results.push(checkReturn(lab, parsed))
  results.push(...policies(lab).map((policy) => checkPolicy(lab, parsed, policy)))
  results.push(checkStrictly(lab, parsed))
  if (lab.machine.cpus > 1) results.push(checkSchedules(lab, parsed))
  return results
}

/** What the manual leaves undefined may not decide whether a solution is one. */
function checkStrictly(lab: Lab, parsed: ParsedLab): CheckResult {
  const name = 'the solution relies on nothing that the manual leaves undefined'
  const result = attempt(lab, parsed.solution, { strict: true })
  if ('problem' in result) return failed(name, result.problem)
  const events = result.session.machine.events.since()
  const relied = events.filter((event) => event.kind === 'relied-on-undefined').map(({ field }) => field)
  if (relied.length > 0) return failed(name, `it reads ${[...new Set(relied)].join(', ')}`)
  return result.goals.every((goal) => goal.met) ? passed(name) : failed(name, unmet(result.goals))
}

/** No race may decide whether a solution is one. */
function checkSchedules(lab: Lab, parsed: ParsedLab): CheckResult {
  const name = `the solution meets every goal (${SCHEDULES} seeds)`
  for (let seed = 0; seed < SCHEDULES; seed++) {
    const result = attempt(lab, parsed.solution, { seed })
    if ('problem' in result) return failed(name, result.problem)
    if (!result.goals.every((goal) => goal.met))
      return failed(name, `with seed ${seed}: ${unmet(result.goals)}`)
  }
  return passed(name)
}

function checkPolicy(lab: Lab, parsed: ParsedLab, stateCache: Policy): CheckResult {
  const name = `the solution meets every goal (state cache: ${stateCache})`
  for (let seed = 0; seed < (stateCache === 'random' ? RANDOM_RUNS : 1); seed++) {
    const result = attempt(lab, parsed.solution, { stateCache, seed })
    if ('problem' in result) return failed(name, result.problem)
    if (!result.goals.every((goal) => goal.met)) return failed(name, unmet(result.goals))
  }
  return passed(name)
}

function checkReturn(lab: Lab, parsed: ParsedLab): CheckResult {
  const name = 'going back to the beginning and forward again ends in the same state'
  const result = attempt(lab, parsed.solution, {})
  if ('problem' in result) return failed(name, result.problem)
  const { machine } = result.session
  const end = { instructions: machine.instructions, digest: machine.digest() }
  machine.goTo(0)
  if (machine.instructions !== 0)
    return failed(name, `the way back ended at instruction ${machine.instructions}`)
  machine.goTo(end.instructions)
  return machine.digest() === end.digest ? passed(name) : failed(name, 'the state differs')
}

function checkVariant(lab: Lab, parsed: ParsedLab, variant: Variant): CheckResult {
  const name = `variant ${variant.id} fails ${variant.fails.join(', ')} and nothing else`
  const texts = editTexts(variant.from === 'solution' ? parsed.solution : parsed.start, variant.edits)
  if (typeof texts === 'string') return failed(name, texts)
  for (const stateCache of variant.state_cache === undefined ? policies(lab) : [variant.state_cache]) {
    const result = attempt(lab, texts, { stateCache })
    if ('problem' in result) return failed(name, result.problem)
    const missed = result.goals.filter((goal) => !goal.met).map((goal) => goal.id)
    const exact =
      missed.length === variant.fails.length && variant.fails.every((goal) => missed.includes(goal))
    if (!exact) {
      const found = missed.join(', ') || 'no goal'
      return failed(
        name,
        `with a state cache that is ${stateCache} it fails ${found}. ${unmet(result.goals)}`,
      )
    }
  }
  return passed(name)
}

function checkCoverage(lab: Lab, variants: readonly Variant[]): CheckResult[] {
  const covered = new Set(variants.flatMap((variant) => variant.fails))
  const results = lab.goals.map((goal) => {
    const name = `some variant fails goal ${goal.id}`
    return covered.has(goal.id) ? passed(name) : failed(name, 'no variant does')
  })
  const cheat = 'a cheat variant is refused'
  results.push(
    variants.some((variant) => variant.cheat)
      ? passed(cheat)
      : failed(cheat, 'no variant is marked as the cheat'),
  )
  return results
}

/** Checks one lab's folder. */
export function checkLab(slug: string, files: LabFiles): LabReport {
  const parsed = parseLab(slug, files)
  if (parsed.lab === undefined)
    return {
      slug,
      results: [failed('the lab can be read', parsed.diagnostics.map(formatDiagnostic).join('; '))],
    }
  const { lab, variants } = parsed
  return {
    slug,
    results: [
      passed('the lab can be read'),
      checkStart(lab, parsed),
      ...checkPredictions(lab, parsed),
      ...checkSolution(lab, parsed),
      ...variants.map((variant) => checkVariant(lab, parsed, variant)),
      ...checkCoverage(lab, variants),
    ],
  }
}
