/** Run, Stop, Step, Step back, Reset, and how far the machine has come. */
import { useEffect, useRef } from 'preact/hooks'
import type { Lab } from '../../emulator/lab/index.ts'
import { count } from './format.ts'
import { Icon, type IconName } from './icons.tsx'
import type { LabStore } from './store.ts'

/** Commands and their keys while the focus is in the lab. */
interface Command {
  readonly id: string
  readonly label: string
  readonly icon: IconName
  readonly keys: string
  readonly matches: (event: KeyboardEvent) => boolean
  readonly isEnabled: (store: LabStore) => boolean
  readonly act: (store: LabStore) => void
}

function isIdle(store: LabStore): boolean {
  return store.activity.value === 'idle'
}

const COMMANDS: readonly Command[] = [
  {
    id: 'run',
    label: 'Run',
    icon: 'run',
    keys: 'Ctrl+Enter',
    matches: (event) => event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !event.shiftKey,
    isEnabled: isIdle,
    act: (store) => void store.run(),
  },
  {
    id: 'stop',
    label: 'Stop',
    icon: 'stop',
    keys: 'Ctrl+.',
    matches: (event) => event.key === '.' && (event.ctrlKey || event.metaKey),
    isEnabled: (store) => store.activity.value === 'running',
    act: (store) => store.stop(),
  },
  {
    id: 'step',
    label: 'Step',
    icon: 'step',
    keys: 'F10',
    matches: (event) => event.key === 'F10' && !event.shiftKey,
    isEnabled: isIdle,
    act: (store) => void store.step(),
  },
  {
    id: 'step-back',
    label: 'Step back',
    icon: 'step-back',
    keys: 'Shift+F10',
    matches: (event) => event.key === 'F10' && event.shiftKey,
    isEnabled: (store) => store.canStepBack.value,
    act: (store) => void store.stepBack(),
  },
  {
    id: 'reset',
    label: 'Reset',
    icon: 'reset',
    keys: 'Ctrl+Shift+Enter',
    matches: (event) => event.key === 'Enter' && (event.ctrlKey || event.metaKey) && event.shiftKey,
    isEnabled: isIdle,
    act: (store) => void store.reset(),
  },
]

export function Controls({ store, lab }: { readonly store: LabStore; readonly lab: Lab }) {
  const bar = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const root = bar.current?.closest('.wb')
    const onKeyDown = (event: Event): void => {
      const command = COMMANDS.find(({ matches }) => matches(event as KeyboardEvent))
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
        {COMMANDS.map((command) => (
          <button
            key={command.id}
            type="button"
            class={`wb-button wb-${command.id}`}
            disabled={!command.isEnabled(store)}
            title={`${command.label} (${command.keys})`}
            onClick={() => command.act(store)}
          >
            <Icon name={command.icon} />
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
