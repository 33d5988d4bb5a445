/** The dialogue with the text of an error report: to be read, completed and copied by the reader. Nothing is sent. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { BUILD } from '../build.ts'
import { errorReport } from './error-report.ts'
import { linkTo } from './share.tsx'
import { describeStop, type LabStore } from './store.ts'

async function reportOf(store: LabStore, slug: string): Promise<string> {
  const view = store.view.value
  return errorReport({
    link: await linkTo(store, slug),
    lab: slug,
    build: BUILD,
    browser: navigator.userAgent,
    result: view === undefined || view.instructions === 0 ? '' : describeStop(view),
    problems: store.diagnostics.value.map(({ file, line, message }) => `${file}:${line}: ${message}`),
    failure: store.failure.value,
  })
}

export function ReportError({ store, slug }: { readonly store: LabStore; readonly slug: string }) {
  const dialog = useRef<HTMLDialogElement>(null)
  const [text, setText] = useState('')
  const [outcome, setOutcome] = useState('')
  const isWanted = store.isReporting.value
  useEffect(() => {
    if (!isWanted) return
    setOutcome('')
    void reportOf(store, slug).then((report) => {
      setText(report)
      dialog.current?.showModal()
    })
  }, [isWanted, store, slug])
  const copy = (): void => {
    navigator.clipboard.writeText(text).then(
      () => setOutcome('The report is copied.'),
      () => setOutcome('The browser refuses the clipboard: select the text and copy it.'),
    )
  }
  return (
    <dialog
      ref={dialog}
      class="wb-sheet wb-report"
      aria-label="Report an error"
      onClose={() => (store.isReporting.value = false)}
    >
      <div class="wb-sheet-body">
        <form method="dialog" class="wb-sheet-head">
          <h3>Report an error</h3>
          <button class="wb-button">Close</button>
        </form>
        <p>
          This text has what others need to see the same, your texts included (in the link). Complete it, and
          send it to whoever keeps this book. Nothing is sent from here.
        </p>
        <textarea
          aria-label="The report"
          rows={14}
          value={text}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
        <p class="wb-help-actions">
          <button type="button" class="wb-button" onClick={copy}>
            Copy the report
          </button>
          <span role="status">{outcome}</span>
        </p>
      </div>
    </dialog>
  )
}
