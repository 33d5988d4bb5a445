/** The solution beside the reader's text. */
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
    <section class="wb-solution" aria-label={landmark(store, 'Solution')}>
      <p class="wb-solution-note">One way to reach the goals. Your text stays as it is.</p>
      <Differences left={texts} right={solution} titles={['Yours', 'The solution']} names={names} />
    </section>
  )
}
