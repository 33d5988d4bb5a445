/** The solution beside the reader's text. It is only shown: nothing here changes a text. */
import { diffLines, type DiffRow } from './line-diff.ts'
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
      {names.map((name) => (
        <div
          key={name}
          class="wb-scroll"
          role="region"
          aria-label={`${name}: yours and the solution`}
          tabIndex={0}
        >
          <table class="wb-diff">
            <caption>{name}</caption>
            <colgroup>
              <col class="wb-line-column" />
              <col />
              <col class="wb-line-column" />
              <col />
            </colgroup>
            <thead>
              <tr>
                <th scope="col" colSpan={2}>
                  Yours
                </th>
                <th scope="col" colSpan={2}>
                  Solution
                </th>
              </tr>
            </thead>
            <tbody>
              {diffLines(texts[name], solution[name]).map((row, index) => (
                <Row key={index} row={row} />
              ))}
            </tbody>
          </table>
        </div>
      ))}
    </section>
  )
}

function Row({ row: { left, right, isSame } }: { readonly row: DiffRow }) {
  return (
    <tr class={isSame ? '' : 'is-different'}>
      <td class="wb-line">{left?.line}</td>
      <td class={isSame || left === undefined ? '' : 'wb-removed'}>
        {!isSame && left !== undefined && <span class="wb-hidden">changed: </span>}
        {left?.text}
      </td>
      <td class="wb-line">{right?.line}</td>
      <td class={isSame || right === undefined ? '' : 'wb-added'}>
        {!isSame && right !== undefined && <span class="wb-hidden">instead: </span>}
        {right?.text}
      </td>
    </tr>
  )
}
