/** What the reader should know before anything else: failures, restored work, storage that is refused. */
import { useState } from 'preact/hooks'
import { Differences } from './differences.tsx'
import { when } from './format.ts'
import type { LabStore } from './store.ts'
import type { Keeping } from './work.ts'

export function Notes({ store }: { readonly store: LabStore }) {
  return (
    <>
      <Failure store={store} />
      <OriginNote store={store} />
      {store.linkProblem.value !== '' && (
        <p class="wb-note">
          <span>The link could not be followed: {store.linkProblem.value}.</span>{' '}
          <button type="button" class="wb-link wb-dismiss" onClick={() => (store.linkProblem.value = '')}>
            Dismiss
          </button>
        </p>
      )}
      {KEEPING[store.work.keeping.value] !== undefined && (
        <p class="wb-note">{KEEPING[store.work.keeping.value]}</p>
      )}
    </>
  )
}

/** What the reader should know where work is not kept. */
const KEEPING: Readonly<Partial<Record<Keeping, string>>> = {
  refused: 'This browser refuses storage: your work is kept only until you leave this page.',
  full: 'The browser has no room left to keep your work. Save it as a file, below, before you leave this page.',
  elsewhere:
    'This lab is open in another tab, which keeps your work. What you write here is kept once that tab is closed.',
}

function Failure({ store }: { readonly store: LabStore }) {
  switch (store.activity.value) {
    case 'opening':
      return <p class="wb-note wb-loading">Starting the machine …</p>
    case 'crashed':
      return (
        <div class="wb-problem" role="alert">
          <p>
            The machine stopped working: {store.failure.value}. Your texts are safe.{' '}
            <button type="button" class="wb-button" onClick={() => void store.restart()}>
              Restart the machine
            </button>
          </p>
        </div>
      )
    case 'idle':
    case 'running':
      return null
  }
}

function OriginNote({ store }: { readonly store: LabStore }) {
  const origin = store.work.origin.value
  const restore = store.work.versions.value.length > 0 && (
    <button type="button" class="wb-link" onClick={() => store.restore()}>
      Restore my text
    </button>
  )
  const startOver = (
    <button type="button" class="wb-link" onClick={() => store.startOver()}>
      Start over
    </button>
  )
  switch (origin.kind) {
    case 'start':
      return null
    case 'saved':
      return (
        <p class="wb-note">
          <span>This is your saved work of {when(origin.savedAt)}.</span> {startOver}{' '}
          <Dismiss store={store} />
        </p>
      )
    case 'changed':
      return (
        <div class="wb-note">
          <span>
            This lab has changed since you worked on it. The texts below are yours of {when(origin.savedAt)}.
          </span>{' '}
          <Comparison store={store} label="Compare with the new start" /> {startOver}{' '}
          <Dismiss store={store} />
        </div>
      )
    case 'shared':
      return (
        <div class="wb-note">
          <span>
            These texts come from a {origin.from}
            {origin.isCurrent ? '.' : ' that was made with another version of this lab.'}{' '}
            {store.work.versions.value.length > 0 && 'Yours are kept.'}
          </span>{' '}
          <Comparison store={store} label="Compare with the start" /> {restore} <Dismiss store={store} />
        </div>
      )
    case 'unreadable':
      return (
        <p class="wb-note">
          <span>Your saved work could not be read and was ignored. The texts are those of the start.</span>{' '}
          <Dismiss store={store} />
        </p>
      )
    case 'fresh':
      return (
        <p class="wb-note">
          <span>The address asks for a fresh start: your saved work is kept, but not shown.</span> {restore}{' '}
          <Dismiss store={store} />
        </p>
      )
    case 'started-over':
      return (
        <p class="wb-note">
          <span>The texts are those of the start.</span> {restore} <Dismiss store={store} />
        </p>
      )
  }
}

/** The texts beside those of the start. */
function Comparison({ store, label }: { readonly store: LabStore; readonly label: string }) {
  const { start } = store.opened.value ?? {}
  const [isShown, show] = useState(false)
  if (start === undefined) return null
  return (
    <>
      <button type="button" class="wb-link" aria-expanded={isShown} onClick={() => show(!isShown)}>
        {label}
      </button>
      {isShown && <Differences left={store.work.texts.value} right={start} titles={['Shown', 'Start']} />}
    </>
  )
}

function Dismiss({ store }: { readonly store: LabStore }) {
  return (
    <button type="button" class="wb-link wb-dismiss" onClick={() => store.work.dismissNote()}>
      Dismiss
    </button>
  )
}
