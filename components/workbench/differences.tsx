/** Texts side by side, file by file. They are only shown: nothing here changes a text. */
import { diffLines, type DiffRow } from './line-diff.ts'
import type { Texts } from './protocol.ts'

interface DifferencesProps {
  readonly left: Texts
  readonly right: Texts
  /** What each side is. */
  readonly titles: readonly [string, string]
  /** Files to show; without them, those that differ. */
  readonly names?: readonly string[]
}

export function Differences({ left, right, titles, names }: DifferencesProps) {
  const shown = names ?? Object.keys(right).filter((name) => left[name] !== right[name])
  if (shown.length === 0) return <p class="wb-soft">There is no difference.</p>
  return (
    <>
      {shown.map((name) => (
        <div
          key={name}
          class="wb-scroll"
          role="region"
          aria-label={`${name}: ${titles.join(' and ').toLowerCase()}`}
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
                {titles.map((title) => (
                  <th key={title} scope="col" colSpan={2}>
                    {title}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {diffLines(left[name] ?? '', right[name] ?? '').map((row, index) => (
                <Row key={index} row={row} />
              ))}
            </tbody>
          </table>
        </div>
      ))}
    </>
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
