/** Says below a question of a quiz that answers are not kept. Loaded only where that is so. */
import { answerNotKept } from '../strings.ts'

/** Once on a page. */
export function sayNotKept(question: Element | null): void {
  if (question === null || document.querySelector('.quiz-not-kept') !== null) return
  const note = document.createElement('p')
  note.className = 'quiz-not-kept'
  note.setAttribute('role', 'status')
  note.textContent = answerNotKept
  question.append(note)
}
