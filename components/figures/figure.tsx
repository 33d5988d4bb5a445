/** The frame of every figure: its title, its controls, and the drawing or the same as a table, with that table's head. */
import { render, type ComponentChildren } from 'preact'
import * as text from '../strings.ts'
import { useEffect, useRef, useState } from 'preact/hooks'

interface FigureProps {
  readonly title: string
  /** What the drawing says, in a sentence or two. */
  readonly summary?: ComponentChildren
  /** Buttons and choices that change what is drawn. */
  readonly controls?: ComponentChildren
  /** The text form: everything that the drawing says. */
  readonly table: () => ComponentChildren
  readonly children: ComponentChildren
  /** Names the figure in style sheets: "world-switch". */
  readonly name: string
}

export function Figure({ title, summary, controls, table, children, name }: FigureProps) {
  const [isTable, setTable] = useState(false)
  return (
    <figure class={`fig fig-${name}`}>
      <div class="fig-head">
        <figcaption class="fig-title">{title}</figcaption>
        <div class="fig-controls">
          {controls}
          <button
            type="button"
            class="fig-button"
            aria-pressed={isTable}
            onClick={() => {
              setTable(!isTable)
            }}
          >
            {text.asTable}
          </button>
        </div>
      </div>
      {summary !== undefined && <p class="fig-summary">{summary}</p>}
      {isTable ? (
        // A wide table scrolls, and so must be reachable by keyboard.
        <div class="fig-table" role="group" aria-label={text.figureAsTable(title)} tabIndex={0}>
          {table()}
        </div>
      ) : (
        children
      )}
      {!isTable && <OnPaper>{table}</OnPaper>}
    </figure>
  )
}

/** What only paper shows; it is made when printing begins. */
function OnPaper({ children }: { readonly children: () => ComponentChildren }) {
  const place = useRef<HTMLDivElement>(null)
  useEffect(() => {
    // The browser does not wait: this must be there when the event is over.
    const show = (): void => render(children(), place.current!)
    const hide = (): void => render(null, place.current!)
    window.addEventListener('beforeprint', show)
    window.addEventListener('afterprint', hide)
    return () => {
      window.removeEventListener('beforeprint', show)
      window.removeEventListener('afterprint', hide)
    }
  }, [children])
  return <div ref={place} class="fig-on-paper" />
}

/** The head of a table: one name for each column. */
export function TableHead({ columns }: { readonly columns: readonly string[] }) {
  return (
    <thead>
      <tr>
        {columns.map((name) => (
          <th key={name} scope="col">
            {name}
          </th>
        ))}
      </tr>
    </thead>
  )
}
