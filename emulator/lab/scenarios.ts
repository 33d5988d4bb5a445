/** The scenarios of a lab: the reader's texts run once more, under other circumstances, and asked for other facts. */
import type { Build } from './build.ts'
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
function labIn(lab: Lab, { l0 }: Scenario): Lab {
  const { machine } = lab
  return l0 === undefined || machine.l0 === undefined
    ? lab
    : { ...lab, machine: { ...machine, l0: { ...l0, design: machine.l0.design } } }
}

function verdicts(lab: Lab, scenario: Scenario, built: Build, options: SessionOptions): readonly Verdict[] {
  const texts = editTexts(built.files, scenario.edits)
  if (typeof texts === 'string') return [{ met: false, reason: texts }]
  const session = new LabSession(labIn(lab, scenario), options)
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
