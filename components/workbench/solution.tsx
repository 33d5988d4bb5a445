/** The solution beside the reader's text. */
import * as text from '../strings.ts'
import { Differences } from './differences.tsx'
import { landmark } from './landmark.ts'
import type { Texts } from './protocol.ts'
import type { LabStore } from './store.ts'

interface SolutionProps {
  readonly store: LabStore
  readonly start: Texts
  readonly solution: Texts
}

export function Solution({ store, start, solution }: SolutionProps) {
  const texts = store.work.texts.value
  const names = Object.keys(solution).filter(
    (name) => solution[name] !== start[name] || solution[name] !== texts[name],
  )
  return (
    <section class="wb-solution" aria-label={landmark(store, text.solution)}>
      <p class="wb-solution-note">{text.aboutSolution}</p>
      <Differences left={texts} right={solution} titles={[text.yours, text.theSolution]} names={names} />
    </section>
  )
}
