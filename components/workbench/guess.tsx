/** VMRUN has failed and the lab does not say why: the reader commits to a field and a reason, and then sees the check. */
import { useState } from 'preact/hooks'
import type { Lab } from '../../emulator/lab/index.ts'
import { findField, VMCB_FIELDS } from '../../emulator/svm/index.ts'
import * as text from '../strings.ts'
import type { RunView } from './protocol.ts'
import { landmark } from './landmark.ts'
import type { LabStore } from './store.ts'

interface Committed {
  readonly field: string
  readonly reason: string
}

/** Fields of the checks that failed, in the newest exit that has any. */
function failedFields({
  exits,
}: RunView): readonly { readonly name: string; readonly explanation: string }[] {
  const exit = exits.findLast(({ explanation }) => explanation.checks.length > 0)
  return (exit?.explanation.checks ?? []).map(({ field, explanation }) => ({
    name: findField(field)?.name ?? field,
    explanation,
  }))
}

export function GuessForm({ store, lab }: { readonly store: LabStore; readonly lab: Lab }) {
  const [committed, commit] = useState<Committed>()
  const view = store.view.value
  // A lab that never says which check failed does not ask for it.
  if (view === undefined || lab.reveal !== 'after-guess') return null
  // The focus stays in here when the form makes way for what came of it.
  return (
    <div class="wb-guess-place">
      {view.exits.some(({ isKeptBack }) => isKeptBack) ? (
        <Form store={store} slug={lab.slug} onCommit={(guess) => void reveal(store, guess, commit)} />
      ) : (
        committed !== undefined && <Outcome store={store} view={view} committed={committed} />
      )}
    </div>
  )
}

interface OutcomeProps {
  readonly store: LabStore
  readonly view: RunView
  readonly committed: Committed
}

function Outcome({ store, view, committed }: OutcomeProps) {
  const failed = failedFields(view)
  if (failed.length === 0) return null
  const isRight = failed.some(({ name }) => name === committed.field)
  return (
    <section class="wb-guess" aria-label={landmark(store, text.yourGuess)} role="status">
      <h3>{isRight ? text.rightField : text.wrongField}</h3>
      <dl class="wb-guess-facts">
        <dt>{text.youSaid}</dt>
        <dd>
          {committed.field}: {committed.reason}
        </dd>
        <dt>{text.vmrunSaid}</dt>
        {failed.map(({ name, explanation }) => (
          <dd key={explanation}>
            {name}: {explanation}
          </dd>
        ))}
      </dl>
    </section>
  )
}

async function reveal(
  store: LabStore,
  guess: Committed,
  commit: (committed: Committed) => void,
): Promise<void> {
  if (!(await store.reveal())) {
    store.announce(text.anotherLabHasMachine)
    return
  }
  const failed = failedFields(store.view.value!)
  store.exercise.noteGuess({ ...guess, isRight: failed.some(({ name }) => name === guess.field) })
  commit(guess)
}

/** The field by its name in texts or in the manual. */
function fieldOf(typed: string): (typeof VMCB_FIELDS)[number] | undefined {
  const wanted = typed.trim().toLowerCase()
  return VMCB_FIELDS.find(({ key, name }) => key === wanted || name.toLowerCase() === wanted)
}

interface FormProps {
  readonly store: LabStore
  readonly slug: string
  readonly onCommit: (guess: Committed) => void
}

function Form({ store, slug, onCommit }: FormProps) {
  const [field, setField] = useState('')
  const [reason, setReason] = useState('')
  const known = fieldOf(field)
  const list = `wb-${slug}-fields`
  return (
    <section class="wb-guess" aria-label={landmark(store, text.yourGuess)}>
      <h3>{text.whichFieldAndWhy}</h3>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (known !== undefined && reason.trim() !== '')
            onCommit({ field: known.name, reason: reason.trim().slice(0, LONGEST_REASON) })
        }}
      >
        <label>
          {text.fieldOfVmcb}
          <input
            name="field"
            list={list}
            value={field}
            autocomplete="off"
            aria-invalid={field !== '' && known === undefined}
            onInput={({ currentTarget }) => setField(currentTarget.value)}
          />
        </label>
        <datalist id={list}>
          {VMCB_FIELDS.map(({ key, name }) => (
            <option key={key} value={key} label={name} />
          ))}
        </datalist>
        <label>
          {text.reason}
          <textarea
            name="reason"
            rows={2}
            value={reason}
            maxLength={LONGEST_REASON}
            onInput={({ currentTarget }) => setReason(currentTarget.value)}
          />
        </label>
        <p>
          <button type="submit" class="wb-button" disabled={known === undefined || reason.trim() === ''}>
            {text.commitAndCompare}
          </button>{' '}
          <span class="wb-soft">{text.checkIsShownAfterwards}</span>
        </p>
      </form>
    </section>
  )
}

const LONGEST_REASON = 500
