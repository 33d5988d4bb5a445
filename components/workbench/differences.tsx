/** Texts side by side, file by file. They are only shown: nothing here changes a text. */
import * as text from '../strings.ts'
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

/** More rows would only make the page slow. */
const MOST_ROWS = 3000

export function Differences({ left, right, titles, names }: DifferencesProps) {
  const shown = names ?? Object.keys(right).filter((name) => left[name] !== right[name])
  if (shown.length === 0) return <p class="wb-soft">{text.noDifference}</p>
  return (
    <>
      {shown.map((name) => (
        <Comparison
          key={name}
          name={name}
          left={left[name] ?? ''}
          right={right[name] ?? ''}
          titles={titles}
        />
      ))}
    </>
  )
}

interface ComparisonProps {
  readonly name: string
  readonly left: string
  readonly right: string
  readonly titles: readonly [string, string]
}

function Comparison({ name, left, right, titles }: ComparisonProps) {
  const rows = diffLines(left, right)
  return (
    <div class="wb-scroll" role="region" aria-label={text.differencesOf(name, ...titles)} tabIndex={0}>
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
          {rows.slice(0, MOST_ROWS).map((row, index) => (
            <Row key={index} row={row} />
          ))}
        </tbody>
      </table>
      {rows.length > MOST_ROWS && <p class="wb-soft">{text.moreLines(rows.length - MOST_ROWS)}</p>}
    </div>
  )
}

function Row({ row: { left, right, isSame } }: { readonly row: DiffRow }) {
  return (
    <tr class={isSame ? '' : 'is-different'}>
      <td class="wb-line">{left?.line}</td>
      <td class={isSame || left === undefined ? '' : 'wb-removed'}>
        {!isSame && left !== undefined && <span class="wb-hidden">{text.lineChanged} </span>}
        {left?.text}
      </td>
      <td class="wb-line">{right?.line}</td>
      <td class={isSame || right === undefined ? '' : 'wb-added'}>
        {!isSame && right !== undefined && <span class="wb-hidden">{text.lineInstead} </span>}
        {right?.text}
      </td>
    </tr>
  )
}
