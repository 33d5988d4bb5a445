/** Errors and warnings as a list; choosing one goes to its line. */
import type { Diagnostic } from '../../../emulator/lab/index.ts'
import * as text from '../../strings.ts'
import { landmark } from '../landmark.ts'
import type { LabStore } from '../store.ts'

/** More than a reader wants to see at once. */
const MOST_SHOWN = 50

export function Problems({ store }: { readonly store: LabStore }) {
  const diagnostics = store.diagnostics.value
  return (
    <section
      class="wb-problems"
      aria-label={landmark(store, text.problems)}
      tabIndex={diagnostics.length > 0 ? 0 : undefined}
    >
      {diagnostics.length > 0 && (
        <ul>
          {diagnostics.slice(0, MOST_SHOWN).map((diagnostic, index) => (
            <Problem key={index} store={store} diagnostic={diagnostic} />
          ))}
        </ul>
      )}
      {diagnostics.length > MOST_SHOWN && (
        <p class="wb-soft">{text.moreProblems(diagnostics.length - MOST_SHOWN)}</p>
      )}
    </section>
  )
}

function Problem({ store, diagnostic }: { readonly store: LabStore; readonly diagnostic: Diagnostic }) {
  const { file, line, severity, message, hint } = diagnostic
  return (
    <li class={`is-${severity}`}>
      <button type="button" onClick={() => store.goToLine(file, line, true)}>
        <span class="wb-severity">{severity === 'error' ? text.error : text.warning}</span>{' '}
        <span class="wb-place">
          {file}:{line}
        </span>{' '}
        {message}
        {hint !== '' && <span class="wb-soft"> · {hint}</span>}
      </button>
    </li>
  )
}
