/** What the reader should know before anything else: failures, restored work, storage that is refused. */
import type { LabStore } from './store.ts'

function when(milliseconds: number): string {
  return new Date(milliseconds).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' })
}

export function Notes({ store }: { readonly store: LabStore }) {
  return (
    <>
      <Failure store={store} />
      <OriginNote store={store} />
      {!store.work.isStorageLasting.value && (
        <p class="wb-note">This browser refuses storage: your work is kept only until you leave this page.</p>
      )}
    </>
  )
}

function Failure({ store }: { readonly store: LabStore }) {
  switch (store.activity.value) {
    case 'opening':
      return <p class="wb-note wb-loading">Starting the machine …</p>
    case 'unusable':
      return (
        <div class="wb-problem" role="alert">
          <p>This lab cannot be used:</p>
          <pre tabIndex={0}>{store.failure.value}</pre>
        </div>
      )
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
  const restore = store.work.earlier.value !== undefined && (
    <button type="button" class="wb-link" onClick={() => store.restoreEarlier()}>
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

function Dismiss({ store }: { readonly store: LabStore }) {
  return (
    <button type="button" class="wb-link wb-dismiss" onClick={() => store.work.dismissNote()}>
      Dismiss
    </button>
  )
}
