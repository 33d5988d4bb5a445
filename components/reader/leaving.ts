/** What saves the reader's work when the page may go away. */
import { keepUnfinished } from './unfinished.ts'

/** Saves what is not saved yet; a page that is being left cannot wait for anything. */
type Save = (isLeft: boolean) => Promise<void>

const saves = new Set<Save>()

/** Has `save` called when the page is hidden or left, and by saveWork(). Returns what ends that. */
export function saveOnLeaving(save: Save): () => void {
  window.addEventListener('pagehide', onLeaving)
  document.addEventListener('visibilitychange', onLeaving)
  saves.add(save)
  return () => void saves.delete(save)
}

function onLeaving({ type }: Event): void {
  const isLeft = type === 'pagehide'
  void saveWork(isLeft)
  keepUnfinished(isLeft)
}

/** Saves everything on this page that is not saved yet. */
export async function saveWork(isLeft = false): Promise<void> {
  await Promise.all([...saves].map((save) => save(isLeft)))
}
