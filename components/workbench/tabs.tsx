/** Tabs as ARIA describes them: one is in the Tab order, arrow keys go to the others. */
import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'

export interface Tab {
  readonly id: string
  readonly label: ComponentChildren
  /** Said after the label. */
  readonly note?: string
}

interface TabListProps {
  readonly label: string
  /** Prefix of the element ids: `${prefix}-tab-${id}`, `${prefix}-panel-${id}`. */
  readonly prefix: string
  readonly tabs: readonly Tab[]
  readonly active: string
  readonly onSelect: (id: string) => void
}

export function TabList({ label, prefix, tabs, active, onSelect }: TabListProps) {
  const list = useRef<HTMLDivElement>(null)
  const onKeyDown = (event: KeyboardEvent): void => {
    const at = tabs.findIndex(({ id }) => id === active)
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key]
    if (next === undefined) return
    event.preventDefault()
    const index = (next + tabs.length) % tabs.length
    onSelect(tabs[index].id)
    list.current?.querySelectorAll<HTMLElement>('[role=tab]')[index].focus()
  }
  return (
    <div class="wb-tabs" role="tablist" aria-label={label} ref={list} onKeyDown={onKeyDown}>
      {tabs.map(({ id, label: text, note }) => (
        <button
          key={id}
          type="button"
          role="tab"
          id={`${prefix}-tab-${id}`}
          aria-selected={id === active}
          aria-controls={`${prefix}-panel`}
          tabIndex={id === active ? 0 : -1}
          onClick={() => onSelect(id)}
        >
          {text}
          {/* The space keeps the words apart where they are read out. */}
          {note !== undefined && <span class="wb-tab-note"> {note}</span>}
        </button>
      ))}
    </div>
  )
}
