/** What stands below the bench: goals and what is missing, hints one by one, the solution, texts that were put aside, sharing. */
import { useState } from 'preact/hooks'
import type { GoalResult } from '../../emulator/lab/index.ts'
import type { LabProgress, Version } from '../reader/records.ts'
import * as text from '../strings.ts'
import { when } from './format.ts'
import type { LabPayload } from './protocol.ts'
import { Share } from './share.tsx'
import { Solution } from './solution.tsx'
import { landmark } from './landmark.ts'
import type { LabStore } from './store.ts'

export function Goals({ store, opened }: { readonly store: LabStore; readonly opened: LabPayload }) {
  const { lab, start, solution } = opened
  const view = store.view.value
  // Before a run nothing is met or missed.
  const results = view === undefined || view.instructions === 0 ? undefined : view.goals
  const met = results?.filter((goal) => goal.met).length ?? 0
  const [isSolutionShown, setSolutionShown] = useState(false)
  const versions = store.work.versions.value
  const hasSolution = Object.keys(solution).some((name) => solution[name] !== start[name])
  return (
    <div class="wb-lower">
      <section class="wb-goals" aria-label={landmark(store, text.goals)}>
        <h3>
          {text.goals}{' '}
          <span class="wb-tally">
            {results === undefined ? `${lab.goals.length}` : text.goalsMetOf(met, lab.goals.length)}
          </span>
        </h3>
        <ul>
          {lab.goals.map((goal) => (
            <Goal
              key={goal.id}
              text={goal.text}
              result={results?.find(({ id }) => id === goal.id)}
              isOver={view?.ending !== undefined}
            />
          ))}
        </ul>
        {lab.manual.length > 0 && <p class="wb-manual">{text.manual(lab.manual.join(', '))}</p>}
      </section>
      <section class="wb-help" aria-label={landmark(store, text.help)}>
        <h3>{text.help}</h3>
        <Hints store={store} hints={lab.hints} />
        <p class="wb-help-actions">
          {hasSolution && (
            <button
              type="button"
              class="wb-button"
              aria-expanded={isSolutionShown}
              onClick={() => setSolutionShown(!isSolutionShown)}
            >
              {isSolutionShown ? text.hideSolution : text.showSolution}
            </button>
          )}
          <button
            type="button"
            class="wb-button"
            disabled={store.work.isAtStart.value}
            onClick={() => store.startOver()}
          >
            {text.resetText}
          </button>
          {versions.length > 0 && (
            <button type="button" class="wb-button" onClick={() => store.restore()}>
              {text.restoreMyText}
            </button>
          )}
        </p>
        {versions.length > 1 && <Versions store={store} versions={versions} />}
        <Record progress={store.exercise.progress.value} />
      </section>
      <Share store={store} slug={lab.slug} />
      {isSolutionShown && <Solution store={store} solution={solution} start={start} />}
    </div>
  )
}

/** All texts that were put aside. */
function Versions({ store, versions }: { readonly store: LabStore; readonly versions: readonly Version[] }) {
  return (
    <details class="wb-versions">
      <summary>{text.textsPutAside(versions.length)}</summary>
      <ul>
        {versions.map(({ savedAt }, index) => (
          <li key={savedAt}>
            {when(savedAt)}{' '}
            <button type="button" class="wb-link" onClick={() => store.restore(index)}>
              {text.restore}
            </button>
          </li>
        ))}
      </ul>
    </details>
  )
}

/** How far the reader has come here, over all visits. */
function Record({ progress }: { readonly progress: LabProgress | undefined }) {
  if (progress === undefined || progress.attempts === 0) return null
  const { attempts, completedAt } = progress
  const done = completedAt === undefined ? '' : ` ${text.allGoalsMetOn(when(completedAt))}`
  return (
    <p class="wb-record">
      {text.attemptsSoFar(attempts)}
      {done}
    </p>
  )
}

interface GoalProps {
  readonly text: string
  readonly result: GoalResult | undefined
  /** Before the end, a goal that is not met may still be. */
  readonly isOver: boolean
}

function Goal({ text: goal, result, isOver }: GoalProps) {
  const state = result?.met === true ? 'met' : result !== undefined && isOver ? 'unmet' : 'open'
  const missed = state === 'unmet' ? (result?.conditions.filter(({ met }) => !met) ?? []) : []
  const reasons = [...new Set(missed.map(({ reason }) => reason))]
  return (
    <li class={`wb-goal is-${state}`} data-state={state}>
      <span class="wb-goal-mark" aria-hidden="true">
        {{ open: '○', met: '✓', unmet: '×' }[state]}
      </span>
      <div>
        <span class="wb-hidden">{{ open: '', met: text.goalIsMet, unmet: text.goalIsNotMet }[state]}</span>
        {goal}
        {reasons.map((reason) => (
          <p key={reason} class="wb-reason">
            {reason}
          </p>
        ))}
      </div>
    </li>
  )
}

function Hints({ store, hints }: { readonly store: LabStore; readonly hints: readonly string[] }) {
  const shown = store.hintsShown.value
  if (hints.length === 0) return null
  return (
    <div aria-live="polite">
      <ol class="wb-hints">
        {hints.slice(0, shown).map((hint) => (
          <li key={hint}>{hint}</li>
        ))}
      </ol>
      {shown < hints.length && (
        <button type="button" class="wb-button" onClick={() => store.showHint()}>
          {(shown === 0 ? text.firstHint : text.nextHint)(shown + 1, hints.length)}
        </button>
      )}
    </div>
  )
}
