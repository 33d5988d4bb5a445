/** The toolbar of commands, how fast they go, and how far the machine has come. */
import { effect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { Lab } from '../../emulator/lab/index.ts'
import * as text from '../strings.ts'
import { COMMANDS, commandFor, type Command } from './commands.ts'
import { count } from './format.ts'
import { Icon } from './icons.tsx'
import { CommandMenu } from './menu.tsx'
import { RunTimeline } from './run-timeline.tsx'
import { Shortcuts } from './shortcuts.tsx'
import { SPEEDS } from './speeds.ts'
import type { LabStore } from './store.ts'

const BUTTONS = COMMANDS.filter(({ icon }) => icon !== undefined)
const MENU = COMMANDS.filter(({ icon }) => icon === undefined)

export function Controls({ store, lab }: { readonly store: LabStore; readonly lab: Lab }) {
  const bar = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const root = bar.current?.closest<HTMLElement>('.wb')
    const onKeyDown = (event: Event): void => {
      const command = commandFor(event as KeyboardEvent)
      if (command === undefined) return
      event.preventDefault()
      event.stopPropagation()
      if (command.isEnabled(store)) command.act(store)
    }
    // Before the editor sees the key.
    root?.addEventListener('keydown', onKeyDown, { capture: true })
    // For scripts. aria-busy would hold the announcements back, and cost a frame before the one that shows the result.
    const stopTelling = effect(() => root?.setAttribute('data-busy', `${store.isBusy.value}`))
    // For what scrolls into view below it: on a narrow window the toolbar has several rows.
    const observer = new ResizeObserver(([{ borderBoxSize }]) =>
      root?.style.setProperty('--wb-bar-height', `${borderBoxSize[0].blockSize}px`),
    )
    if (bar.current !== null) observer.observe(bar.current)
    return () => {
      root?.removeEventListener('keydown', onKeyDown, { capture: true })
      stopTelling()
      observer.disconnect()
    }
  }, [store])

  return (
    <>
      <div class="wb-bar" ref={bar}>
        <div class="wb-controls" role="group" aria-label={text.machine}>
          {BUTTONS.map((command) => (
            <CommandButton key={command.id} store={store} command={command} />
          ))}
          <CommandMenu store={store} label={text.moreCommands} commands={MENU} />
          <SpeedChoice store={store} />
          <Shortcuts />
        </div>
        <Status store={store} lab={lab} />
      </div>
      <RunTimeline store={store} />
    </>
  )
}

/** A disabled button would lose the focus at every step, so it only says that it is. */
function CommandButton({ store, command }: { readonly store: LabStore; readonly command: Command }) {
  return (
    <button
      type="button"
      class={`wb-button wb-${command.id}`}
      aria-disabled={!command.isEnabled(store)}
      aria-keyshortcuts={command.keys.replace('Ctrl', 'Control')}
      title={`${command.label} (${command.keys}): ${command.about}`}
      onClick={() => {
        if (command.isEnabled(store)) command.act(store)
      }}
    >
      <Icon name={command.icon!} />
      <span class="wb-label">{command.label}</span>
    </button>
  )
}

function SpeedChoice({ store }: { readonly store: LabStore }) {
  return (
    <label class="wb-speed">
      <span class="wb-hidden">{text.speed}</span>
      <select
        title={text.aboutSpeed}
        value={SPEEDS.findIndex(({ pace }) => pace === store.pace.value)}
        onChange={({ currentTarget }) => store.setPace(SPEEDS[Number(currentTarget.value)].pace)}
      >
        {SPEEDS.map(({ label }, index) => (
          <option key={label} value={index}>
            {label}
          </option>
        ))}
      </select>
    </label>
  )
}

function Status({ store, lab }: { readonly store: LabStore; readonly lab: Lab }) {
  const view = store.view.value
  const instructions = store.progress.value ?? view?.instructions ?? 0
  const limit = lab.limits.instructions
  const isRunning = store.activity.value === 'running'
  return (
    <div class="wb-status">
      <span title={view?.stop}>
        <span class="wb-state">{describeState(store)}</span>
        {view?.stop !== undefined && <span class="wb-met">: {view.stop}</span>}
      </span>
      <span class="wb-count">
        <b>{count(instructions)}</b> {text.ofAtMost(limit)}
      </span>
      {isRunning && store.progress.value !== undefined && (
        <progress max={limit} value={instructions} aria-label={text.instructionsUsed} />
      )}
      {/* On the way back nobody counts. */}
      {isRunning && store.progress.value === undefined && <progress aria-label={text.atWork} />}
    </div>
  )
}

function describeState(store: LabStore): string {
  const view = store.view.value
  if (store.activity.value === 'running') return text.isRunning
  if (store.errors.value.length > 0) return text.textsHaveErrors
  if (store.isStale.value) return text.runBeginsAnew
  if (view === undefined || view.instructions === 0) return text.isAtStart
  return view.ending === undefined ? text.isPaused : text.hasEnded
}
