/** A button that opens a menu of commands, as ARIA describes it: arrow keys go through the menu, Escape closes it. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Command } from './commands.ts'
import type { LabStore } from './store.ts'

interface CommandMenuProps {
  readonly store: LabStore
  readonly label: string
  readonly commands: readonly Command[]
}

export function CommandMenu({ store, label, commands }: CommandMenuProps) {
  const [isOpen, setOpen] = useState(false)
  const root = useRef<HTMLDivElement>(null)
  const button = useRef<HTMLButtonElement>(null)
  const items = (): HTMLElement[] => [
    ...(root.current?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? []),
  ]
  useEffect(() => {
    if (isOpen) items()[0]?.focus()
  }, [isOpen])

  const close = (): void => {
    setOpen(false)
    button.current?.focus()
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const all = items()
    const at = all.indexOf(document.activeElement as HTMLElement)
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key]
    if (event.key === 'Escape' && isOpen) close()
    else if (next === undefined) return
    else if (isOpen) all[(next + all.length) % all.length].focus()
    else setOpen(true)
    event.preventDefault()
  }
  const onFocusOut = ({ relatedTarget }: FocusEvent): void => {
    if (!root.current?.contains(relatedTarget as Node | null)) setOpen(false)
  }
  return (
    <div class="wb-menu" ref={root} onKeyDown={onKeyDown} onFocusOut={onFocusOut}>
      <button
        ref={button}
        type="button"
        class="wb-button wb-menu-button"
        aria-haspopup="menu"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        {label}
      </button>
      {isOpen && (
        <div class="wb-menu-list" role="menu" aria-label={label}>
          {commands.map((command) => (
            <button
              key={command.id}
              type="button"
              role="menuitem"
              tabIndex={-1}
              aria-disabled={!command.isEnabled(store)}
              onClick={() => {
                if (!command.isEnabled(store)) return
                close()
                command.act(store)
              }}
            >
              <span>{command.label}</span>
              <kbd aria-hidden="true">{command.keys}</kbd>
            </button>
          ))}
        </div>
      )}
    </div>
  )
}
