/** `world-switch lab run`: a lab's texts run once, with what became of its goals, races and scenarios. */
import * as hypervisor from '../hypervisor/index.ts'
import { formatDiagnostic, LabSession, parseLab, type RaceReport } from '../lab/index.ts'
import { formatJson, InputError, STATUS } from './command.ts'
import { readDesignText, readLabFolder } from './files.ts'

export interface LabRunOptions {
  /** The texts of the solution, not those of the start. */
  readonly solution: boolean
  /** A design in place of the lab's. */
  readonly l0?: string | undefined
  readonly json: boolean
}

function describeRace({ title, report }: RaceReport): string {
  if (report === undefined) return `${title}: L1 does not get there`
  const { tried, losing, isComplete } = report
  return `${title}: ${losing} of ${tried} orders lose${isComplete ? '' : ', and there are more'}`
}

/** The exit status: 0 when every goal is met, 1 when not or when the texts have errors. Throws InputError. */
export function runLab(folder: string, slug: string, { solution, l0, json }: LabRunOptions): number {
  const parsed = parseLab(slug, readLabFolder(folder))
  const { lab } = parsed
  if (lab === undefined) throw new InputError(parsed.diagnostics.map(formatDiagnostic).join('\n'))
  const texts = new Map(solution ? parsed.solution : parsed.start)
  if (l0 !== undefined && lab.machine.l0 === undefined)
    throw new InputError(`${slug} has no L0 that could follow ${l0}`)
  if (l0 !== undefined) texts.set('l0.yaml', readDesignText(l0))
  const session = new LabSession(lab, { hypervisor })
  const built = session.build(texts)
  for (const diagnostic of built.diagnostics) process.stderr.write(`${formatDiagnostic(diagnostic)}\n`)
  if (!built.usable) return 1
  session.reset(built)
  session.run()
  const goals = session.goals()
  const report = { goals, races: session.races().map(describeRace), scenarios: session.scenarios() }
  if (json) process.stdout.write(`${formatJson(report)}\n`)
  else {
    for (const { met, text, conditions } of goals) {
      process.stdout.write(`${met ? 'met    ' : 'NOT MET'} ${text}\n`)
      for (const condition of conditions)
        if (!condition.met) process.stdout.write(`          ${condition.reason}\n`)
    }
    for (const race of report.races) process.stdout.write(`race     ${race}\n`)
    for (const { met, title, reason } of report.scenarios)
      process.stdout.write(`scenario ${title}: ${met ? 'ok' : reason}\n`)
    process.stdout.write(`${session.ending ?? 'the run goes on'}\n`)
  }
  return goals.every(({ met }) => met) ? STATUS.ok : 1
}
