/** The workbench of one lab: controls, texts, panels, goals. */
import { Controls } from './controls.tsx'
import { EditorPane } from './editors/pane.tsx'
import { Goals } from './goals.tsx'
import { ImagePane } from './image-pane.tsx'
import { GuessForm } from './guess.tsx'
import { Notes } from './notes.tsx'
import { Panels } from './panels/panels.tsx'
import { Predictions } from './predictions.tsx'
import { ReportError } from './report-error.tsx'
import type { LabStore } from './store.ts'

export function Lab({ store }: { readonly store: LabStore }) {
  const opened = store.opened.value
  const { lab } = opened ?? {}
  return (
    <>
      <Notes store={store} />
      <p class="wb-hidden" role="status">
        {store.announcement.value}
      </p>
      {opened !== undefined && lab !== undefined && (
        <>
          <Predictions store={store} lab={lab} />
          <Controls store={store} lab={lab} />
          <div class="wb-bench">
            {opened.image === undefined ? (
              <EditorPane store={store} lab={lab} />
            ) : (
              <ImagePane store={store} image={opened.image} />
            )}
            <Panels store={store} lab={lab} />
          </div>
          <GuessForm store={store} lab={lab} />
          <ReportError store={store} slug={lab.slug} />
          {lab.goals.length > 0 && <Goals store={store} opened={opened} />}
        </>
      )}
    </>
  )
}
