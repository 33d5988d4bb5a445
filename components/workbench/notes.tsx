/** What the reader should know before anything else: failures, restored work, storage that is refused. */
import { useState } from 'preact/hooks'
import * as text from '../strings.ts'
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
          <span>{text.linkNotFollowed(store.linkProblem.value)}</span>{' '}
          <button type="button" class="wb-link wb-dismiss" onClick={() => (store.linkProblem.value = '')}>
            {text.dismiss}
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
  refused: text.workNotKept,
  full: text.noRoomForTexts,
  elsewhere: text.openInAnotherTab,
}

function Failure({ store }: { readonly store: LabStore }) {
  switch (store.activity.value) {
    case 'opening':
      return <p class="wb-note wb-loading">{text.startingMachine}</p>
    case 'crashed':
      return (
        <div class="wb-problem" role="alert">
          <p>
            {text.machineStoppedWorking(store.failure.value)}{' '}
            <button type="button" class="wb-button" onClick={() => void store.restart()}>
              {text.restartMachine}
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
      {text.restoreMyText}
    </button>
  )
  const startOver = (
    <button type="button" class="wb-link" onClick={() => store.startOver()}>
      {text.startOver}
    </button>
  )
  switch (origin.kind) {
    case 'start':
      return null
    case 'saved':
      return (
        <p class="wb-note">
          <span>{text.savedWorkOf(when(origin.savedAt))}</span> {startOver} <Dismiss store={store} />
        </p>
      )
    case 'changed':
      return (
        <div class="wb-note">
          <span>{text.labHasChanged(when(origin.savedAt))}</span>{' '}
          <Comparison store={store} label={text.compareWithNewStart} /> {startOver} <Dismiss store={store} />
        </div>
      )
    case 'shared':
      return (
        <div class="wb-note">
          <span>
            {origin.isCurrent ? text.textsComeFrom(origin.from) : text.textsOfAnotherVersion(origin.from)}{' '}
            {store.work.versions.value.length > 0 && text.yoursAreKept}
          </span>{' '}
          <Comparison store={store} label={text.compareWithStart} /> {restore} <Dismiss store={store} />
        </div>
      )
    case 'unreadable':
      return (
        <p class="wb-note">
          <span>{text.savedWorkUnreadable}</span> <Dismiss store={store} />
        </p>
      )
    case 'fresh':
      return (
        <p class="wb-note">
          <span>{text.freshStart}</span> {restore} <Dismiss store={store} />
        </p>
      )
    case 'started-over':
      return (
        <p class="wb-note">
          <span>{text.textsAreThoseOfStart}</span> {restore} <Dismiss store={store} />
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
      {isShown && (
        <Differences left={store.work.texts.value} right={start} titles={[text.shown, text.start]} />
      )}
    </>
  )
}

function Dismiss({ store }: { readonly store: LabStore }) {
  return (
    <button type="button" class="wb-link wb-dismiss" onClick={() => store.work.dismissNote()}>
      {text.dismiss}
    </button>
  )
}
