/** The toolbar of commands, and how far the machine has come. */
import { useEffect, useRef } from 'preact/hooks'
import type { Lab } from '../../emulator/lab/index.ts'
import { COMMANDS, commandFor } from './commands.ts'
import { count } from './format.ts'
import { Icon } from './icons.tsx'
import type { LabStore } from './store.ts'

export function Controls({ store, lab }: { readonly store: LabStore; readonly lab: Lab }) {
  const bar = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const root = bar.current?.closest('.wb')
    const onKeyDown = (event: Event): void => {
      const command = commandFor(event as KeyboardEvent)
      if (command === undefined) return
      event.preventDefault()
      event.stopPropagation()
      if (command.isEnabled(store)) command.act(store)
    }
    // Before the editor sees the key.
    root?.addEventListener('keydown', onKeyDown, { capture: true })
    return () => root?.removeEventListener('keydown', onKeyDown, { capture: true })
  }, [store])

  return (
    <div class="wb-bar" ref={bar}>
      <div class="wb-controls" role="toolbar" aria-label="Machine">
        {COMMANDS.filter(({ icon }) => icon !== undefined).map((command) => (
          <button
            key={command.id}
            type="button"
            class={`wb-button wb-${command.id}`}
            disabled={!command.isEnabled(store)}
            title={`${command.label} (${command.keys})`}
            onClick={() => command.act(store)}
          >
            <Icon name={command.icon!} />
            {command.label}
          </button>
        ))}
      </div>
      <Status store={store} lab={lab} />
    </div>
  )
}

function Status({ store, lab }: { readonly store: LabStore; readonly lab: Lab }) {
  const view = store.view.value
  const instructions = store.progress.value ?? view?.instructions ?? 0
  const limit = lab.limits.instructions
  const isRunning = store.progress.value !== undefined
  return (
    <div class="wb-status">
      <span class="wb-state">{describeState(store)}</span>
      <span class="wb-count">
        <b>{count(instructions)}</b> of at most {count(limit)} instructions
      </span>
      {isRunning && <progress max={limit} value={instructions} aria-label="Instructions used of the limit" />}
    </div>
  )
}

function describeState(store: LabStore): string {
  const view = store.view.value
  if (store.activity.value === 'running') return 'Running'
  if (store.errors.value.length > 0) return 'The texts have errors'
  if (store.isStale.value) return 'Edited: Run and Step begin anew'
  if (view === undefined || view.instructions === 0) return 'At the start'
  return view.ending === undefined ? 'Paused' : 'Ended'
}
