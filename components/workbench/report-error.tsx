/** The dialogue with the text of an error report: to be read, completed and copied by the reader. Nothing is sent. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { BUILD } from '../build.ts'
import { PLAYGROUND } from '../paths.ts'
import * as text from '../strings.ts'
import { errorReport } from './error-report.ts'
import { linkTo } from './share.tsx'
import { describeStop, type LabStore } from './store.ts'

async function reportOf(store: LabStore, slug: string): Promise<string> {
  const view = store.view.value
  return errorReport({
    link: slug === PLAYGROUND ? text.attachMachine : await linkTo(store, slug),
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
  const [report, setReport] = useState('')
  const [outcome, setOutcome] = useState('')
  const isWanted = store.isReporting.value
  useEffect(() => {
    if (!isWanted) return
    setOutcome('')
    void reportOf(store, slug).then((content) => {
      setReport(content)
      dialog.current?.showModal()
    })
  }, [isWanted, store, slug])
  const copy = (): void => {
    navigator.clipboard.writeText(report).then(
      () => setOutcome(text.reportIsCopied),
      () => setOutcome(text.selectAndCopy),
    )
  }
  return (
    <dialog
      ref={dialog}
      class="wb-sheet wb-report"
      aria-label={text.reportError}
      onClose={() => (store.isReporting.value = false)}
    >
      <div class="wb-sheet-body">
        <form method="dialog" class="wb-sheet-head">
          <h3>{text.reportError}</h3>
          <button class="wb-button">{text.close}</button>
        </form>
        <p>{text.aboutReport}</p>
        <textarea
          aria-label={text.theReport}
          rows={14}
          value={report}
          onInput={({ currentTarget }) => setReport(currentTarget.value)}
        />
        <p class="wb-help-actions">
          <button type="button" class="wb-button" onClick={copy}>
            {text.copyReport}
          </button>
          <span role="status">{outcome}</span>
        </p>
      </div>
    </dialog>
  )
}
