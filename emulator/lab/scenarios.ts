/** The scenarios of a lab: the reader's texts run once more, under other circumstances, and asked for other facts. */
import { DESIGN_FILE, type Build } from './build.ts'
import { judge } from './conditions.ts'
import type { Verdict } from './condition-kind.ts'
import { editTexts } from './edits.ts'
import type { ScenarioFact } from './outcome.ts'
import type { Lab, Scenario } from './schema.ts'
import { LabSession, type SessionOptions } from './session.ts'

export interface ScenarioResult extends ScenarioFact {
  readonly id: string
  /** One verdict for each of its conditions. */
  readonly conditions: readonly Verdict[]
}

/** The lab as it is in a scenario. */
function labIn(lab: Lab, { l0, cpus, seed }: Scenario): Lab {
  const { machine } = lab
  return {
    ...lab,
    machine: {
      ...machine,
      cpus: cpus ?? machine.cpus,
      seed: seed ?? machine.seed,
      l0: l0 && machine.l0 ? { ...l0, design: l0.design ?? machine.l0.design } : machine.l0,
    },
  }
}

/** What the scenario makes of the reader's texts; or why it cannot. A design that it names takes the place of the reader's. */
function textsIn({ files }: Build, { edits, l0 }: Scenario): Map<string, string> | string {
  const texts = editTexts(files, edits)
  if (typeof texts === 'string' || l0?.design === undefined) return texts
  texts.delete(DESIGN_FILE)
  return texts
}

function verdicts(lab: Lab, scenario: Scenario, built: Build, options: SessionOptions): readonly Verdict[] {
  const texts = textsIn(built, scenario)
  if (typeof texts === 'string') return [{ met: false, reason: texts }]
  const seed = scenario.seed ?? options.seed
  const session = new LabSession(labIn(lab, scenario), seed === undefined ? options : { ...options, seed })
  const changed = session.build(texts)
  if (!changed.usable) return [{ met: false, reason: changed.diagnostics[0].message }]
  session.reset(changed)
  session.run()
  const outcome = session.outcome()
  return scenario.when.map((condition) => judge(outcome, condition))
}

/** Runs each scenario to its end. */
export function runScenarios(lab: Lab, built: Build, options: SessionOptions): ScenarioResult[] {
  return lab.scenarios.map((scenario) => {
    const conditions = verdicts(lab, scenario, built, options)
    const unmet = conditions.find(({ met }) => !met)
    const { id, title } = scenario
    return { id, title, met: unmet === undefined, reason: unmet?.reason ?? 'all is well', conditions }
  })
}
