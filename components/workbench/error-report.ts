/** The text with which a reader tells others of an error: what they need to see the same. It is shown, and sent nowhere. */
import * as text from '../strings.ts'

export interface ErrorReport {
  /** A link to the lab as it stands, or what is to be sent in its place. */
  readonly link: string
  readonly lab: string
  /** BUILD of components/build.ts. */
  readonly build: string
  /** What the browser calls itself. */
  readonly browser: string
  /** What the last command came to; "" before the first. */
  readonly result: string
  /** What is wrong with the texts, as the list of problems has it. */
  readonly problems: readonly string[]
  /** What a crash of the machine said; "" if it did not crash. */
  readonly failure: string
}

/** Problems beyond these tell nothing more. */
const MOST_PROBLEMS = 5

export function errorReport(report: ErrorReport): string {
  const { link, lab, build, browser, result, problems, failure } = report
  const left = problems.length - MOST_PROBLEMS
  const rows: readonly (readonly [name: string, value: string])[] = [
    [text.lab, lab],
    [text.link, link],
    [text.build, build],
    [text.browser, browser],
    [text.lastResult, result === '' ? text.nothingWasRun : result],
    ...problems.slice(0, MOST_PROBLEMS).map((problem) => [text.problem, problem] as const),
    ...(left > 0 ? [[text.problem, text.andMore(left)] as const] : []),
    ...(failure === '' ? [] : [[text.machineStopped, failure] as const]),
  ]
  return text.beginningOfReport + rows.map(([name, value]) => `${name}: ${value}\n`).join('')
}
