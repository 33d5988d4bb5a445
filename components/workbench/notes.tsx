/** What the reader should know before anything else: failures, restored work, storage that is refused. */
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import * as text from '../strings.ts'
import { Differences } from './differences.tsx'
import { when } from './format.ts'
import type { LabStore } from './store.ts'
import type { Keeping } from './work.ts'

export function Notes({ store }: { readonly store: LabStore }) {
  const notKept = KEEPING[store.work.keeping.value]
  return (
    <>
      <Failure store={store} />
      <OriginNote store={store} />
      {store.linkProblem.value !== '' && (
        <Note store={store} text={text.linkNotFollowed(store.linkProblem.value)}>
          <button type="button" class="wb-link wb-dismiss" onClick={() => (store.linkProblem.value = '')}>
            {text.dismiss}
          </button>
        </Note>
      )}
      {notKept !== undefined && <Note store={store} text={notKept} />}
    </>
  )
}

interface NoteProps {
  readonly store: LabStore
  readonly text: string
  /** Another one makes it another note, though the words be the same. */
  readonly cause?: object
  readonly children?: ComponentChildren
}

/** A note is told to screen readers when it appears, unless it is there from the start. */
function Note({ store, text, cause, children }: NoteProps) {
  useEffect(() => {
    if (store.opened.peek() !== undefined) store.announce(text)
  }, [store, text, cause])
  return (
    <div class="wb-note">
      <span>{text}</span> {children}
    </div>
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
        <Note store={store} text={text.savedWorkOf(when(origin.savedAt))}>
          {startOver} <Dismiss store={store} />
        </Note>
      )
    case 'changed':
      return (
        <Note store={store} text={text.labHasChanged(when(origin.savedAt))}>
          <Comparison store={store} label={text.compareWithNewStart} /> {startOver} <Dismiss store={store} />
        </Note>
      )
    case 'shared':
      return (
        <Note
          store={store}
          text={`${origin.isCurrent ? text.textsComeFrom(origin.from) : text.textsOfAnotherVersion(origin.from)} ${restore ? text.yoursAreKept : ''}`}
        >
          <Comparison store={store} label={text.compareWithStart} /> {restore} <Dismiss store={store} />
        </Note>
      )
    case 'unreadable':
      return (
        <Note store={store} text={text.savedWorkUnreadable}>
          <Dismiss store={store} />
        </Note>
      )
    case 'fresh':
      return (
        <Note store={store} text={text.freshStart}>
          {restore} <Dismiss store={store} />
        </Note>
      )
    case 'started-over':
      return (
        <Note store={store} text={text.textsAreThoseOfStart} cause={origin}>
          {restore} <Dismiss store={store} />
        </Note>
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
