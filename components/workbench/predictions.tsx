/** Questions to answer before the first run; after it, the reader's answer beside what the machine did. */
import type { Lab } from '../../emulator/lab/index.ts'
import * as text from '../strings.ts'
import { landmark } from './landmark.ts'
import type { LabStore } from './store.ts'

type Question = Lab['predict'][number]

export function Predictions({ store, lab }: { readonly store: LabStore; readonly lab: Lab }) {
  if (lab.predict.length === 0) return null
  return (
    <section class="wb-predictions" aria-label={landmark(store, text.predictions)}>
      <h3>{text.beforeYouRun}</h3>
      {lab.predict.map((question) => (
        <QuestionForm key={question.id} store={store} lab={lab} question={question} />
      ))}
    </section>
  )
}

interface QuestionProps {
  readonly store: LabStore
  readonly lab: Lab
  readonly question: Question
}

function QuestionForm({ store, lab, question: { id, ask, answers } }: QuestionProps) {
  const prediction = store.exercise.prediction(id)
  const { chosen, held } = prediction ?? {}
  return (
    <fieldset class="wb-question" data-question={id} disabled={held !== undefined}>
      <legend>{ask}</legend>
      {answers.map(({ text: answer }, index) => (
        <label
          key={answer}
          class={held === undefined ? '' : index === held ? 'is-held' : index === chosen ? 'is-wrong' : ''}
        >
          <input
            type="radio"
            name={`${lab.slug}-${id}`}
            checked={chosen === index}
            onChange={() => store.exercise.predict(id, index)}
          />
          {answer}
        </label>
      ))}
      {held !== undefined && <p role="status">{comparison(answers, chosen, held)}</p>}
    </fieldset>
  )
}

function comparison(answers: Question['answers'], chosen: number | undefined, held: number): string {
  const truth = answers[held]?.text ?? ''
  if (chosen === undefined) return text.ranBeforeAnswering(truth)
  return chosen === held ? text.asPredicted(truth) : text.happenedInstead(truth)
}
