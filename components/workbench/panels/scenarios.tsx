/** The scenarios of a lab: the reader's texts run once more under other circumstances. */
import * as text from '../../strings.ts'
import { useAnswer } from './answers.tsx'
import type { PanelProps } from './registry.tsx'

export function ScenariosPanel(props: PanelProps) {
  const scenarios = useAnswer(props, (client) => client.scenarios(), [])?.answer
  if (scenarios === undefined)
    return (
      <p class="wb-soft" role="status">
        {text.runningTheScenarios} <progress aria-label={text.runningScenarios} />
      </p>
    )
  return (
    <>
      <p class="wb-soft">{text.aboutScenarios}</p>
      <ul class="wb-scenarios">
        {scenarios.map(({ id, title, met, conditions }) => (
          <li key={id} data-scenario={id} data-state={met ? 'met' : 'unmet'}>
            <p>
              <span class={`wb-verdict ${met ? 'is-good' : 'is-bad'}`}>
                {met ? text.scenarioHolds : text.scenarioFails}
              </span>{' '}
              <b>{title}</b>
            </p>
            <ul>
              {conditions.map((condition, index) => (
                <li key={index}>
                  {condition.met ? '✓' : '✕'} <span class="wb-soft">{condition.reason}</span>
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ul>
    </>
  )
}
