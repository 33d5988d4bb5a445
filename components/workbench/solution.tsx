/** The solution beside the reader's text. */
import { Differences } from './differences.tsx'
import type { Texts } from './protocol.ts'

interface SolutionProps {
  readonly texts: Texts
  readonly start: Texts
  readonly solution: Texts
}

export function Solution({ texts, start, solution }: SolutionProps) {
  const names = Object.keys(solution).filter(
    (name) => solution[name] !== start[name] || solution[name] !== texts[name],
  )
  return (
    <section class="wb-solution" aria-label="Solution">
      <p class="wb-solution-note">One way to reach the goals. Your text stays as it is.</p>
      <Differences left={texts} right={solution} titles={['Yours', 'The solution']} names={names} />
    </section>
  )
}
