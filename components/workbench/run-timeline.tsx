/** The timeline below the toolbar: where in the run the machine is, what happened in it, and the way there by dragging. */
import { useEffect, useState } from 'preact/hooks'
import { Timeline as TimelineFigure } from '../figures/timeline.tsx'
import * as text from '../strings.ts'
import type { Timeline } from './protocol.ts'
import { landmark } from './landmark.ts'
import type { LabStore } from './store.ts'

/** Marks are asked for when the machine has been at rest for so long: the next step does not wait for them. Milliseconds. */
const REST = 120

const NOTHING: Timeline = { position: 0, extent: 0, marks: [] }

/** Whether the marks are the same, so that nothing need be drawn anew: a run only ever gets new ones at its end. */
function isSame(a: Timeline, b: Timeline): boolean {
  return a.extent === b.extent && a.marks.length === b.marks.length && a.marks[0]?.at === b.marks[0]?.at
}

export function RunTimeline({ store }: { readonly store: LabStore }) {
  const [known, setKnown] = useState(NOTHING)
  const view = store.view.value
  const isIdle = store.activity.value === 'idle'
  useEffect(() => {
    if (!isIdle || view === undefined) return undefined
    const timer = setTimeout(() => {
      void store
        .ask((client) => client.timeline())
        .then((timeline) => {
          if (timeline !== undefined) setKnown((before) => (isSame(before, timeline) ? before : timeline))
        })
    }, REST)
    return () => clearTimeout(timer)
  }, [store, view, isIdle])
  const position = store.progress.value ?? view?.instructions ?? 0
  return (
    <section
      class={`wb-timeline${store.isStale.value ? ' is-stale' : ''}`}
      aria-label={landmark(store, text.timelineOfRun)}
    >
      <TimelineFigure
        isBare
        record={{
          ...known,
          position,
          extent: Math.max(known.extent, position),
          processors: view?.cpus.length ?? 1,
        }}
        onSeek={(instructions) => void store.goTo(instructions)}
      />
    </section>
  )
}
