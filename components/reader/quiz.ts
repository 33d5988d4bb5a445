/** Notes the first answer that a reader opens to each question of a chapter's quiz. The store is loaded only then. */
import { contentHash } from './records.ts'

/** Of all questions in `root`: elements .quiz-question with .ask and several <details class="quiz-answer">. */
export function noteAnswers(root: Document): void {
  // "toggle" does not bubble.
  root.addEventListener(
    'toggle',
    ({ target }) => {
      if (target instanceof HTMLDetailsElement && target.open && target.matches('.quiz-answer'))
        void note(target)
    },
    { capture: true },
  )
}

function textOf(element: Element | null | undefined): string {
  return element?.textContent.trim().replace(/\s+/g, ' ') ?? ''
}

async function note(answer: HTMLDetailsElement): Promise<void> {
  const element = answer.closest('.quiz-question')
  const question = textOf(element?.querySelector('.ask'))
  const sayNotKept = async (): Promise<void> => (await import('./quiz-note.ts')).sayNotKept(element)
  const path = location.pathname
  const key = `${path}#${contentHash([question])}`
  try {
    const { readerStore } = await import('./store.ts')
    const store = await readerStore()
    if (!store.isLasting) void sayNotKept()
    if ((await store.load('quiz', key)) !== undefined) return
    await store.save('quiz', key, {
      format: 1,
      question,
      page: textOf(document.querySelector('h1')),
      path,
      first: textOf(answer.querySelector('summary')),
      isRight: answer.querySelector('.why.right') !== null,
      at: Date.now(),
    })
  } catch {
    // Storage is full: the answer is on the page, and not counted.
    await sayNotKept()
  }
}
